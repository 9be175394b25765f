"""Which interpreter is tested, and by what it was chosen."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from torchup.errors import UsageError
from torchup.model.facts import System
from torchup.words import tr

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
    conda_prefixes: Callable[[], Sequence[str]] = tuple,
) -> Choice:
    """Choose what to test: `asked`, else what torchup set up, else the usual environment, else the active one.

    `asked` is a path, the folder of an environment, a command's name, or the name of a conda environment
    (`conda_prefixes` lists where those are). `set_up` is the interpreter in the journal's last finished
    run, `environment` the folder in the answers. Raises UsageError when nothing of it exists.
    """
    if asked is not None:
        return _asked(asked, home, cwd, system, exists, which, conda_prefixes)
    active = [(name, Path(environ[name])) for name in ("VIRTUAL_ENV", "CONDA_PREFIX") if environ.get(name)]
    if set_up is not None and exists(Path(set_up)):
        other = next((folder for _, folder in active if not Path(set_up).is_relative_to(folder)), None)
        source = (
            tr(
                "the environment that torchup set up; the active environment {other} is another, "
                "--python {other} tests it",
                other=other,
            )
            if other
            else tr("the environment that torchup set up")
        )
        return Choice(python=set_up, source=source)
    tried = [] if set_up is None else [set_up]
    candidates = [(_expand(environment, home, cwd), tr("the environment {path}", path=environment))]
    candidates += [(folder, tr("the active environment ({name})", name=name)) for name, folder in active]
    for folder, source in candidates:
        for python in _places(folder, system):
            if exists(python):
                return Choice(python=str(python), source=source)
        tried.append(str(folder))
    raise UsageError(
        tr("No environment to verify was found."),
        code="no-environment",
        evidence=[tr("not there: {path}", path=place) for place in tried],
        hint=tr("Run torchup setup first, or name an interpreter: torchup verify --python PATH."),
    )


def _asked(
    asked: str,
    home: Path,
    cwd: Path,
    system: System,
    exists: Callable[[Path], bool],
    which: Callable[[str], str | None],
    conda_prefixes: Callable[[], Sequence[str]],
) -> Choice:
    is_name = not any(separator in asked for separator in ("/", "\\")) and not asked.startswith("~")
    if is_name and (found := which(asked)):
        return Choice(python=found, source=tr("--python, a command on PATH"))
    path = _expand(asked, home, cwd)
    inside = next((python for python in _places(path, system) if exists(python)), None)
    if inside is not None:
        return Choice(python=str(inside), source=tr("--python, the folder of an environment"))
    prefixes = conda_prefixes() if is_name else ()
    for prefix in prefixes:
        # The base of an installation is called base, whatever its folder is.
        named = Path(prefix).name if Path(prefix).parent.name == "envs" else "base"
        python = next((python for python in _places(Path(prefix), system) if exists(python)), None)
        if python is not None and asked in (named, Path(prefix).name):
            return Choice(python=str(python), source=tr("--python, the conda environment {name}", name=asked))
    if exists(path):
        return Choice(python=str(path), source="--python")
    raise UsageError(
        tr("There is no Python at {path}.", path=asked),
        code="python-not-found",
        evidence=[
            tr("looked for {path} and {inside}", path=path, inside=python_in(path, system)),
            *([tr("conda environments: {paths}", paths=", ".join(prefixes))] if prefixes else []),
        ],
        hint=tr("Give the path of an interpreter, the folder of an environment, or the name of a conda environment."),
    )


def _places(folder: Path, system: System) -> tuple[Path, ...]:
    venv = python_in(folder, system)
    return (venv, folder / "python.exe") if system == "windows" else (venv,)


def _expand(text: str, home: Path, cwd: Path) -> Path:
    if text == "~" or text.startswith(("~/", "~\\")):
        return home / text[2:]
    return cwd / text
