"""One machine, one request and one catalogue, read once; and what a line of thought ends in."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Literal

from torchup.errors import UsageError
from torchup.knowledge.platforms import Platform
from torchup.knowledge.variants import Variant, parse_variant
from torchup.model.facts import MachineFacts
from torchup.model.offer import SourceKind
from torchup.model.quick import dataclass
from torchup.model.request import Request, TorchWish
from torchup.model.resolution import DriverDecision, NextStep, Reason
from torchup.resolve.candidates import Candidate, Findings, Search, search
from torchup.resolve.catalogue import Catalogue
from torchup.resolve.devices import Device, devices_of
from torchup.resolve.gates import Target
from torchup.resolve.pythons import Interpreters, interpreters_of
from torchup.resolve.wheels import Host, host_of
from torchup.words import tr

if TYPE_CHECKING:
    from packaging.specifiers import SpecifierSet

Status = Literal["ok", "action_needed", "no_solution"]

_SOURCES: dict[str, frozenset[SourceKind]] = {
    "pytorch": frozenset({"pytorch", "mirror", "find-links", "snapshot"}),
    "default": frozenset({"default", "extra", "find-links", "snapshot"}),
    "conda-forge": frozenset({"conda"}),
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Situation:
    """Everything the decision looks at; `devices` are all GPUs of the machine, used or not."""

    facts: MachineFacts
    request: Request
    host: Host
    platform: Platform
    catalogue: Catalogue
    interpreters: Interpreters
    devices: tuple[Device, ...]
    version: SpecifierSet | None
    variant: Variant | None
    exhaustive: bool = False

    @property
    def packages_asked(self) -> bool:
        """Whether somebody chose the packages; a saved answers file spells out the usual ones too."""
        return _packages_asked(self.request)

    def question(self, target: Target) -> Search:
        """Ask for a build that runs on this target, under all pins of the request."""
        return Search(
            host=self.host,
            platform=self.platform,
            target=target,
            interpreters=self.interpreters,
            version=self.version,
            variant=_as_offered(self.variant, self.host),
            packages=self.request.torch.packages,
            packages_asked=self.packages_asked,
            sources=_SOURCES.get(self.request.source.index),
        )

    def search(self, target: Target) -> Findings:
        """Search for a build that runs on this target."""
        return search(self.question(target), self.catalogue, exhaustive=self.exhaustive)

    def search_all(self, target: Target) -> Findings:
        """Search for every build of the target's kind that runs on it, not only the best."""
        return search(self.question(target), self.catalogue, exhaustive=True)


@dataclass(slots=True, kw_only=True, eq=False)
class Outcome:
    """Where a line of thought ended.

    `pick` counts now, or after the next steps. `ignored` are GPUs left out although nobody said so.
    """

    status: Status
    target: Target
    driver: DriverDecision
    findings: Findings = field(default_factory=Findings)
    pick: Candidate | None = None
    reasons: list[Reason] = field(default_factory=list)
    warnings: list[Reason] = field(default_factory=list)
    steps: list[NextStep] = field(default_factory=list)


def situation_of(
    facts: MachineFacts, request: Request, platform: Platform, catalogue: Catalogue, *, exhaustive: bool = False
) -> Situation:
    """Read facts and request; raises UsageError for a version, a variant or a Python that cannot be read."""
    return Situation(
        facts=facts,
        request=request,
        host=host_of(facts.os),
        platform=platform,
        catalogue=catalogue,
        interpreters=interpreters_of(facts, request, catalogue.labels),
        devices=devices_of(facts),
        version=version_pin(request.torch.version),
        variant=variant_pin(request.torch.variant),
        exhaustive=exhaustive,
    )


def version_pin(wish: str) -> SpecifierSet | None:
    """Read `latest` as no pin, and anything else as a PEP 440 specifier; a bare number means exactly that."""
    text = wish.strip()
    if text in ("", "latest"):
        return None
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        return SpecifierSet(f"=={text}" if text[0].isdecimal() else text)
    except InvalidSpecifier as error:
        message = tr(
            "{wish!r} is not a version: write latest, or a specifier such as ==2.14.* or >=2.12,<2.15", wish=wish
        )
        raise UsageError(message, code="version-invalid", hint=tr("Correct torch.version.")) from error


def variant_pin(wish: str) -> Variant | None:
    """Read `auto` as no pin, and anything else as the name of a build variant."""
    if wish == "auto":
        return None
    try:
        return parse_variant(wish)
    except ValueError as error:
        message = tr(
            "{wish!r} is not a build variant: write auto, or a name such as cpu, cu130, rocm7.2 or xpu", wish=wish
        )
        raise UsageError(message, code="variant-invalid", hint=tr("Correct torch.variant.")) from error


def _packages_asked(request: Request) -> bool:
    # A saved answers file spells out every default, and has to lead to the same build when it is read again.
    return not request.is_default("torch.packages") and request.torch.packages != TorchWish().packages


def _as_offered(variant: Variant | None, host: Host) -> str | None:
    if variant is None:
        return None
    # The macOS wheel carries MPS under the name cpu.
    return "cpu" if variant.kind == "mps" and host.system == "darwin" else variant.name
