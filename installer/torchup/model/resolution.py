"""The resolution: which set-up was chosen, why, and why not the others (DESIGN section 4.3)."""

from __future__ import annotations

from dataclasses import field
from typing import Literal

from torchup.model.offer import Offer
from torchup.model.quick import dataclass

SCHEMA = 1

PickSource = Literal["pytorch", "default", "find-links", "mirror", "conda"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why something was chosen, or what to watch out for. `code` is stable, `text` a sentence."""

    code: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """Why one candidate was not taken: the gate, the evidence and the number in one sentence."""

    version: str
    variant: str
    code: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NextStep:
    """What a person does first, with the commands that do it, each as an argument vector or a line to read.

    `settings` are the answers that do it, as `--set` takes them.
    """

    text: str
    commands: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TorchPick:
    """The chosen build.

    `python` is `3.12` or `3.13t`; `python_path` the interpreter of the machine that stands for it.
    `packages` maps each companion to its version; `index` is the URL or folder that offers the wheels, and
    `source` what kind of place that is: the snapshot counts as the index it stands in for, an extra index as default.
    `wheels` are the offers themselves, torch first.
    """

    version: str
    variant: str
    python: str
    packages: dict[str, str] = field(default_factory=dict)
    index: str
    source: PickSource
    python_path: str | None = None
    wheels: tuple[Offer, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DriverDecision:
    """What happens to the driver; `minimum` is what the picked variant needs."""

    action: Literal["none", "keep", "install", "upgrade", "reboot", "host"]
    installed: str | None = None
    branch: str | None = None
    module: Literal["open", "proprietary"] | None = None
    minimum: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolkitDecision:
    """Which CUDA toolkit CUDA_HOME names; `path` is known for one that exists.

    `wheels` are the packages that bring it from a package index, cuDNN among them where it was asked for.
    """

    source: Literal["none", "existing", "wheel", "system", "conda"]
    version: str | None = None
    path: str | None = None
    wheels: tuple[Offer, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """The decision for one machine and one request."""

    schema: int = SCHEMA
    status: Literal["ok", "action_needed", "no_solution"]
    torch: TorchPick | None = None
    driver: DriverDecision
    cuda_toolkit: ToolkitDecision
    reasons: tuple[Reason, ...] = ()
    rejected: tuple[Rejection, ...] = ()
    warnings: tuple[Reason, ...] = ()
    next_steps: tuple[NextStep, ...] = ()
    facts_as_of: str
