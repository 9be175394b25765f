"""The env files: the files of ours that a start-up file reads, one per shell language."""

from __future__ import annotations

from dataclasses import dataclass

from torchup.errors import UsageError
from torchup.shell.kinds import language_named
from torchup.shell.quoting import check_entry
from torchup.shell.templates import render
from torchup.words import tr


@dataclass(frozen=True, slots=True, kw_only=True)
class ShellEnvironment:
    """What a new shell is to know.

    `bin_dirs` go to the front of PATH and `library_dirs` to the end of LD_LIBRARY_PATH, each in the
    given order. `environment` is the folder of the PyTorch environment; with `activate` new
    interactive shells activate it. Paths are absolute and written as they are given, links unresolved.
    Raises UsageError `path-has-colon`, `path-unquotable` or `path-not-absolute`.
    """

    cuda_home: str | None = None
    bin_dirs: tuple[str, ...] = ()
    library_dirs: tuple[str, ...] = ()
    environment: str | None = None
    activate: bool = False

    def __post_init__(self) -> None:
        single = [path for path in (self.cuda_home, self.environment) if path is not None]
        for path in (*single, *self.bin_dirs, *self.library_dirs):
            if not _is_absolute(path):
                raise UsageError(
                    tr("A path in the shell configuration is not absolute."),
                    code="path-not-absolute",
                    evidence=(repr(path),),
                    hint=tr("Give the whole path: a start-up file is read from any directory."),
                )
        for path in (*self.bin_dirs, *self.library_dirs):
            # Behind a drive letter the colon is no separator.
            check_entry(path[2:] if _has_drive(path) else path)


def env_file_name(language: str) -> str:
    """Name the env file that a shell language reads: bash, zsh and sh share `env.sh`."""
    return language_named(language).env_file


def render_env_file(language: str, environment: ShellEnvironment) -> str:
    """Render the env file for one shell language.

    The text is to be encoded as UTF-8 with `surrogateescape`, so that a path that is not UTF-8 keeps
    its bytes. Raises UsageError `path-unquotable`.
    """
    folder = environment.environment
    spoken = language_named(language)
    return render(
        f"{spoken.templates}/{spoken.env_file}",
        cuda_home=environment.cuda_home,
        bin_dirs=environment.bin_dirs,
        library_dirs=environment.library_dirs,
        environment=folder,
        activate=environment.activate,
        # CPython and uv spell the PowerShell script differently, and Windows keeps it elsewhere.
        activate_scripts=[
            f"{folder}/{place}" for place in ("bin/Activate.ps1", "bin/activate.ps1", "Scripts/Activate.ps1")
        ],
    )


def _is_absolute(path: str) -> bool:
    return path.startswith(("/", "\\\\")) or _has_drive(path)


def _has_drive(path: str) -> bool:
    return len(path) > 2 and path[0].isalpha() and path[1] == ":" and path[2] in "\\/"  # noqa: PLR2004  `C:\`
