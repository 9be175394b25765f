"""When nothing fits: which constraint to loosen, and what would then be picked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from torchup.knowledge import rocm
from torchup.model.request import DriverWish, PythonWish, Request
from torchup.model.resolution import NextStep
from torchup.resolve.accelerator import Choice, choose
from torchup.resolve.candidates import Candidate
from torchup.resolve.host_advice import host_steps
from torchup.resolve.python_sources import ways_to_bring
from torchup.resolve.pythons import managed
from torchup.resolve.settle import settle
from torchup.resolve.situation import Outcome, Situation, situation_of
from torchup.words import tr

# The manylinux_2_28 tag of all Linux wheels since torch 2.7.
_GLIBC = (2, 28)
_OTHER_PYTHON = "another Python"


def ways_out(situation: Situation) -> list[NextStep]:
    """Try every constraint loosened alone, then all pins together, and last the CPU; add what the maker offers."""
    steps = [step for name, loosened in _loosened(situation) for step in _steps(name, loosened)]
    steps = [*_missing_python(situation), *steps]
    if not steps and (together := _without_pins(situation)) is not None:
        steps = _steps(tr("all pins of torch and python"), together)
    if situation.variant is None or situation.variant.kind != "cpu":
        steps += _cpu(situation)
    if situation.facts.context.jetson:
        steps = [*host_steps(situation.facts, None), *steps]
    steps += [*_overrides(situation), *_newer_system(situation)]
    return steps or [
        NextStep(text=tr("See every candidate with the gate that stopped it."), commands=("torchup resolve --all",))
    ]


def on_offer_now(situation: Situation) -> list[NextStep]:
    """Name the build that the sources that answered have for this machine, where only torch.variant stands in its way."""
    torch = situation.request.torch
    for variant in dict.fromkeys(build.variant for build in situation.catalogue.builds):
        if variant.kind == "cpu" and situation.devices:
            continue  # never the CPU in place of a GPU
        loosened = _with(situation, replace(situation.request, torch=replace(torch, variant=variant.name)))
        outcome = settle(loosened, choose(loosened))
        if outcome.pick is None or outcome.status != "ok":
            continue
        text = tr(
            "Or take torch {title}, which {origin} offers now.",
            title=outcome.pick.build.title,
            origin=outcome.pick.wheel.origin,
        )
        pin = f"torch.variant={variant.name}"
        if variant.kind == "cuda" and not situation.devices:
            text += tr(" It is built for CUDA, computes without a GPU too, and is larger.")
        return [NextStep(text=text, commands=(f"torchup setup --set {pin}",), settings=(pin,))]
    return []


def _newer_system(situation: Situation) -> list[NextStep]:
    """Say what a system would have to be, where its C library or its age is in the way."""
    host = situation.host
    if host.system == "windows" and any(device.gpu.vendor == "amd" for device in situation.devices):
        text = tr(
            "AMD offers PyTorch builds of its own for Windows, which torchup does not install; on Linux, PyTorch's ROCm builds serve this GPU if they have kernels for it."
        )
        return [NextStep(text=text)]
    if host.libc == "musl":
        text = tr(
            "Use a system or a container with glibc, such as Debian, Ubuntu or Fedora; no PyTorch wheel is for musl."
        )
        return [NextStep(text=text)]
    if host.libc_version and host.libc_version < _GLIBC:
        return [
            NextStep(
                text=tr("Use a system or a container with glibc 2.28 or newer, as every release from 2.7 on needs it.")
            )
        ]
    return []


def _missing_python(situation: Situation) -> list[NextStep]:
    """Offer to bring the Python that was asked for by version and is not on the machine."""
    asked = situation.interpreters.asked
    if not asked or not any(refusal.code == "python-missing" for refusal in situation.interpreters.refusals):
        return []
    brought = replace(situation, interpreters=managed([asked], asked), exhaustive=False)
    return _steps(_OTHER_PYTHON, brought)


def _overrides(situation: Situation) -> list[NextStep]:
    """Tell what people do with AMD relatives of a supported target, without counting on it."""
    families = {"gfx103": "10.3.0", "gfx110": "11.0.0"}
    if situation.facts.os.system != "linux":
        return []
    served = {gfx for row in rocm.gfx_lists() for gfx in row.gfx}
    targets = sorted({device.gfx for device in situation.devices if device.gfx} - served)
    found = [(gfx, families[gfx[:6]]) for gfx in targets if gfx[:6] in families]
    return [
        NextStep(
            text=tr(
                "Some run {gfx} as its relative with HSA_OVERRIDE_GFX_VERSION={version}; no wheel is built for that, and torchup does not count on it.",
                gfx=gfx,
                version=version,
            )
        )
        for gfx, version in found
    ]


def _loosened(situation: Situation) -> Iterator[tuple[str, Situation]]:
    request = situation.request
    torch = request.torch
    if torch.variant != "auto":
        yield (
            f"torch.variant ({torch.variant})",
            _with(situation, replace(request, torch=replace(torch, variant="auto"))),
        )
    if situation.version is not None:
        yield (
            f"torch.version ({torch.version})",
            _with(situation, replace(request, torch=replace(torch, version="latest"))),
        )
    if not request.is_default("torch.packages"):
        origins = {key: value for key, value in request.origins.items() if key != "torch.packages"}
        yield "torch.packages", _with(situation, replace(request, origins=origins))
    if request.driver != DriverWish():
        yield "driver", _with(situation, replace(request, driver=DriverWish()))
    if request.source.index != "auto":
        source = replace(request.source, index="auto")
        yield f"source.index ({request.source.index})", _with(situation, replace(request, source=source))
    if request.python.version != "auto":
        found = _with(situation, replace(request, python=PythonWish()))
        yield f"python.version ({request.python.version})", found
    if not situation.interpreters.managed and request.python.version == "auto":
        anew = replace(situation, interpreters=managed(situation.catalogue.labels), exhaustive=False)
        yield _OTHER_PYTHON, anew


def _without_pins(situation: Situation) -> Situation | None:
    request = situation.request
    torch = replace(request.torch, variant="auto", version="latest")
    free = replace(request, torch=torch, python=PythonWish(), driver=DriverWish())
    return _with(situation, free) if free != request else None


def _with(situation: Situation, request: Request) -> Situation:
    return situation_of(situation.facts, request, situation.platform, situation.catalogue)


def _steps(name: str, loosened: Situation) -> list[NextStep]:
    outcome = settle(loosened, choose(loosened))
    if outcome.pick is None:
        return []
    what = _what(outcome, outcome.pick)
    if name == _OTHER_PYTHON:
        python = outcome.pick.interpreter.label
        first = NextStep(text=tr("With Python {python} the pick is {what}.", python=python, what=what))
        return [first, *ways_to_bring(python, loosened.facts.os, offline=loosened.request.source.offline)]
    return [NextStep(text=tr("Loosen {name}: then the pick is {what}.", name=name, what=what))]


def _what(outcome: Outcome, pick: Candidate) -> str:
    driver, title = outcome.driver, pick.build.title
    if outcome.status == "ok":
        return f"torch {title}"
    match driver.action:
        case "install":
            return tr("torch {title}, after installing driver {branch}", title=title, branch=driver.branch)
        case "upgrade":
            return tr("torch {title}, after upgrading to driver {branch}", title=title, branch=driver.branch)
        case "reboot":
            return tr("torch {title}, after reloading the driver", title=title)
        case "host":
            return tr("torch {title}, after the driver there is updated", title=title)
        case _:
            return f"torch {title}"


def _cpu(situation: Situation) -> list[NextStep]:
    request = replace(situation.request, torch=replace(situation.request.torch, variant="cpu"))
    loosened = _with(situation, request)
    outcome = settle(loosened, Choice(kind="cpu"))
    if outcome.pick is None:
        return []
    return [
        NextStep(
            text=tr(
                "torch.variant: cpu gives torch {title}, which leaves the GPU unused.", title=outcome.pick.build.title
            )
        )
    ]
