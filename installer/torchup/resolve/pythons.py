"""Which interpreters may carry PyTorch: those of the machine, one that was asked for, or a managed one."""

from __future__ import annotations

import re
from collections.abc import Iterable

from torchup.errors import UsageError
from torchup.model.facts import MachineFacts, Python
from torchup.model.quick import dataclass
from torchup.model.request import Request
from torchup.resolve.refusal import Refusal, listed
from torchup.resolve.wheels import Release
from torchup.words import tr

_VERSION = re.compile(r"(\d+)\.(\d+)(?:\.\d+)?(?:(?:a|b|rc)\d+)?")
_LABEL = re.compile(r"(\d+)\.(\d+)((?:\.\d+)?)(t?)")
_UNLIKELY = {"venv": 2, "conda": 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreter:
    """A 64-bit CPython that wheels are held against; `path` is None for one that uv or conda would bring."""

    release: Release
    version: str
    free_threaded: bool = False
    path: str | None = None

    @property
    def label(self) -> str:
        """The name people use: `3.12`, `3.13t`."""
        return f"{self.release[0]}.{self.release[1]}{'t' if self.free_threaded else ''}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreters:
    """The interpreters to choose from, best first.

    `managed` says that none of them was seen on the machine. `refusals` tell why an interpreter that
    was found or asked for is not among them; `asked` is the pin, None when the choice is free.
    """

    usable: tuple[Interpreter, ...]
    managed: bool = False
    refusals: tuple[Refusal, ...] = ()
    asked: str | None = None


def interpreters_of(facts: MachineFacts, request: Request, labels: Iterable[str]) -> Interpreters:
    """Choose the interpreters that this request allows.

    `labels` are the Pythons that wheels exist for: what a manager could bring where the machine's own
    are unknown or do not count. Raises UsageError (`python-invalid`) for a wish that names none.
    """
    wish = request.python.version
    if wish == "auto":
        if request.environment.kind == "existing" and (inside := _inside(facts, request.environment.path)):
            return _of_machine(inside, None)
        if request.environment.kind == "conda" or not facts.pythons:
            return managed(labels)
        return _of_machine(facts.pythons, None)
    if _is_path(wish):
        return _at_path(facts, wish)
    label = _LABEL.fullmatch(wish)
    if label is None:
        message = tr(
            "{wish!r} is not a Python: write auto, a version such as 3.12 or 3.13t, or the path of an interpreter",
            wish=wish,
        )
        raise UsageError(message, code="python-invalid", hint=tr("Correct python.version."))
    if request.environment.kind == "conda" or not facts.pythons:
        return managed([f"{label[1]}.{label[2]}{label[4]}"], asked=wish)
    return _of_machine([python for python in facts.pythons if _matches(python, label)], wish, facts.pythons)


def managed(labels: Iterable[str], asked: str | None = None) -> Interpreters:
    """Take Pythons that a manager would bring, newest first and free-threaded ones last."""
    found = [
        Interpreter(
            release=(int(match[1]), int(match[2])), version=f"{match[1]}.{match[2]}", free_threaded=bool(match[4])
        )
        for label in set(labels)
        if (match := _LABEL.fullmatch(label))
    ]
    usable = sorted(found, key=lambda python: (python.free_threaded, (-python.release[0], -python.release[1])))
    return Interpreters(usable=tuple(usable), managed=True, asked=asked)


def _of_machine(pythons: Iterable[Python], asked: str | None, others: Iterable[Python] = ()) -> Interpreters:
    usable: dict[tuple[str, bool], Interpreter] = {}
    refusals: dict[str, Refusal] = {}
    for python in sorted(pythons, key=_preference):
        refusal = _unusable(python)
        version = _VERSION.match(python.version)
        if refusal or version is None:
            refusal = refusal or Refusal(
                "python-unknown", tr("the version of {path} is not known"), {"path": python.path}
            )
            refusals.setdefault(refusal.text, refusal)
            continue
        found = Interpreter(
            release=(int(version[1]), int(version[2])),
            version=version[0],
            free_threaded=python.free_threaded,
            path=python.path,
        )
        usable.setdefault((found.version, found.free_threaded), found)
    if asked and not usable and not refusals:
        names = sorted({python.version + ("t" if python.free_threaded else "") for python in others})
        values = {"asked": asked, "found": listed(names)}
        refusal = Refusal("python-missing", tr("Python {asked} is not on this machine; found {found}"), values)
        refusals[refusal.text] = refusal
    return Interpreters(usable=tuple(usable.values()), refusals=tuple(refusals.values()), asked=asked)


def _at_path(facts: MachineFacts, wish: str) -> Interpreters:
    path = _expanded(wish, facts.user.home)
    found = [python for python in facts.pythons if python.path in (wish, path)]
    if found:
        return _of_machine(found, wish)
    values = {"path": path, "found": listed(sorted(python.path for python in facts.pythons)) or tr("none")}
    text = tr("the interpreter {path} was not found on this machine; found {found}")
    return Interpreters(usable=(), refusals=(Refusal("python-missing", text, values),), asked=wish)


def _inside(facts: MachineFacts, environment: str) -> list[Python]:
    folder = _expanded(environment, facts.user.home).rstrip("/\\")
    return [python for python in facts.pythons if python.path.startswith((folder + "/", folder + "\\"))]


def _unusable(python: Python) -> Refusal | None:
    if python.implementation.lower() != "cpython":
        values = {"path": python.path, "implementation": python.implementation}
        return Refusal("python-implementation", tr("{path} is {implementation}; the wheels are for CPython"), values)
    if python.bits != 64:  # noqa: PLR2004  the width of a machine word
        values = {"path": python.path, "version": python.version}
        return Refusal("python-32-bit", tr("{path} is a 32-bit Python {version}; the wheels are 64-bit only"), values)
    return None


def _preference(python: Python) -> tuple[bool, tuple[int, ...], int, str]:
    numbers = tuple(-int(number) for number in re.findall(r"\d+", python.version)[:3])
    return (python.free_threaded, numbers, _UNLIKELY.get(python.kind or "", 0), python.path)


def _matches(python: Python, label: re.Match[str]) -> bool:
    version = _VERSION.match(python.version)
    if version is None or (version[1], version[2]) != (label[1], label[2]):
        return False
    exact = not label[3] or version[0] == f"{label[1]}.{label[2]}{label[3]}"
    return exact and python.free_threaded == bool(label[4])


def _is_path(wish: str) -> bool:
    return "/" in wish or "\\" in wish or wish.startswith("~")


def _expanded(path: str, home: str | None) -> str:
    return home + path[1:] if home and (path == "~" or path.startswith(("~/", "~\\"))) else path
