"""A pick in sentences: why this version, this build, this Python and this source."""

from __future__ import annotations

from packaging.version import Version

from torchup.knowledge import drivers, macos
from torchup.knowledge.releases import known_versions
from torchup.knowledge.snapshot import snapshot_date
from torchup.knowledge.variants import VariantKind
from torchup.knowledge.wheel_tags import tags_of
from torchup.model.resolution import Reason
from torchup.resolve.candidates import Candidate
from torchup.resolve.devices import Device
from torchup.resolve.gates import Target, cuda_text
from torchup.resolve.refusal import listed
from torchup.resolve.situation import Outcome, Situation
from torchup.words import tr

# What only says that a build is of no interest here.
NOT_TELLING = ("not-asked-for", "other-accelerator", "prerelease")
KINDS: dict[VariantKind, str] = {"cuda": "CUDA", "rocm": "ROCm", "xpu": "XPU", "cpu": "CPU", "mps": "MPS"}


def reasons_for(situation: Situation, outcome: Outcome, pick: Candidate) -> list[Reason]:
    """Say why this version, this variant, this Python and this source."""
    reasons = [_version(situation, outcome, pick), _variant(situation, outcome.target, pick)]
    if kernels := _kernels(outcome.target, pick):
        reasons.append(kernels)
    python = pick.interpreter
    name = f"Python {python.version}{'t' if python.free_threaded else ''}"
    where = (
        tr("It goes on {name} at {path}.", name=name, path=python.path)
        if python.path
        else tr("It goes on {name}, which conda brings.", name=name)
        if situation.request.environment.kind == "conda"
        else tr("It goes on {name}, which uv brings.", name=name)
    )
    reasons.append(Reason(code="python", text=where))
    names = [f"{wheel.package} {wheel.version}" for wheel in pick.companions.wheels]
    if names:
        text = (
            tr("{name} goes with it, from the same variant.", name=names[0])
            if len(names) == 1
            else tr("{names} go with it, from the same variant.", names=listed(names))
        )
        reasons.append(Reason(code="companions", text=text))
    if situation.facts.os.system == "windows" and pick.build.variant.kind != "cpu":
        text = tr("On Windows the default package index has CPU builds only: this one is from PyTorch's own index.")
        reasons.append(Reason(code="windows-index", text=text))
    return [*reasons, *pick.companions.ended]


def _version(situation: Situation, outcome: Outcome, pick: Candidate) -> Reason:
    version = pick.build.version
    if situation.version is not None:
        text = tr(
            "torch {version} is the newest release within {wish} that passes every gate.",
            version=version,
            wish=situation.version,
        )
        return Reason(code="newest-asked-for", text=text)
    newest = situation.catalogue.builds[0].version
    if version == newest:
        return Reason(
            code="newest",
            text=tr(
                "torch {version} is the newest release{beside_newer}.",
                version=version,
                beside_newer=_beside_newer(situation, pick),
            ),
        )
    if situation.variant is not None or version == situation.catalogue.by_kind[pick.build.variant.kind][0].version:
        within = [build for build in situation.catalogue.builds if build.variant.kind == pick.build.variant.kind]
        if situation.variant is not None:
            within = [build for build in within if build.variant.name == pick.build.variant.name]
        if within[0].version == version:
            kind = pick.build.variant.name if situation.variant else KINDS[pick.build.variant.kind]
            text = tr(
                "torch {version} is the newest release with {kind} builds on offer; torch {newest} has none there.",
                version=version,
                kind=kind,
                newest=newest,
            )
            return Reason(code="newest-of-kind", text=text)
    refused = outcome.findings.refused
    telling = (found for build, found in refused if build.version == newest and found.code not in NOT_TELLING)
    held = next(telling, None)
    text = (
        tr(
            "torch {version} is the newest release that passes every gate: torch {newest} {why}.",
            version=version,
            newest=newest,
            why=held.text,
        )
        if held
        else tr("torch {version} is the newest release that passes every gate.", version=version)
    )
    return Reason(code="newest-that-fits", text=text)


def _beside_newer(situation: Situation, pick: Candidate) -> str:
    last = known_versions()[-1]
    if pick.build.number >= Version(last):
        return ""
    if tags_of(last, situation.platform):
        return tr(" on offer; torch {last} exists as of {date}", last=last, date=snapshot_date())
    return tr(" with wheels for {platform}", platform=situation.platform)


def _variant(situation: Situation, target: Target, pick: Candidate) -> Reason:
    variant = pick.build.variant
    if target.kind == "mps":
        text = tr("The macOS wheel, which is named cpu, runs on the Apple GPU through MPS.")
        if mps_too_old(situation):
            text = tr("The macOS wheel is named cpu; on this macOS it runs on the CPU.")
        return Reason(code="variant-mps", text=text)
    if variant.cuda and target.driver and target.devices:
        minimum = None if target.driver.by_label else drivers.minimum_driver(variant.cuda[0], target.driver.system)
        needs = (
            tr("driver {minimum} or newer", minimum=minimum.text)
            if minimum
            else tr("a driver that names CUDA {cuda}", cuda=variant.cuda[0])
        )
        named = target.driver.names_cuda
        names = tr("names CUDA {cuda}", cuda=cuda_text(named)) if named else tr("does not say which CUDA it names")
        text = tr(
            "{name}: CUDA {cuda}.x runs on {needs}; driver {driver} {names}.",
            name=variant.name,
            cuda=variant.cuda[0],
            needs=needs,
            driver=target.driver.text,
            names=names,
        )
        return Reason(code="variant-cuda", text=text)
    if situation.variant is not None:
        return Reason(
            code=f"variant-{variant.kind}", text=tr("{name} is the build that was asked for.", name=variant.name)
        )
    texts = {
        "rocm": tr(
            "{name} is the newest ROCm build with kernels for {titles}.", name=variant.name, titles=_titles(target)
        ),
        "xpu": tr("xpu is the build for Intel GPUs: {titles}.", titles=_titles(target)),
        "cpu": tr("cpu is the build that needs no GPU.")
        if situation.devices
        else tr("cpu: no GPU is listed on this machine."),
    }
    return Reason(
        code=f"variant-{variant.kind}",
        text=texts.get(variant.kind, tr("{name} is the build on offer.", name=variant.name)),
    )


def _kernels(target: Target, pick: Candidate) -> Reason | None:
    parts = [
        tr("{names} by {kernels}", names=_names(target, device), kernels=found)
        for capability, found in pick.admission.serving
        if (device := next((device for device in target.devices if device.capability == capability), None))
    ]
    text = tr("Its kernels serve {parts}.", parts=listed(parts))
    return Reason(code="kernels", text=text) if parts else None


def mps_too_old(situation: Situation) -> bool:
    """Say whether this macOS is older than the first with MPS."""
    return situation.host.macos is not None and situation.host.macos < macos.mps_from()


def _titles(target: Target) -> str:
    return listed(list(dict.fromkeys(device.title for device in target.devices))) or tr("no GPU here")


def _names(target: Target, like: Device) -> str:
    same = [device for device in target.devices if device.capability == like.capability]
    names = list(dict.fromkeys(device.title for device in same))
    return listed(names)
