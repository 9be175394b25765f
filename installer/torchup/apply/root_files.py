"""Files that belong to root, changed by one small root command each: beside the target first, then renamed.

The commands are an argument vector and this one fixed script, so that what runs as root can be read here
and in the script of a dry run. Their input is a file of the user's, for standard input stays closed.
"""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from torchup.apply.atomic_write import DEFAULT_MODE
from torchup.apply.classify import cause_of
from torchup.apply.privilege import Elevation
from torchup.apply.system import FileState
from torchup.apply.write_errors import changed_meanwhile, missing_file, wrong_kind
from torchup.children import NEUTRAL_FOLDER
from torchup.errors import StepError
from torchup.model.plan import Command
from torchup.private_folders import new_file, temporary_folder
from torchup.words import tr

PUT = """\
beside=$(mktemp -- "${2%/*}/.${2##*/}.torchup-XXXXXXXXXXXX") || exit 1
cat -- "$1" >"$beside" && chown -- "$4" "$beside" && chmod -- "$3" "$beside" && sync -- "$beside" &&
  if [ "$5" = new ]; then ln -- "$beside" "$2"; else mv -f -- "$beside" "$2"; fi
done=$?
rm -f -- "$beside"
exit "$done"
"""
"""Arguments: the file with the new bytes, the target, mode, owner, and `new` for a target that must not exist.

No single quote is in it: the script of a dry run quotes it with those.
"""

_SECONDS = 120.0
_ROOT = "0:0"


@dataclass(frozen=True, slots=True, kw_only=True)
class RootFiles:
    """Changes files as root through sudo, doas or pkexec. Every method raises StepError."""

    elevation: Elevation
    note: Callable[[str], None]

    def look(self, path: str) -> FileState | None:
        """Read a file that the user may not read; None when root may not be asked for that now."""
        if self.elevation.way == "pkexec":
            return None
        kind = self._run("stat", "-L", "-c", "%f", "--", path)
        if kind.returncode != 0:
            return None
        mode = int(kind.stdout, 16)
        real = os.path.realpath(path)
        if stat.S_ISDIR(mode):
            return FileState(kind="directory", mode=stat.S_IMODE(mode), real_path=real)
        if not stat.S_ISREG(mode):
            return FileState(kind="other", mode=stat.S_IMODE(mode), real_path=real)
        read = self._run("cat", "--", path)
        if read.returncode != 0:
            return None
        return FileState(kind="file", content=read.stdout, mode=stat.S_IMODE(mode), real_path=real)

    def write(self, path: str, content: bytes, *, mode: int | None, create: bool) -> None:
        """Replace or create a file; an existing one keeps its owner, and its mode where `mode` is None."""
        with temporary_folder() as folder:
            place = folder / "content"
            with new_file(place) as file:
                file.write(content)
            self.put(str(place), path, mode=mode, create=create)

    def put(self, source: str, path: str, *, mode: int | None, create: bool) -> None:
        """Give a file of the user's bytes to root's file at `path`, in one step."""
        target = os.path.realpath(path)
        try:
            before: os.stat_result | None = Path(target).stat()
        except FileNotFoundError:
            before = None
        except PermissionError:
            before = None if create else os.stat_result((0o100600, 0, 0, 1, 0, 0, 0, 0, 0, 0))
        if before is None:
            if Path(path).is_symlink():
                raise wrong_kind(path, "dangling-link", target)
            if not create:
                raise missing_file(path)
            arguments = (f"{DEFAULT_MODE if mode is None else mode:o}", _ROOT, "new")
        else:
            if not stat.S_ISREG(before.st_mode):
                raise wrong_kind(path, "directory" if stat.S_ISDIR(before.st_mode) else "other", target)
            kept = stat.S_IMODE(before.st_mode) if mode is None else mode
            arguments = (f"{kept:o}", f"{before.st_uid}:{before.st_gid}", "old")
        done = self._run("sh", "-c", PUT, "sh", source, target, *arguments, shown=f"write {target}")
        if done.returncode == 0:
            return
        if before is None and Path(target).exists():
            raise changed_meanwhile(path)
        raise self._failure(tr("{path} could not be written", path=path), done)

    def make_directory(self, path: str, mode: int) -> None:
        """Make one directory whose parent exists."""
        self._must(tr("{path} could not be made", path=path), "mkdir", "-m", f"{mode:o}", "--", path)

    def remove_file(self, path: str) -> None:
        """Remove a file; a missing one is fine."""
        self._must(tr("{path} could not be removed", path=path), "rm", "-f", "--", path)

    def remove_directory(self, path: str) -> None:
        """Remove an empty directory; one that is not empty stays."""
        self._run("rmdir", "--", path)

    def _must(self, what: str, *argv: str) -> None:
        done = self._run(*argv)
        if done.returncode != 0:
            raise self._failure(what, done)

    def _run(self, *argv: str, shown: str | None = None) -> subprocess.CompletedProcess[bytes]:
        asks = self.elevation.asks()
        full = self.elevation.argv(Command(argv=argv, environment={"LC_ALL": "C"}), asks=asks)
        self.note(f"$ as root: {shown or ' '.join(argv)}")
        # A group of its own: a Ctrl-C on the terminal must not reach it in the middle of a file. One that asks for a
        # password has to stay in ours for that.
        return subprocess.run(
            full,
            cwd=NEUTRAL_FOLDER,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=_SECONDS,
            process_group=None if asks else 0,
        )

    def _failure(self, what: str, done: subprocess.CompletedProcess[bytes]) -> StepError:
        said = done.stderr.decode(errors="replace").strip()
        cause = cause_of(said)
        return StepError(
            tr("{what} by root: {reason}.", what=what, reason=tr(cause.message))
            if cause
            else tr("{what} by root.", what=what),
            code=cause.code if cause else "write-failed",
            evidence=tuple(said.splitlines()[-3:]),
            hint=tr(cause.hint) if cause else tr("Correct that and run again."),
        )
