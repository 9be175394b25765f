"""Which interpreter is tested, and by what it was chosen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from torchup.errors import UsageError
from torchup.model.facts import System

DEFAULT_ENVIRONMENT = "~/.venvs/torch"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """An interpreter, and the source of the choice in words for a person."""

    python: str
    source: str


def python_in(environment: Path, system: System) -> Path:
    """Give the interpreter of a venv or conda environment.

    On Windows a conda environment keeps it at the top and a venv in `Scripts`; the caller's `exists`
    decides between the two, so the venv's place is given here.
    """
    return environment / "Scripts" / "python.exe" if system == "windows" else environment / "bin" / "python"


def choose_interpreter(
    *,
    asked: str | None,
    set_up: str | None,
    environment: str = DEFAULT_ENVIRONMENT,
    environ: Mapping[str, str],
    home: Path,
    cwd: Path,
    system: System,
    exists: Callable[[Path], bool],
    which: Callable[[str], str | None],
) -> Choice:
    """Choose what to test: `asked`, else what torchup set up, else the usual environment, else the active one.

    `asked` is a path, the folder of an environment, or a command's name. `set_up` is the interpreter in
    the journal's last finished run, `environment` the folder in the answers. Raises UsageError when
    nothing of it exists.
    """
    if asked is not None:
        return Choice(python=_asked(asked, home, cwd, system, exists, which), source="--python")
    if set_up is not None and exists(Path(set_up)):
        return Choice(python=set_up, source="the environment that torchup set up")
    tried = [] if set_up is None else [set_up]
    candidates = [(_expand(environment, home, cwd), f"the environment {environment}")]
    candidates += [
        (Path(environ[name]), f"the active environment ({name})")
        for name in ("VIRTUAL_ENV", "CONDA_PREFIX")
        if environ.get(name)
    ]
    for folder, source in candidates:
        for python in _places(folder, system):
            if exists(python):
                return Choice(python=str(python), source=source)
        tried.append(str(folder))
    raise UsageError(
        "No environment to verify was found.",
        code="no-environment",
        evidence=[f"not there: {place}" for place in tried],
        hint="Run torchup setup first, or name an interpreter: torchup verify --python PATH.",
    )


def _asked(
    asked: str,
    home: Path,
    cwd: Path,
    system: System,
    exists: Callable[[Path], bool],
    which: Callable[[str], str | None],
) -> str:
    if not any(separator in asked for separator in ("/", "\\")) and not asked.startswith("~"):
        found = which(asked)
        if found:
            return found
    path = _expand(asked, home, cwd)
    inside = next((python for python in _places(path, system) if exists(python)), None)
    if inside is not None:
        return str(inside)
    if exists(path):
        return str(path)
    raise UsageError(
        f"There is no Python at {asked}.",
        code="python-not-found",
        evidence=[f"looked for {path} and {python_in(path, system)}"],
        hint="Give the path of an interpreter or of an environment's folder.",
    )


def _places(folder: Path, system: System) -> tuple[Path, ...]:
    venv = python_in(folder, system)
    return (venv, folder / "python.exe") if system == "windows" else (venv,)


def _expand(text: str, home: Path, cwd: Path) -> Path:
    if text == "~" or text.startswith(("~/", "~\\")):
        return home / text[2:]
    return cwd / text
