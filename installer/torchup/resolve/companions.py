"""The packages that go with a build of torch: which version, from where, and what became of the others."""

from __future__ import annotations

from collections.abc import Sequence

from torchup.knowledge.releases import CompanionFact, companion, release_of
from torchup.model.offer import Offer
from torchup.model.quick import dataclass
from torchup.model.resolution import Reason
from torchup.resolve.catalogue import Build, Catalogue
from torchup.resolve.python_range import satisfies
from torchup.resolve.pythons import Interpreter
from torchup.resolve.refusal import Refusal
from torchup.resolve.wheels import Host, fits_python, platform_refusal
from torchup.words import tr

_KNOWN = ("torchvision", "torchaudio", "triton")


@dataclass(frozen=True, slots=True, kw_only=True)
class Companions:
    """The wheels found beside torch, what ended upstream, and what is missing although it should be there."""

    wheels: tuple[Offer, ...] = ()
    ended: tuple[Reason, ...] = ()
    missing: tuple[Refusal, ...] = ()
    assumed: tuple[Reason, ...] = ()


def companions_of(
    build: Build, interpreter: Interpreter, host: Host, catalogue: Catalogue, packages: Sequence[str], origin: str
) -> Companions:
    """Find the companions of a build for one interpreter, from `origin` where it has them."""
    wheels: list[Offer] = []
    ended: list[Reason] = []
    missing: list[Refusal] = []
    assumed: list[Reason] = []
    for package in packages:
        if package == "torch":
            continue
        fact = companion(package, build.version) if package in _KNOWN else CompanionFact(version=None)
        if fact.ended:
            text = tr(
                "{package} ended with {last}: there is none for torch {version}, and torch does not need it.",
                package=package,
                last=fact.last,
                version=build.version,
            )
            ended.append(Reason(code="companion-ended", text=text))
            continue
        wheel = _wheel(build, interpreter, host, catalogue, package, fact, origin)
        if wheel is None:
            missing.append(_missing(build, interpreter, package, fact))
            continue
        wheels.append(wheel)
        if package not in _KNOWN or fact.inferred_from:
            text = tr(
                "Which {package} goes with torch {version} is not known here; {newest} is the newest offered.",
                package=package,
                version=build.version,
                newest=wheel.version,
            )
            assumed.append(Reason(code="companion-assumed", text=text))
    return Companions(wheels=tuple(wheels), ended=tuple(ended), missing=tuple(missing), assumed=tuple(assumed))


def _wheel(
    build: Build,
    interpreter: Interpreter,
    host: Host,
    catalogue: Catalogue,
    package: str,
    fact: CompanionFact,
    origin: str,
) -> Offer | None:
    offered = catalogue.companions.get((package, build.variant.name), {})
    fitting = [wheel for version in _versions(build, package, fact, offered) for wheel in offered[version]]
    found = [wheel for wheel in fitting if _fits(wheel, interpreter, host)]
    newest = [wheel for wheel in found if wheel.version == found[0].version]
    return min(newest, key=lambda wheel: wheel.origin != origin, default=None)


def _versions(build: Build, package: str, fact: CompanionFact, offered: dict[str, tuple[Offer, ...]]) -> list[str]:
    """List the versions that will do, best first: the known partner, or any where no table tells."""
    if package not in _KNOWN or (fact.inferred_from and release_of(build.version) is None):
        return list(offered)
    if fact.version and fact.version.endswith(".x"):
        return [version for version in offered if version.startswith(fact.version[:-1])]
    return [fact.version] if fact.version in offered else []


def _fits(wheel: Offer, interpreter: Interpreter, host: Host) -> bool:
    return (
        wheel.yanked is None
        and fits_python(wheel.tags[0], wheel.tags[1], interpreter.release, interpreter.free_threaded)
        and platform_refusal(wheel.tags[2], host) is None
        and (wheel.requires_python is None or satisfies(wheel.requires_python, interpreter.version))
    )


def _missing(build: Build, interpreter: Interpreter, package: str, fact: CompanionFact) -> Refusal:
    values = {
        "package": f"{package} {fact.version}" if fact.version else package,
        "variant": build.variant.name,
        "python": interpreter.label if interpreter.path is None else interpreter.version,
        "torch": build.version,
    }
    return Refusal("companion-missing", tr("has no {package} on offer for {variant} and Python {python}"), values)
