"""What a plan is made from, and where its environment is."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from torchup.model.context import Context
from torchup.model.facts import MachineFacts
from torchup.model.offer import IndexSettings, Offer
from torchup.model.request import Request
from torchup.plan.conda import conda_prefix
from torchup.plan.target import TargetState
from torchup.shell.startup_choice import Asked


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedPackages:
    """A lock that is to be installed: its text, the pins that apply here, and those of its wheels that give a size."""

    text: str
    pins: tuple[str, ...]
    wheels: tuple[Offer, ...] = ()
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanInput:
    """Everything that a plan is made from, beside the resolution.

    `target` is what `apply.survey` saw at `environment_path`. `files` gives the bytes of start-up files as
    the person saw them. `answers_text` is the complete answers file, None to keep none. `unreachable` are
    package sources that did not answer. `torchup` is how to call this program. With a `lock`, what it names is installed
    and nothing else. `asked` is what shells and start-up files tell about themselves.
    """

    facts: MachineFacts
    request: Request
    settings: IndexSettings
    context: Context
    target: TargetState
    uv: str
    answers_text: str | None = None
    files: Callable[[str], bytes | None] | Mapping[str, bytes] = lambda _path: None
    unreachable: Collection[str] = ()
    torchup: tuple[str, ...] = ("torchup",)
    lock: LockedPackages | None = None
    asked: Asked = field(default_factory=Asked)


def environment_path(request: Request, facts: MachineFacts, context: Context) -> str:
    """Tell where on disk the environment is or will be; `~` is the home, and --root counts."""
    wished = request.environment.path
    if request.environment.kind == "conda":
        wished = conda_prefix(request, facts, context)
    if wished == "~" or wished.startswith("~/"):
        wished = str(context.home / wished[2:])
    return str(context.below_root(context.cwd / wished))


def python_in(path: str, given: PlanInput) -> str:
    """Tell where the interpreter of an environment at `path` is."""
    windows = given.facts.os.system == "windows"
    if windows and given.request.environment.kind == "conda":
        return f"{path}\\python.exe"
    return str(Path(path) / ("Scripts/python.exe" if windows else "bin/python"))


def settings_of(given: PlanInput) -> IndexSettings:
    """Give the settings of the machine, with the proxy and the certificates that the answers name."""
    settings, wish = given.settings, given.request.source
    return replace(settings, proxy=wish.proxy or settings.proxy, ca_bundle=wish.ca_bundle or settings.ca_bundle)
