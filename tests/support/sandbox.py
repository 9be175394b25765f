"""A home of its own with stub wheels beside it: everything that a plan is made from and applied in."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from support.wheel_index import StubWheel, stub_wheel
from torchup.apply.run import Machine
from torchup.apply.survey import read_file, survey_target
from torchup.model.context import Context, Places, Terminal
from torchup.model.facts import MachineFacts, OperatingSystem, Python, Shells, User
from torchup.model.offer import IndexSettings, Offer
from torchup.model.outcome import Report
from torchup.model.plan import Plan, Verify
from torchup.model.request import EnvironmentWish, Request
from torchup.model.resolution import DriverDecision, Resolution, ToolkitDecision, TorchPick
from torchup.plan.build import PlanInput, environment_path, make_plan

OWN = (".local/state", ".cache", ".rustup")
"""What a run keeps for itself below a home (journal, backups, lock, log, caches), and what pip's look at rustc makes."""


def context_in(home: Path, *, environ: Mapping[str, str] | None = None, root: Path = Path("/")) -> Context:
    """Give the context of a person whose home is `home`."""
    below = home if root == Path("/") else root / home.relative_to("/")
    inherited = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    return Context(
        environ={**inherited, "HOME": str(home), "UV_CACHE_DIR": str(below / ".cache/uv"), **(environ or {})},
        home=home,
        cwd=home,
        root=root,
        places=Places(
            config=below / ".config/torchup",
            state=below / ".local/state/torchup",
            cache=below / ".cache/torchup",
            log=below / ".local/state/torchup/log",
        ),
        terminal=Terminal(stdin_is_terminal=False, stdout_is_terminal=False, stderr_is_terminal=False),
        now=lambda: datetime.now(UTC),
    )


def tree(home: Path, *, leave_out: tuple[str, ...] = OWN) -> dict[str, str]:
    """Describe everything below a folder: kind, mode, owner and content, and what links lead to."""
    found: dict[str, str] = {}
    for folder, folders, files in os.walk(home):
        for name in sorted([*folders, *files]):
            path = Path(folder) / name
            relative = str(path.relative_to(home))
            if relative.startswith(leave_out) or any(part.startswith(f"{relative}/") for part in leave_out):
                continue
            status = path.lstat()
            if path.is_symlink():
                found[relative] = f"-> {path.readlink()}"
            elif path.is_dir():
                found[relative] = f"folder {status.st_mode:o} {status.st_uid}"
            else:
                digest = hashlib.sha256(path.read_bytes()).hexdigest()
                found[relative] = f"{status.st_mode:o} {status.st_uid} {digest}"
        folders[:] = [
            name for name in folders if not str((Path(folder) / name).relative_to(home)).startswith(leave_out)
        ]
    return found


def stamps(home: Path) -> dict[str, tuple[int, int]]:
    """Give inode and time of every file, to see whether anything was written."""
    paths = [path for path in home.rglob("*") if not str(path.relative_to(home)).startswith(OWN)]
    return {str(path): (path.lstat().st_ino, path.lstat().st_mtime_ns) for path in paths}


def offer_of(wheel: StubWheel, folder: Path | str, *, sha256: str | None = None, hashed: bool = True) -> Offer:
    """Offer a wheel that lies in a find-links folder."""
    version, _, local = wheel.version.partition("+")
    python, abi, platform = wheel.filename.removesuffix(".whl").split("-")[-3:]
    return Offer(
        package=wheel.project,
        version=version,
        local=local or None,
        variant=local or "cpu",
        tags=(python, abi, platform),
        filename=wheel.filename,
        url=f"{folder}/{wheel.filename}",
        origin=str(folder),
        source="find-links",
        hashes=(("sha256", sha256 or wheel.sha256),) if hashed else (),
        size=len(wheel.content),
    )


@dataclass(kw_only=True)
class Sandbox:
    """A home, a folder of wheels, and what was detected and wished for; change a field and plan again."""

    home: Path
    wheels: Path
    environ: dict[str, str] = field(default_factory=dict)
    request: Request = field(default_factory=Request)
    settings: IndexSettings = field(default_factory=lambda: IndexSettings(no_index=True))
    variant: str = "cpu"
    torch: StubWheel | None = None
    offers: tuple[Offer, ...] = ()
    toolkit: ToolkitDecision = field(default_factory=lambda: ToolkitDecision(source="none"))
    shells: tuple[str, ...] = ("bash", "zsh")
    answers_text: str | None = "schema: 1\n"
    root: Path = Path("/")
    secrets: dict[str, str] = field(default_factory=dict)

    @classmethod
    def create(cls, folder: Path, *, rc: Mapping[str, bytes] | None = None) -> Sandbox:
        """Lay out a home with these start-up files, and a stub torch that needs a stub sympy."""
        home, wheels = folder / "home", folder / "wheels"
        home.mkdir()
        for name, content in (rc if rc is not None else {".bashrc": b"# mine\n", ".profile": b". ~/.bashrc\n"}).items():
            (home / name).write_bytes(content)
        torch = stub_wheel("torch", "2.13.0+cpu", requires=["sympy>=1.13"])
        torch.write(wheels)
        stub_wheel("sympy", "1.14.0", tags=("py3", "none", "any")).write(wheels)
        return cls(home=home, wheels=wheels, torch=torch, offers=(offer_of(torch, wheels),))

    @property
    def context(self) -> Context:
        return context_in(self.home, environ=self.environ, root=self.root)

    @property
    def machine(self) -> Machine:
        return Machine(context=self.context, secrets=self.secrets)

    @property
    def environment(self) -> Path:
        return Path(environment_path(self.request, self.facts, self.context))

    @property
    def facts(self) -> MachineFacts:
        names = (".bashrc", ".profile", ".bash_profile", ".zshrc", ".cshrc")
        files = tuple(str(self.home / name) for name in names if (self.home / name).exists())
        return MachineFacts(
            os=OperatingSystem(system="linux", arch="x86_64"),
            gpus=(),
            pythons=(Python(path=sys.executable, version=".".join(map(str, sys.version_info[:3]))),),
            shells=Shells(login="bash", current="bash", installed=self.shells, files=files),
            user=User(uid=os.getuid(), home=str(self.home)),
        )

    @property
    def resolution(self) -> Resolution:
        pick = TorchPick(
            version=self.offers[0].version,
            variant=self.variant,
            python=f"{sys.version_info.major}.{sys.version_info.minor}",
            python_path=sys.executable,
            index=self.offers[0].origin,
            source="find-links" if self.offers[0].source == "find-links" else "pytorch",
            wheels=self.offers,
        )
        return Resolution(
            status="ok",
            torch=pick,
            driver=DriverDecision(action="none"),
            cuda_toolkit=self.toolkit,
            facts_as_of="2026-11-21",
        )

    def plan(self, **changes: object) -> Plan:
        """Make the plan for the home as it is now."""
        import uv

        given: dict[str, object] = {
            "facts": self.facts,
            "request": self.request,
            "settings": self.settings,
            "context": self.context,
            "target": survey_target(str(self.environment), self.context),
            "uv": uv.find_uv_bin(),
            "answers_text": self.answers_text,
            "files": read_file,
            **changes,
        }
        return make_plan(resolution=self.resolution, given=PlanInput(**given))  # type: ignore[arg-type]

    def wish(self, **environment: object) -> None:
        """Wish for another environment."""
        self.request = Request(
            environment=EnvironmentWish(**environment),  # type: ignore[arg-type]
            shell=self.request.shell,
            verify=self.request.verify,
            origins={f"environment.{name}": "test" for name in environment},
        )


def passing(step: Verify) -> Report:
    """Stand in for the tensor test: it passes."""
    return Report(python=step.python, level=step.level, checks=(), verdict="pass")


Verifier = Callable[[Verify], Report]
