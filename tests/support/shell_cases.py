"""A person's home for the shell cases, and the command line that is run in it for real.

After every run that edits, the invariants of all cases are checked: bytes outside the block never change, there
is at most one block, modes, owners and links stay, and a file that parsed still parses.
"""

from __future__ import annotations

import base64
import json
import os
import re
import stat
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from support import loaded
from torchup.shell.kinds.kind import StartMode
from torchup.verify.shell_start import ShellReading, read_variables
from torchup.verify.shell_syntax import parse_check

TORCHUP = Path(sys.executable).with_name("torchup")
BLOCK = re.compile(
    rb"# >>> torchup 1 sha256:[0-9a-f]{16}(?P<flags>(?: [a-z]+)*) >>>\r?\n(?:.*\n)*?# <<< torchup <<<\r?\n?"
)
LANGUAGES = {".bashrc": "bash", ".zshrc": "zsh", ".profile": "dash", ".bash_profile": "bash", "config.fish": "fish"}
NOT_ROOT = (
    *("setpriv", "--reuid=12345", "--regid=12345", "--clear-groups"),
    # The interpreter of the tests may lie where only root can search.
    *("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"),
)


@dataclass(frozen=True)
class Ran:
    """How a run ended."""

    status: int
    out: str
    err: str

    @property
    def all(self) -> str:
        """What was printed, joined to one line of words, as wrapping does not matter."""
        return " ".join(f"{self.out}\n{self.err}".split())

    @property
    def data(self) -> Any:
        return json.loads(self.out)


@dataclass
class Account:
    """A home, the toolkit that it is set up for, and what torchup is started with."""

    home: Path
    environ: dict[str, str] = field(default_factory=dict)
    prefix: tuple[str, ...] = ()
    cuda: Path | None = None
    invariants: bool = True

    def __post_init__(self) -> None:
        self.home.mkdir(parents=True, exist_ok=True)
        if self.cuda is None:
            self.cuda = toolkit(self.home.parent / "cuda-13.0", "13.0")

    def give(self, files: Mapping[str, bytes | str]) -> Account:
        """Write start-up files; `-> place` makes a link."""
        for name, content in files.items():
            path = self.home / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, str) and content.startswith("-> "):
                path.symlink_to(content[3:])
            else:
                path.write_bytes(content.encode() if isinstance(content, str) else content)
        return self

    def read(self, name: str) -> bytes:
        return (self.home / name).read_bytes()

    def torchup(self, *arguments: str, stdin: bytes | None = None, **environ: str | None) -> Ran:
        """Run the command line to its end, without a terminal, in a clean environment."""
        given = {
            "HOME": str(self.home),
            "PATH": "/usr/bin:/bin",
            "TERM": "dumb",
            "LANG": "C.UTF-8",
            "SHELL": "/bin/bash",
            **self.environ,
            **environ,
        }
        folder = self.home if self.home.is_dir() else Path("/")
        environment = {name: value for name, value in given.items() if value is not None}
        if stdin is None and not self.prefix:
            done = loaded.run(TORCHUP, arguments, folder=folder, environ=environment, dated=False)
        else:
            done = subprocess.run(
                [*self.prefix, str(TORCHUP), *arguments],
                cwd=folder,
                env=environment,
                input=stdin,
                stdin=subprocess.DEVNULL if stdin is None else None,
                capture_output=True,
                timeout=120,
                check=False,
            )
        return Ran(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))

    def shell(self, verb: str, *shells: str, cuda: Path | str | None = None, **options: Any) -> Ran:
        """Run `torchup shell VERB` for some shells; options become --options, True a flag."""
        environ = options.pop("environ", {})
        arguments = [word for name in shells for word in ("--shell", name)]
        for name, value in options.items():
            option = f"--{name.replace('_', '-')}"
            arguments += [option] if value is True else [option, str(value)]
        if verb != "remove":
            arguments += ["--cuda-home", str(cuda or self.cuda)]
        before = self.files()
        ran = self.torchup("shell", verb, *arguments, **environ)
        if self.invariants:
            self.check_invariants(before)
        return ran

    def apply(self, *shells: str, **options: Any) -> Ran:
        return self.shell("apply", *shells, yes=True, **options)

    def remove(self, *shells: str, **options: Any) -> Ran:
        return self.shell("remove", *shells, yes=True, **options)

    def start(self, shell: str, mode: StartMode, **extra: str) -> ShellReading:
        return read_variables(shell, mode, home=str(self.home), extra=extra)

    def cuda_home(self, shell: str, mode: StartMode, **extra: str) -> str | None:
        return self.start(shell, mode, **extra).get("CUDA_HOME")

    def files(self) -> dict[str, tuple[bytes, str, tuple[int, int, int]]]:
        """Describe every file and link of the home outside torchup's own places."""
        found = {}
        for path in sorted(self.home.rglob("*")):
            name = str(path.relative_to(self.home))
            if name.startswith((".local/state/torchup", ".config/torchup")) or not (
                path.is_file() or path.is_symlink()
            ):
                continue
            status = path.lstat()
            content = path.read_bytes() if path.is_file() and not stat.S_ISCHR(path.stat().st_mode) else b""
            link = str(path.readlink()) if path.is_symlink() else ""
            found[name] = (content, link, (stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid))
        return found

    def check_invariants(self, before: Mapping[str, tuple[bytes, str, tuple[int, int, int]]]) -> None:
        after = self.files()
        for name, (content, link, owner) in before.items():
            if name.endswith("conf.d/torchup.fish"):
                continue  # ours as a whole
            if name not in after:
                assert not without_block(content), f"{name} with the user's own bytes is gone"
                continue
            new, new_link, new_owner = after[name]
            assert (new_link, new_owner) == (link, owner), f"link, mode or owner of {name}"
            assert len(re.findall(rb"(?m)^# >>> torchup \d", new)) <= max(1, content.count(b"# >>> torchup"))
            assert without_block(new) == without_block(content), f"bytes outside the block of {name}"
            shell = LANGUAGES.get(Path(name).name)
            if shell and new != content and parse_check(shell, content) is None:
                assert parse_check(shell, new) is None, f"{name} parsed before"

    def journal(self) -> list[Path]:
        return sorted((self.home / ".local/state/torchup/journal").glob("*.jsonl"))

    def stamps(self) -> dict[str, tuple[int, int]]:
        paths = [path for path in self.home.rglob("*") if ".local" not in path.parts]
        return {str(path): (path.lstat().st_ino, path.lstat().st_mtime_ns) for path in paths}


def without_block(content: bytes) -> bytes:
    """Take our block out by its markers alone, with what its flags say was added."""
    match = BLOCK.search(content)
    if match is None:
        return content
    head, tail = content[: match.start()], content[match.end() :]
    # What follows a line end that was added keeps it.
    added = sum(flag in (b"newline", b"blank") for flag in match["flags"].split())
    for _ in range(added if not tail else 0):
        head = head.removesuffix(b"\n")
    return head + tail


def toolkit(root: Path, version: str, *, header: str | None = None) -> Path:
    """Lay a toolkit out: an nvcc that names its version, and a header."""
    for folder in ("bin", "lib64", "include"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    nvcc = root / "bin" / "nvcc"
    nvcc.write_text(f"#!/bin/sh\necho 'Cuda compilation tools, release {version}, V{version}.1'\n")
    nvcc.chmod(0o755)
    major, _, minor = (header or version).partition(".")
    (root / "include" / "cuda.h").write_text(f"#define CUDA_VERSION {int(major) * 1000 + int(minor) * 10}\n")
    return root


def decoded(text: str) -> bytes:
    return base64.b64decode(text)


def is_root() -> bool:
    return os.geteuid() == 0
