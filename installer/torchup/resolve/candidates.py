"""The search: every build against every gate, newest first, and the best of what passes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from functools import lru_cache
from typing import TYPE_CHECKING

from packaging.version import Version

from torchup.knowledge import releases
from torchup.knowledge.platforms import Platform
from torchup.knowledge.variants import Variant, VariantKind
from torchup.model.offer import Offer, SourceKind
from torchup.model.quick import dataclass
from torchup.resolve.catalogue import SOURCE_RANK, Build, Catalogue
from torchup.resolve.companions import Companions, companions_of
from torchup.resolve.gates import Admission, Target, pass_gates
from torchup.resolve.python_range import satisfies
from torchup.resolve.pythons import Interpreter, Interpreters
from torchup.resolve.refusal import Refusal, listed
from torchup.resolve.wheels import Host, Release, fits_python, platform_refusal, python_of
from torchup.words import mark, tr

if TYPE_CHECKING:
    from packaging.specifiers import SpecifierSet


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """One question: which build fits this host, these interpreters and this target, under these pins.

    `version` and `variant` are None where the choice is free; `packages_asked` says that every companion was asked
    for by name. `sources` limits where wheels may come from.
    """

    host: Host
    platform: Platform
    target: Target
    interpreters: Interpreters
    version: SpecifierSet | None = None
    variant: str | None = None
    packages: tuple[str, ...] = ("torch",)
    packages_asked: bool = False
    sources: frozenset[SourceKind] | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Candidate:
    """A build that passed every gate, with the interpreter, wheel and companions it would be installed with."""

    build: Build
    interpreter: Interpreter
    wheel: Offer
    admission: Admission
    companions: Companions


@dataclass(slots=True, kw_only=True, eq=False)
class Findings:
    """What a search found: the best candidate, all that passed, and why others did not."""

    best: Candidate | None = None
    passed: list[Candidate] = field(default_factory=list)
    refused: list[tuple[Build, Refusal]] = field(default_factory=list)


def search(question: Search, catalogue: Catalogue, *, exhaustive: bool = False) -> Findings:
    """Try builds newest first until one passes and no other of its version is left.

    `exhaustive` tries all, also those for other accelerators, so that each has its refusal.
    """
    findings = Findings()
    said: dict[object, Refusal | None] = {}
    kind: VariantKind = "cpu" if question.target.kind == "mps" else question.target.kind
    for build in catalogue.builds if exhaustive else catalogue.by_kind.get(kind, ()):
        best = findings.best
        if best and not exhaustive and not best.admission.unlisted and build.number < best.build.number:
            break
        outcome = _try(question, catalogue, build, said)
        if isinstance(outcome, Refusal):
            findings.refused.append((build, outcome))
            continue
        findings.passed.append(outcome)
        if best is None or _rank(outcome, question) < _rank(best, question):
            findings.best = outcome
    return findings


def _try(
    question: Search, catalogue: Catalogue, build: Build, said: dict[object, Refusal | None]
) -> Candidate | Refusal:
    refusal = _against_pins(question, build)
    if refusal:
        return refusal
    admission = pass_gates(build.version, build.variant, question.platform, question.target, said)
    if isinstance(admission, Refusal):
        return admission
    wheels = _wheels_here(question, build)
    if isinstance(wheels, Refusal):
        return wheels
    candidates: list[Candidate] = []
    missing: Refusal | None = None
    for interpreter in question.interpreters.usable:
        wheel = next((wheel for wheel in wheels if _loads(wheel, interpreter)), None)
        if wheel is None:
            continue
        beside = companions_of(build, interpreter, question.host, catalogue, question.packages, wheel.origin)
        if beside.missing and question.packages_asked:
            missing = missing or beside.missing[0]
            continue
        found = Candidate(build=build, interpreter=interpreter, wheel=wheel, admission=admission, companions=beside)
        compiles = releases.compiles_on(build.version, interpreter.release)
        if compiles and not beside.missing and wheel.source == wheels[0].source and not interpreter.free_threaded:
            # Interpreters come best first, so nothing after this one can be better.
            return found
        candidates.append(found)
    if candidates:
        return min(candidates, key=lambda candidate: _rank(candidate, question))
    return missing or _no_python(question.interpreters, wheels)


def _against_pins(question: Search, build: Build) -> Refusal | None:
    kind = "cpu" if question.target.kind == "mps" else question.target.kind
    if question.variant and build.variant.name != question.variant:
        return Refusal("not-asked-for", tr("is not asked for: torch.variant is {wish}"), {"wish": question.variant})
    if build.variant.kind != kind:
        values = {"target": tr(_TARGETS[question.target.kind])}
        return Refusal("other-accelerator", tr("is not a build for {target}"), values)
    if question.version is not None:
        if not question.version.contains(build.title):
            return Refusal(
                "not-asked-for", tr("is not asked for: torch.version is {wish}"), {"wish": str(question.version)}
            )
    elif build.prerelease:
        return Refusal("prerelease", tr("is a pre-release, which has to be asked for by its number"), {})
    return None


def _wheels_here(question: Search, build: Build) -> list[Offer] | Refusal:
    refusals: list[Refusal] = []
    wheels: list[Offer] = []
    for tag, group in build.by_platform:
        if refusal := platform_refusal(tag, question.host):
            refusals.append(refusal)
        else:
            wheels += group
    if not wheels:
        return min(refusals, key=lambda refusal: refusal.code == "platform")
    if len(build.by_platform) > 1:
        wheels.sort(key=lambda wheel: SOURCE_RANK[wheel.source])
    if question.sources:
        wheels = [wheel for wheel in wheels if wheel.source in question.sources]
        if not wheels:
            return Refusal("other-source", tr("is not offered by the source that source.index asks for"), {})
    if not _is_exact(question.version):
        withdrawn = [wheel for wheel in wheels if wheel.yanked is not None]
        wheels = [wheel for wheel in wheels if wheel.yanked is None]
        if not wheels:
            why = f" ({tr(withdrawn[0].yanked)})" if withdrawn[0].yanked else ""
            return Refusal("yanked", tr("was withdrawn by its makers{why}; only an exact pin takes it"), {"why": why})
    return wheels


def _loads(wheel: Offer, interpreter: Interpreter) -> bool:
    return fits_python(wheel.tags[0], wheel.tags[1], interpreter.release, interpreter.free_threaded) and (
        wheel.requires_python is None or satisfies(wheel.requires_python, interpreter.version)
    )


def _no_python(interpreters: Interpreters, wheels: list[Offer]) -> Refusal:
    labels = _labels(frozenset(wheel.tags[:2] for wheel in wheels))
    if not interpreters.usable and interpreters.refusals:
        first = interpreters.refusals[0]
        values = {"needs": lambda: python_range(labels), "why": first.text}
        return Refusal(first.code, tr("needs Python {needs}; {why}"), values)
    found = [interpreter.version + ("t" if interpreter.free_threaded else "") for interpreter in interpreters.usable]
    values = {"needs": lambda: python_range(labels), "found": lambda: listed(found) or tr("none")}
    mine = tuple(interpreter.release for interpreter in interpreters.usable)
    return Refusal(_python_code(mine, labels), tr("needs Python {needs}; found {found}"), values)


@lru_cache(maxsize=1024)
def _labels(tags: frozenset[tuple[str, str]]) -> tuple[str, ...]:
    return tuple(sorted({label for tag in tags if (label := python_of(*tag))}, key=label_order))


@lru_cache(maxsize=1024)
def _python_code(mine: tuple[Release, ...], labels: tuple[str, ...]) -> str:
    releases = [label_order(label)[1:] for label in labels if not label.endswith("t")]
    if releases and mine and all(release < min(releases) for release in mine):
        return "python-too-old"
    if releases and mine and all(release > max(releases) for release in mine):
        return "python-too-new"
    return "python-not-offered"


def label_order(label: str) -> tuple[bool, int, int]:
    """Sort `3.9` before `3.12`, and free-threaded Pythons last."""
    major, _, minor = label.rstrip("t").partition(".")
    return (label.endswith("t"), int(major), int(minor))


def python_range(labels: Sequence[str]) -> str:
    """Write the Pythons of a build: `3.11 to 3.15` where no release between is left out, else one by one."""
    plain = sorted((label for label in set(labels) if not label.endswith("t")), key=label_order)
    threaded = sorted((label for label in set(labels) if label.endswith("t")), key=label_order)
    minors = [label_order(label)[2] for label in plain]
    if len(plain) > 2 and minors == list(range(minors[0], minors[-1] + 1)):  # noqa: PLR2004  two need no range
        plain = [tr("{oldest} to {newest}", oldest=plain[0], newest=plain[-1])]
    return listed([*plain, *threaded], "or") or tr("of another kind")


def _rank(candidate: Candidate, question: Search) -> tuple[object, ...]:
    """Order what passed: least is best."""
    python = candidate.interpreter
    version = candidate.build.number
    return (
        candidate.admission.unlisted,
        _Descending(version),
        len(candidate.companions.missing),
        _by_cuda(candidate.build.variant, question.target),
        python.free_threaded,
        not releases.compiles_on(candidate.build.version, python.release),
        SOURCE_RANK[candidate.wheel.source],
        question.interpreters.usable.index(python),
    )


@dataclass(frozen=True, slots=True)
class _Descending:
    """A version that sorts the other way round."""

    value: Version

    def __lt__(self, other: _Descending) -> bool:
        return other.value < self.value


def _by_cuda(variant: Variant, target: Target) -> tuple[int, ...]:
    """Prefer the highest CUDA that the driver names, else the lowest above it; for ROCm the highest."""
    if variant.cuda is None:
        return (0, *(-number for number in (*variant.version, 0, 0, 0)[:3]))
    named = target.driver.names_cuda if target.driver else None
    if target.driver is None or (named and variant.cuda <= named):
        return (0, -variant.cuda[0], -variant.cuda[1])
    return (1, *variant.cuda)


_TARGETS: dict[VariantKind, str] = {
    "cpu": mark("the CPU"),
    "cuda": mark("NVIDIA GPUs"),
    "rocm": mark("AMD GPUs"),
    "xpu": mark("Intel GPUs"),
    "mps": mark("Apple GPUs"),
}


def _is_exact(version: SpecifierSet | None) -> bool:
    return any(spec.operator in ("==", "===") and not spec.version.endswith(".*") for spec in version or ())
