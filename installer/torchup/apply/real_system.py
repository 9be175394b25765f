"""The real machine: looks, writes, makes, removes and runs."""

from __future__ import annotations

import os
import secrets
import stat
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from torchup.apply import distributions, environments, folders
from torchup.apply.atomic_write import FileWriter
from torchup.apply.change import Folder, UserVariable
from torchup.apply.downloads import Downloads, draws_bars
from torchup.apply.environment_contents import Contents, Known
from torchup.apply.events import Downloading, OnEvent, Stopping, ignore
from torchup.apply.installed_packages import dpkg_was_cut_off, installed_packages
from torchup.apply.interrupts import Interrupts
from torchup.apply.key_password import with_one_time_password
from torchup.apply.lock_wait import wait_for_lock
from torchup.apply.manager_settings import read_settings
from torchup.apply.orphans import ChildNote
from torchup.apply.package_commands import can_stop, manager_of
from torchup.apply.package_relations import package_relations
from torchup.apply.private_files import append_private
from torchup.apply.privilege import Elevation
from torchup.apply.processes import Child
from torchup.apply.redact import redact
from torchup.apply.refusals import refuse_outside, refuse_program_of_strangers
from torchup.apply.root_view import RootView
from torchup.apply.system import (
    ANY_CONTENT,
    NOTHING,
    Brings,
    Completed,
    FileKind,
    FileState,
    Noted,
    Relations,
    System,
    SystemPackage,
)
from torchup.apply.user_variables import Variables
from torchup.apply.web_files import WebFiles
from torchup.apply.windows_variables import user_variables
from torchup.apply.write_errors import explain
from torchup.errors import RefusedError, StepError
from torchup.model.offer import IndexSettings
from torchup.model.plan import Command
from torchup.plan.inherited import inherited
from torchup.private_folders import new_file, temporary_folder, temporary_in
from torchup.visible import visible
from torchup.words import tr

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class RealSystem:
    """The machine that torchup runs on.

    `root` is the prefix of every write. `environ` is what children inherit, less the variables that would
    change what an installer's command means. `secrets` are variables with credentials: only children get
    them, and their values are taken out of all output. `log` gets everything that children print.
    `child_note` names the running child to a later run, in case this one is killed. `on_event` hears about
    waiting and stopping. `web` gives the settings for downloads.
    `watch_downloads` is for somebody who looks on.
    """

    writer: FileWriter
    environ: Mapping[str, str]
    root: Path = Path("/")
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    interrupts: Interrupts = field(default_factory=Interrupts)
    elevation: Callable[[], Elevation] | None = None
    log: Path | None = None
    child_note: ChildNote | None = None
    on_event: OnEvent = ignore
    watch_downloads: bool = False
    web: Callable[[], IndexSettings] = IndexSettings
    variables: Callable[[], Variables] = user_variables

    def look(self, path: str) -> FileState:
        """Tell what is at a path; raises StepError when it may not be read."""
        real = os.path.realpath(path)
        try:
            found = Path(real).stat()
            kind: FileKind = "file" if stat.S_ISREG(found.st_mode) else "other"
            kind = "directory" if stat.S_ISDIR(found.st_mode) else kind
            content = Path(real).read_bytes() if kind == "file" else None
            names = tuple(os.listdir(real)) if kind == "directory" else ()  # noqa: PTH208 - the names are enough
        except (FileNotFoundError, NotADirectoryError):
            absent: FileKind = "dangling-link" if Path(path).is_symlink() else "absent"
            return FileState(kind=absent, real_path=real)
        except OSError as error:
            raise StepError(
                tr("{path} could not be read: {reason}.", path=path, reason=error.strerror),
                code="not-readable",
                evidence=(str(error),),
                hint=tr("Correct its owner or mode, or leave it out."),
            ) from error
        return FileState(
            kind=kind,
            content=content,
            mode=stat.S_IMODE(found.st_mode),
            empty=kind == "directory" and not names,
            names=names,
            real_path=real,
        )

    def write_file(
        self, path: str, content: bytes, *, mode: int | None, create: bool, expected: str | None = ANY_CONTENT
    ) -> None:
        """Replace or create a file atomically. Raises StepError."""
        self.inside(path)
        self.writer.write(path, content, mode=mode, create=create, expected=expected)

    def make_directory(self, path: str, mode: int) -> tuple[str, ...]:
        """Create a directory and its missing parents; return those that were created, outermost first."""
        self.inside(path)
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
                tr("{path} is not a folder.", path=path),
                code="not-a-folder",
                hint=tr("Move it away, or name another place."),
            )
        return tuple(created)

    def link_target(self, path: str) -> str | None:
        """Tell where a symbolic link leads, None when there is no link at this path."""
        try:
            return str(Path(path).readlink())
        except OSError:
            return None

    def make_link(self, path: str, target: str) -> None:
        """Make a symbolic link where nothing is. Raises StepError."""
        self.inside(path)
        try:
            Path(path).symlink_to(target)
        except OSError as error:
            raise explain(error, path) from error

    def remove_link(self, path: str) -> None:
        """Remove a symbolic link; anything else is left alone."""
        # The link itself is inside when its folder is, wherever it leads.
        self.inside(str(Path(path).parent))
        try:
            if Path(path).is_symlink():
                Path(path).unlink()
        except OSError as error:
            raise explain(error, path) from error

    def remove_file(self, path: str, *, expected: str | None = ANY_CONTENT) -> None:
        """Remove a file; a missing one is fine. Raises StepError."""
        self.inside(path)
        self.writer.remove(path, expected=expected)

    def clean(self, path: str) -> None:
        """Remove the temporary files that a killed run left beside a file."""
        self.inside(path)
        self.writer.clean(path)

    def remove_directory(self, path: str) -> None:
        """Remove an empty directory; one that is missing or not empty is left alone."""
        self.inside(path)
        try:
            if Path(path).is_dir() and not any(Path(path).iterdir()):
                Path(path).rmdir()
        except OSError as error:
            raise explain(error, path) from error

    def folder(self, path: str) -> Folder | None:
        """Tell which folder is at a path, None when there is none or a link."""
        return folders.folder_at(path)

    def another_folder(self, path: str, made: Folder | None, run: str | None = None) -> str | None:
        """Say why what is at a path is not the folder that was made there; None where it is."""
        return folders.another_folder(path, made, run)

    def environment_contents(self, known: Known, absent: Collection[str] = ()) -> Contents:
        """Tell what of an environment torchup brought; `absent` are paths that count as gone."""
        return environments.contents(known, self.environ, absent)

    def note_packages(self, environment: str, names: Collection[str] | None = None) -> Noted:
        """Tell which packages an environment holds."""
        return environments.noted_packages(environment, names)

    def edited_packages(self, environment: str, records: Mapping[str, str], as_of: int | None) -> dict[str, str]:
        """Give, for packages that somebody changed since, a file that is not as it was installed."""
        return environments.edited_packages(environment, records, as_of)

    def note_environment(self, path: str, run: str) -> Noted:
        """Leave the marker of this run in an environment that was just made, and tell what it holds."""
        self.inside(path)
        return environments.note(path, run)

    def remove_contents(self, contents: Contents, *, keep_folder: bool = False) -> None:
        """Remove what torchup brought into an environment. Raises StepError when some of that stays."""
        self.inside(contents.path)
        environments.remove(contents, keep_folder=keep_folder)

    def installed_distributions(self, python: str) -> dict[str, str]:
        """Read the name and version of everything installed for an interpreter, without running it."""
        return distributions.installed_distributions(Path(python))

    def damaged_distributions(self, python: str, names: Collection[str]) -> dict[str, str]:
        """Give the first file that is missing or cut short, by distribution."""
        return distributions.damaged_distributions(Path(python), names)

    def lacking_extras(self, python: str, requirements: Collection[str]) -> tuple[str, ...]:
        """Give the requirements whose extras are not installed whole."""
        return distributions.lacking_extras(Path(python), requirements)

    def system_packages(self, manager: str) -> frozenset[SystemPackage]:
        """Read what a package manager has installed. Raises RefusedError below another root."""
        if self.root != Path("/"):
            raise RefusedError(
                tr("Packages of the operating system cannot be installed below {root}.", root=self.root),
                code="outside-root",
                hint=tr("Leave out --root, or leave out the driver and the toolkit of the system."),
            )
        return installed_packages(manager)

    def package_relations(self, manager: str) -> Mapping[SystemPackage, Relations]:
        """Read what the installed packages need of each other."""
        return package_relations(manager)

    def manager_settings(self) -> frozenset[str]:
        """Read what the package managers are told; nothing below another root."""
        return read_settings() if self.root == Path("/") else frozenset()

    def manager_was_cut_off(self, manager: str) -> bool:
        """Tell whether dpkg has to finish its work first; the other managers have no such state."""
        return manager == "apt" and dpkg_was_cut_off()

    def fetch(self, url: str, path: str, *, sha256: str | None, mode: int, on_output: Callable[[str], None]) -> None:
        """Fetch a file beside its target, check it, and rename it."""
        self.inside(path)
        target = Path(os.path.realpath(path))
        temporary = target.with_name(f".{target.name}.torchup-{secrets.token_hex(6)}.tmp")
        try:
            with new_file(temporary) as file:
                self._web().fetch(url, file, sha256=sha256, on_output=on_output)
                os.fsync(file.fileno())
            temporary.chmod(mode)
            temporary.replace(target)
        except OSError as error:
            raise explain(error, path) from error
        finally:
            temporary.unlink(missing_ok=True)

    @contextmanager
    def fetched(self, url: str, *, sha256: str | None, on_output: Callable[[str], None]) -> Iterator[str]:
        """Fetch and check a file that is then to be copied; it is gone afterwards."""
        with temporary_folder() as folder:
            place = folder / "fetched"
            try:
                with new_file(place) as file:
                    self._web().fetch(url, file, sha256=sha256, on_output=on_output)
            except OSError as error:
                raise explain(error, str(place)) from error
            yield str(place)

    def as_root(self) -> System:
        """Give the same machine, whose files are changed by root."""
        return RootView(self)

    def enroll(self, command: Command, *, on_output: Callable[[str], None] | None = None) -> Completed:
        """Run `mokutil --import` with the hash of a one-time password, which only the person gets to see."""
        with with_one_time_password(command, self.on_event) as complete:
            return self.run(complete, as_root=True, on_output=on_output)

    def _web(self) -> WebFiles:
        return WebFiles(settings=self.web(), interrupts=self.interrupts)

    def run(
        self,
        command: Command,
        *,
        as_root: bool,
        brings: Brings = NOTHING,
        on_output: Callable[[str], None] | None = None,
    ) -> Completed:
        """Run a command in its own process group with standard input closed; output also goes to the log.

        A package manager's command waits until its lock is free, and is left alone by the first Ctrl-C unless
        it only downloads. After a Ctrl-C no further command of root's is begun.
        """
        del brings  # what came of it is looked up afterwards
        refuse_program_of_strangers(command.argv[0])
        manager = manager_of(command.argv) if as_root else None
        if manager is not None:
            wait_for_lock(manager, self.interrupts, self.on_event)
        if as_root and self.interrupts.count:
            return Completed(returncode=130, tail="", interrupted=True)
        elevation = self.elevation() if as_root and self.elevation is not None else None
        asks = elevation is not None and elevation.asks()
        argv = elevation.argv(command, asks=asks) if elevation is not None else command.argv
        hidden = tuple(self.secrets.values())

        def take(line: str) -> None:
            line = visible(redact(line, hidden))
            self.note(line)
            if on_output is not None:
                on_output(line)

        self.note(f"$ {redact(' '.join(argv), hidden)}")
        with self._temporary() as temporary:
            child = Child(
                argv=argv,
                environment={**self._child_environment(command), **temporary_in(temporary)},
                interrupts=self.interrupts,
                on_line=take,
                timeout_seconds=command.timeout_seconds,
                finish_first=as_root and not can_stop(command.argv),
                on_stopping=lambda finishes: self.on_event(Stopping(program=command.argv[0], finishes=finishes)),
                keep_terminal=as_root and elevation is not None and elevation.way != "root",
                asks=asks,
                kill=elevation.kill if elevation is not None else None,
                on_start=self.child_note.write if self.child_note is not None else None,
                on_download=self._downloading if self.watch_downloads and draws_bars(command.argv) else None,
            )
            with self.child_note.kept() if self.child_note is not None else nullcontext():
                done = child.run()
        self.note(f"exit status {done.returncode}")
        return Completed(
            returncode=done.returncode,
            tail=redact(done.tail, hidden),
            timed_out=done.timed_out,
            interrupted=done.interrupted,
        )

    @contextmanager
    def _temporary(self) -> Iterator[Path]:
        """Give the children a folder of ours for their temporary files; see `private_folders`."""
        with ExitStack() as stack:
            try:
                folder = stack.enter_context(temporary_folder())
            except OSError as error:
                raise explain(error, tempfile.gettempdir()) from error
            yield folder

    def _downloading(self, downloads: Downloads) -> None:
        self.on_event(Downloading(received=downloads.received, total=downloads.total))

    def read_variable(self, name: str) -> UserVariable | None:
        """Read a variable of the Windows user's account, unexpanded; raises StepError elsewhere."""
        return self.variables().read(name)

    def write_variable(self, name: str, value: UserVariable | None) -> None:
        """Set or delete a variable of the Windows user's account; raises StepError, and RefusedError below a root."""
        if self.root != Path("/"):
            raise RefusedError(
                tr(
                    "The variable {name} belongs to the account, and everything is to be written below {root}.",
                    name=name,
                    root=self.root,
                ),
                code="outside-root",
                hint=tr("Leave out --root, or set shell.shells to none."),
            )
        self.variables().write(name, value)

    def boot_id(self) -> str:
        """Read the kernel's id of this start; empty where there is none."""
        try:
            return _BOOT_ID.read_text().strip()
        except OSError:
            return ""

    def _child_environment(self, command: Command) -> dict[str, str]:
        return {**inherited(self.environ), **command.environment, **self.secrets}

    def note(self, line: str) -> None:
        """Write a line to the log."""
        if self.log is not None:
            append_private(self.log, f"{line}\n".encode("utf-8", "surrogateescape"))

    def inside(self, path: str) -> None:
        """Refuse a path outside the prefix of every write."""
        refuse_outside(path, self.root)
