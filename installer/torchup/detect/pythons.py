"""All usable Pythons of a POSIX machine: on PATH, in environments, and from version managers."""

from __future__ import annotations

import re
import sys
from dataclasses import replace

from torchup.detect.host import Host
from torchup.detect.interpreter import Homes, Interpreter, interpreter_kind, read_interpreter
from torchup.detect.notes import Notes
from torchup.model.facts import Python
from torchup.words import tr

_NAME = r"python(?:3(?:\.\d+t?)?)?|pypy3(?:\.\d+)?"
_VERSIONED = r"(?:python|pypy)3\.\d+t?"
_ALWAYS = ("/usr/bin", "/usr/local/bin", "/opt/homebrew/bin")
_PYTHON2 = r"python2(?:\.\d)?"
_NOT_FOUND = 127
_QUESTION = (
    "import sys, sysconfig\n"
    "print(sys.version.split()[0].rstrip('+'), sys.implementation.name, 64 if sys.maxsize > 2**32 else 32,"
    " int(bool(sysconfig.get_config_var('Py_GIL_DISABLED'))), sep='\\n')\n"
    "print(sys.prefix, sysconfig.get_path('stdlib'), sep='\\n')\n"
)
_ANSWER_LINES = 6


def read_pythons(host: Host, notes: Notes, environments: tuple[str, ...]) -> tuple[Interpreter, ...]:
    """Find every CPython and PyPy of version 3, each once, in the order in which they are found.

    `environments` are the prefixes of conda environments. An interpreter is started only when the files
    around it do not tell what it is; those that must be asked are asked side by side.
    """
    homes = manager_homes(host)
    found: dict[str, Interpreter | None] = {}
    silent: dict[str, str] = {}
    for path in _candidates(host, homes, environments):
        key = _identity(host, path)
        if re.fullmatch(_PYTHON2, host.resolve(path).rpartition("/")[2]):
            continue
        if key not in found:
            found[key] = read_interpreter(host, path, homes)
            if found[key] is None:
                silent[key] = path
    found.update(_ask_all(host, notes, homes, silent))
    return tuple(interpreter for interpreter in found.values() if interpreter)


def read_named_python(host: Host, path: str) -> Python | None:
    """Look at one interpreter that a person names, wherever it lies; None where none answers there."""
    homes = manager_homes(host)
    found = read_interpreter(host, path, homes) or _ask_all(host, host.notes, homes, {path: path}).get(path)
    return replace(found.python, path=path) if found else None


def manager_homes(host: Host) -> Homes:
    """Tell where pyenv and uv keep their interpreters on this machine."""
    data = host.environ.get("XDG_DATA_HOME") or f"{host.home}/.local/share"
    return Homes(
        pyenv=host.resolve((host.environ.get("PYENV_ROOT") or f"{host.home}/.pyenv").rstrip("/")) + "/versions",
        uv=host.resolve((host.environ.get("UV_PYTHON_INSTALL_DIR") or f"{data}/uv/python").rstrip("/")),
    )


def parse_answer(text: str) -> tuple[Python, str, str] | None:
    """Parse what an interpreter says about itself: the Python (without path and kind), its prefix, its library."""
    lines = text.splitlines()
    if len(lines) != _ANSWER_LINES or not lines[0].startswith("3."):
        return None
    version, implementation, bits, threaded, prefix, stdlib = lines
    python = Python(
        path="",
        version=version,
        implementation=implementation,
        bits=32 if bits == "32" else 64,
        free_threaded=threaded == "1",
    )
    return python, prefix, stdlib


def _ask_all(host: Host, notes: Notes, homes: Homes, silent: dict[str, str]) -> dict[str, Interpreter | None]:
    paths = list(silent.values())
    answers = host.run_all([[path, "-I", "-S", "-c", _QUESTION] for path in paths], limit=host.limits.interpreter)
    found: dict[str, Interpreter | None] = {}
    for key, path, ran in zip(silent, paths, answers, strict=False):
        answer = parse_answer(ran.stdout) if ran.ok else None
        if answer is not None:
            python, prefix, stdlib = answer
            environment = host.is_file(f"{prefix}/pyvenv.cfg")
            kind = interpreter_kind(host, prefix, homes, environment=environment)
            managed = not environment and host.is_file(f"{stdlib}/EXTERNALLY-MANAGED")
            python = replace(python, path=path, kind=kind, externally_managed=managed)
            if python.implementation in {"cpython", "pypy"}:
                found[key] = Interpreter(python=python, prefix=prefix, stdlib=stdlib)
        elif ran.returncode != _NOT_FOUND and not _is_python2(ran.stdout + ran.stderr):
            # 127 is what a version manager's shim answers when no version is chosen for it.
            reason = (
                ran.problem or (ran.stderr or ran.stdout).strip() or tr("exit status {status}", status=ran.returncode)
            )
            notes.add("python-does-not-run", tr("The interpreter {path} does not work.", path=path), reason)
    return found


def _is_python2(text: str) -> bool:
    return text.startswith("2.") or "Unknown option: -I" in text


def _identity(host: Host, path: str) -> str:
    """Give what two names of one interpreter share; in an environment the link is the interpreter."""
    prefix = path.rpartition("/")[0].rpartition("/")[0]
    return prefix if host.is_file(f"{prefix}/pyvenv.cfg") else host.resolve(path)


def _candidates(host: Host, homes: Homes, environments: tuple[str, ...]) -> list[str]:
    active = [prefix.rstrip("/") for name in ("VIRTUAL_ENV", "CONDA_PREFIX") if (prefix := host.environ.get(name))]
    folders = [f"{prefix}/bin" for prefix in active]
    # Shims of pyenv, asdf and mise only forward to an interpreter that is found in its own place.
    folders += [folder for folder in (*host.search_path(), *_ALWAYS) if not folder.endswith("/shims")]
    managed = [
        f"{root}/{name}" for root in (homes.pyenv, homes.uv) for name in host.names(root) if not name.startswith(".")
    ]
    folders += [f"{prefix}/bin" for prefix in (*managed, *environments)]
    if host.live and not host.prefixed:
        folders.append(f"{sys.base_prefix}/bin")
    return [path for folder in dict.fromkeys(folders) for path in _in_folder(host, folder)]


def _in_folder(host: Host, folder: str) -> list[str]:
    """List the interpreters of a folder; names with a version come first, for they stay the same for ever."""
    names = [name for name in host.names(folder, prefix="py") if re.fullmatch(_NAME, name)]
    names.sort(key=lambda name: (re.fullmatch(_VERSIONED, name) is None, name))
    return [path for name in names if host.executable(path := f"{folder}/{name}")]
