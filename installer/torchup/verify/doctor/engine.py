"""The order of the diagnosis: what depends on a broken layer is not looked at, and said to be so."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from torchup.model.diagnosis import Found, LayerName, LayerResult, LayerStatus, Severity
from torchup.verify.causes import known_causes
from torchup.verify.doctor.subject import Subject
from torchup.words import tr

_RANK: tuple[Severity, ...] = ("warn", "degraded", "blocker")


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What a look at one layer gave: a sentence about what was seen, and the causes in the order they were met.

    `skipped` says that the layer does not exist here or was not to be looked at.
    """

    seen: str = ""
    found: tuple[Found, ...] = ()
    skipped: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One layer, the layers it stands on, and how it is looked at.

    `needs` may depend on the subject: torch for the CPU does not stand on the driver.
    """

    name: LayerName
    look: Callable[[Subject], Look]
    needs: Callable[[Subject], Iterable[LayerName]] = field(default=lambda _: ())


def examine(subject: Subject, layers: Iterable[Layer]) -> tuple[LayerResult, ...]:
    """Look at the layers in their order.

    A layer that stands on one with a blocker, or on one that was itself not reached, is not looked at.
    Within a layer nothing after its first blocker is told: it is likely to follow from it.
    """
    results: list[LayerResult] = []
    barred: dict[LayerName, LayerName] = {}
    for layer in layers:
        barrier = next((barred[name] for name in layer.needs(subject) if name in barred), None)
        if barrier is not None:
            barred[layer.name] = barrier
            results.append(
                LayerResult(name=layer.name, status="not-reached", detail=tr("it stands on: {layer}", layer=barrier))
            )
            continue
        try:
            look = layer.look(subject)
        except Exception as error:  # noqa: BLE001 - one layer that cannot be read must not hide the others
            results.append(
                LayerResult(
                    name=layer.name, status="skipped", detail=tr("could not be looked at: {error!r}", error=error)
                )
            )
            continue
        result = _judge(layer.name, look)
        if result.status == "blocker":
            barred[layer.name] = layer.name
        results.append(result)
    return tuple(results)


def severity_of(found: Found) -> Severity:
    """Give how bad a cause is: as the look said, else as the catalogue says."""
    return found.severity or known_causes()[found.cause].severity


def _judge(name: LayerName, look: Look) -> LayerResult:
    kept: list[Found] = []
    for found in look.found:
        if found.cause not in {known.cause for known in kept}:
            kept.append(found)
        if severity_of(found) == "blocker":
            break
    status: LayerStatus = max((severity_of(found) for found in kept), key=_RANK.index, default="ok")
    if look.skipped and not kept:
        status = "skipped"
    return LayerResult(name=name, status=status, detail=look.seen, found=tuple(kept))
