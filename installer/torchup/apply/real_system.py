"""The real machine: looks, writes, makes, removes and runs."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from torchup.apply import distributions
from torchup.apply.atomic_write import FileWriter
from torchup.apply.interrupts import Interrupts
from torchup.apply.orphans import ChildNote
from torchup.apply.privilege import Elevation
from torchup.apply.processes import Child
from torchup.apply.redact import redact
from torchup.apply.system import ANY_CONTENT, NOTHING, Brings, Completed, FileKind, FileState
from torchup.apply.write_errors import explain
from torchup.errors import RefusedError, StepError
from torchup.model.plan import Command
from torchup.plan.child_environment import CLEARED

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class RealSystem:
    """The machine that torchup runs on.

    `root` is the prefix of every write. `environ` is what children inherit, less the variables that would
    change what an installer's command means. `secrets` are variables with credentials: only children get
    them, and their values are taken out of all output. `log` gets everything that children print.
    `child_note` names the running child to a later run, in case this one is killed.
    """

    writer: FileWriter
    environ: Mapping[str, str]
    root: Path = Path("/")
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    interrupts: Interrupts = field(default_factory=Interrupts)
    elevation: Callable[[], Elevation] | None = None
    log: Path | None = None
    child_note: ChildNote | None = None

    def look(self, path: str) -> FileState:
        """Tell what is at a path; raises StepError when it may not be read."""
        real = os.path.realpath(path)
        try:
            found = Path(real).stat()
            kind: FileKind = "file" if stat.S_ISREG(found.st_mode) else "other"
            kind = "directory" if stat.S_ISDIR(found.st_mode) else kind
            content = Path(real).read_bytes() if kind == "file" else None
            empty = kind == "directory" and not any(Path(real).iterdir())
        except (FileNotFoundError, NotADirectoryError):
            absent: FileKind = "dangling-link" if Path(path).is_symlink() else "absent"
            return FileState(kind=absent, real_path=real)
        except OSError as error:
            raise StepError(
                f"{path} could not be read: {error.strerror}.",
                code="not-readable",
                evidence=(str(error),),
                hint="Correct its owner or mode, or leave it out.",
            ) from error
        return FileState(kind=kind, content=content, mode=stat.S_IMODE(found.st_mode), empty=empty, real_path=real)

    def write_file(
        self, path: str, content: bytes, *, mode: int | None, create: bool, expected: str | None = ANY_CONTENT
    ) -> None:
        """Replace or create a file atomically. Raises StepError."""
        self._inside(path)
        self.writer.write(path, content, mode=mode, create=create, expected=expected)

    def make_directory(self, path: str, mode: int) -> tuple[str, ...]:
        """Create a directory and its missing parents; return those that were created, outermost first."""
        self._inside(path)
        created: list[str] = []
        missing = [place for place in (Path(path), *Path(path).parents) if not place.exists()]
        for place in reversed(missing):
            try:
                place.mkdir(mode=0o755)
                if place == Path(path):
                    place.chmod(mode)
            except FileExistsError:
                continue
            except OSError as error:
                for made in reversed(created):
                    self.remove_directory(made)
                raise explain(error, str(place)) from error
            created.append(str(place))
        if not Path(path).is_dir():
            raise StepError(
                f"{path} is not a folder.", code="not-a-folder", hint="Move it away, or name another place."
            )
        return tuple(created)

    def remove_file(self, path: str, *, expected: str | None = ANY_CONTENT) -> None:
        """Remove a file; a missing one is fine. Raises StepError."""
        self._inside(path)
        self.writer.remove(path, expected=expected)

    def clean(self, path: str) -> None:
        """Remove the temporary files that a killed run left beside a file."""
        self._inside(path)
        self.writer.clean(path)

    def remove_directory(self, path: str) -> None:
        """Remove an empty directory; one that is missing or not empty is left alone."""
        self._inside(path)
        try:
            if Path(path).is_dir() and not any(Path(path).iterdir()):
                Path(path).rmdir()
        except OSError as error:
            raise explain(error, path) from error

    def remove_tree(self, path: str) -> None:
        """Remove an environment with everything in it; raises StepError when some of it stays.

        Only what looks like an environment, or like a beginning of one, is removed: see `handlers`.
        """
        self._inside(path)
        if Path(path).is_symlink():
            raise StepError(f"{path} is a link, and is left alone.", code="not-removed", hint="Remove it by hand.")
        try:
            if Path(path).exists():
                shutil.rmtree(path)
        except OSError as error:
            raise StepError(
                f"{path} could not be removed whole: {error.strerror}.",
                code="not-removed",
                evidence=(str(error),),
                hint=f"Correct that and remove it by hand: rm -rf {path}",
            ) from error

    def installed_distributions(self, python: str) -> dict[str, str]:
        """Read the name and version of everything installed for an interpreter, without running it."""
        return distributions.installed_distributions(Path(python))

    def run(
        self,
        command: Command,
        *,
        as_root: bool,
        brings: Brings = NOTHING,
        on_output: Callable[[str], None] | None = None,
    ) -> Completed:
        """Run a command in its own process group with standard input closed; output also goes to the log."""
        del brings  # what came of it is looked up afterwards
        elevation = self.elevation() if as_root and self.elevation is not None else None
        argv = elevation.argv(command) if elevation is not None else command.argv
        hidden = tuple(self.secrets.values())

        def take(line: str) -> None:
            line = redact(line, hidden)
            self._note(line)
            if on_output is not None:
                on_output(line)

        self._note(f"$ {redact(' '.join(argv), hidden)}")
        child = Child(
            argv=argv,
            environment=self._child_environment(command),
            interrupts=self.interrupts,
            on_line=take,
            timeout_seconds=command.timeout_seconds,
            finish_first=as_root,
            keep_terminal=as_root and elevation is not None and elevation.way != "root",
            kill=elevation.kill if elevation is not None else None,
            on_start=self.child_note.write if self.child_note is not None else None,
        )
        with self.child_note.kept() if self.child_note is not None else nullcontext():
            done = child.run()
        self._note(f"exit status {done.returncode}")
        return Completed(
            returncode=done.returncode,
            tail=redact(done.tail, hidden),
            timed_out=done.timed_out,
            interrupted=done.interrupted,
        )

    def boot_id(self) -> str:
        """Read the kernel's id of this start; empty where there is none."""
        try:
            return _BOOT_ID.read_text().strip()
        except OSError:
            return ""

    def _child_environment(self, command: Command) -> dict[str, str]:
        inherited = {name: value for name, value in self.environ.items() if name not in CLEARED}
        return {**inherited, **command.environment, **self.secrets}

    def _note(self, line: str) -> None:
        if self.log is not None:
            self.log.parent.mkdir(parents=True, exist_ok=True)
            with self.log.open("a", encoding="utf-8") as log:
                log.write(line + "\n")

    def _inside(self, path: str) -> None:
        if self.root == Path("/"):
            return
        real = Path(os.path.realpath(path))
        if not real.is_relative_to(self.root.resolve()):
            raise RefusedError(
                f"{path} is outside {self.root}, below which everything is to be written.",
                code="outside-root",
                hint="Leave out --root, or name a place below it.",
            )
