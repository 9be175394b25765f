"""A pick in sentences: why this build, and what to watch out for."""

from __future__ import annotations

from packaging.version import Version

from torchup.knowledge import drivers, macos
from torchup.knowledge.releases import known_versions
from torchup.knowledge.snapshot import SNAPSHOT_DATE
from torchup.knowledge.variants import VariantKind
from torchup.model.resolution import Reason
from torchup.resolve.candidates import Candidate
from torchup.resolve.devices import Device
from torchup.resolve.gates import Target, cuda_text
from torchup.resolve.refusal import listed
from torchup.resolve.situation import Outcome, Situation

_AS_OF = SNAPSHOT_DATE[:7]
# What only says that a build is of no interest here.
NOT_TELLING = ("not-asked-for", "other-accelerator", "prerelease")
KINDS: dict[VariantKind, str] = {"cuda": "CUDA", "rocm": "ROCm", "xpu": "XPU", "cpu": "CPU", "mps": "MPS"}
_MASKS = ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "ZE_AFFINITY_MASK")


def reasons_for(situation: Situation, outcome: Outcome, pick: Candidate) -> list[Reason]:
    """Say why this version, this variant, this Python and this source."""
    reasons = [_version(situation, outcome, pick), _variant(situation, outcome.target, pick)]
    if kernels := _kernels(outcome.target, pick):
        reasons.append(kernels)
    python = pick.interpreter
    name = f"Python {python.version}{'t' if python.free_threaded else ''}"
    where = f"It goes on {name} at {python.path}." if python.path else f"It goes on {name}, {_brought(situation)}."
    reasons.append(Reason(code="python", text=where))
    names = [f"{wheel.package} {wheel.version}" for wheel in pick.companions.wheels]
    if names:
        text = f"{listed(names)} {'goes' if len(names) == 1 else 'go'} with it, from the same variant."
        reasons.append(Reason(code="companions", text=text))
    if situation.facts.os.system == "windows" and pick.build.variant.kind != "cpu":
        text = "On Windows the default package index has CPU builds only: this one is from PyTorch's own index."
        reasons.append(Reason(code="windows-index", text=text))
    return [*reasons, *pick.companions.ended]


def _brought(situation: Situation) -> str:
    return "which conda brings" if situation.request.environment.kind == "conda" else "which uv brings"


def _version(situation: Situation, outcome: Outcome, pick: Candidate) -> Reason:
    version = pick.build.version
    if situation.version is not None:
        text = f"torch {version} is the newest release within {situation.version} that passes every gate."
        return Reason(code="newest-asked-for", text=text)
    newest = situation.catalogue.builds[0].version
    if version == newest:
        last = known_versions()[-1]
        here = f" with wheels for {situation.platform}: torch {last} has none" if pick.build.number < Version(last) else ""
        return Reason(code="newest", text=f"torch {version} is the newest release{here}.")
    if situation.variant is not None or version == situation.catalogue.by_kind[pick.build.variant.kind][0].version:
        within = [build for build in situation.catalogue.builds if build.variant.kind == pick.build.variant.kind]
        if situation.variant is not None:
            within = [build for build in within if build.variant.name == pick.build.variant.name]
        if within[0].version == version:
            kind = pick.build.variant.name if situation.variant else KINDS[pick.build.variant.kind]
            text = f"torch {version} is the newest release with {kind} builds; torch {newest} is on offer without."
            return Reason(code="newest-of-kind", text=text)
    refused = outcome.findings.refused
    telling = (found for build, found in refused if build.version == newest and found.code not in NOT_TELLING)
    held = next(telling, None)
    why = f": torch {newest} {held.text}" if held else ""
    return Reason(code="newest-that-fits", text=f"torch {version} is the newest release that passes every gate{why}.")


def _variant(situation: Situation, target: Target, pick: Candidate) -> Reason:
    variant = pick.build.variant
    if target.kind == "mps":
        text = "The macOS wheel, which is named cpu, runs on the Apple GPU through MPS."
        if _mps_too_old(situation):
            text = "The macOS wheel is named cpu; on this macOS it runs on the CPU."
        return Reason(code="variant-mps", text=text)
    if variant.cuda and target.driver and target.devices:
        minimum = drivers.minimum_driver(variant.cuda[0], target.driver.system)
        needs = f"driver {minimum.text} or newer" if minimum else f"a driver that names CUDA {variant.cuda[0]}"
        named = target.driver.names_cuda
        names = f"names CUDA {cuda_text(named)}" if named else "does not say which CUDA it names"
        text = f"{variant.name}: CUDA {variant.cuda[0]}.x runs on {needs}; driver {target.driver.text} {names}."
        return Reason(code="variant-cuda", text=text)
    texts = {
        "cuda": f"{variant.name} is the build that was asked for.",
        "rocm": f"{variant.name} is the newest ROCm build with kernels for {_titles(target)}.",
        "xpu": f"xpu is the build for Intel GPUs: {_titles(target)}.",
        "cpu": "cpu is the build that needs no GPU." if situation.devices else "cpu: no GPU is listed on this machine.",
    }
    return Reason(
        code=f"variant-{variant.kind}", text=texts.get(variant.kind, f"{variant.name} is the build on offer.")
    )


def _kernels(target: Target, pick: Candidate) -> Reason | None:
    parts = [
        f"{_names(target, device)} by {found}"
        for capability, found in pick.admission.serving
        if (device := next((device for device in target.devices if device.capability == capability), None))
    ]
    text = f"Its kernels serve {listed(parts)}."
    return Reason(code="kernels", text=text) if parts else None


def warnings_for(situation: Situation, outcome: Outcome, pick: Candidate) -> list[Reason]:
    """Say what was assumed, what is missing, and what on the machine could get in the way."""
    return [
        *_assumed_lists(pick),
        *_compiled_at_first_use(pick),
        *_assumed_devices(outcome.target),
        *_missing_packages(pick),
        *pick.companions.assumed,
        *_python(situation, pick),
        *_platform(situation, outcome.target, pick),
        *_driver(situation, outcome),
    ]


def _assumed_lists(pick: Candidate) -> list[Reason]:
    title, admission = pick.build.title, pick.admission
    if admission.unlisted:
        text = f"Nothing is known about the kernels in {title}: it may not run on these GPUs."
        return [Reason(code="kernels-unknown", text=text)]
    if (found := admission.arch_list) and admission.serving:
        if found.inferred_from:
            text = f"Nobody has read the kernel list of {title} here; that of {found.inferred_from} is assumed."
            return [Reason(code="kernels-inferred", text=text)]
        if found.uncertain:
            text = f"The kernel list of {title} comes from plans or reports, not from the wheel itself."
            return [Reason(code="kernels-uncertain", text=text)]
    if (gfx := admission.gfx_list) and gfx.inferred_from:
        text = f"Nobody has read the gfx targets of {title} here; those of {gfx.inferred_from} are assumed."
        return [Reason(code="kernels-inferred", text=text)]
    return []


def _compiled_at_first_use(pick: Candidate) -> list[Reason]:
    portable = [(capability, found) for capability, found in pick.admission.serving if found.kind == "ptx"]
    return [
        Reason(
            code="kernels-compiled",
            text=f"{pick.build.title} has no native kernels for {capability}: the driver compiles {found} at first "
            "use, which takes minutes once.",
        )
        for capability, found in portable
    ]


def _assumed_devices(target: Target) -> list[Reason]:
    warnings: list[Reason] = []
    for device in target.devices:
        if device.assumed:
            what = f"compute capability {device.capability}" if device.capability else f"target {device.gfx}"
            text = f"No driver reported the {what} of {device.name}; it follows from {device.assumed}."
            warnings.append(Reason(code="capability-assumed", text=text))
        elif device.capability is None and target.kind == "cuda":
            text = f"The compute capability of {device.name} is not known, so nothing says that this build has kernels for it."
            warnings.append(Reason(code="capability-unknown", text=text))
        elif device.gfx is None and target.kind == "rocm":
            text = f"The gfx target of {device.name} is not known, so nothing says that this build has kernels for it."
            warnings.append(Reason(code="capability-unknown", text=text))
    return warnings


def _missing_packages(pick: Candidate) -> list[Reason]:
    return [
        Reason(code="companion-dropped", text=f"torch {pick.build.title} {refusal.text}; it is installed without that.")
        for refusal in pick.companions.missing
    ]


def _python(situation: Situation, pick: Candidate) -> list[Reason]:
    if situation.interpreters.managed and situation.request.environment.kind != "conda":
        text = f"The Pythons of this machine are not known; uv would bring Python {pick.interpreter.label}."
        return [Reason(code="python-managed", text=text)]
    return []


def _platform(situation: Situation, target: Target, pick: Candidate) -> list[Reason]:
    warnings: list[Reason] = []
    facts = situation.facts
    if facts.os.system == "linux" and facts.os.libc is None:
        text = f"The C library is not known; the wheel {pick.wheel.tags[2]} is for glibc."
        warnings.append(Reason(code="libc-unknown", text=text))
    if facts.context.jetson and target.devices:
        text = (
            "This is a Jetson: the wheel is PyTorch's server build, which was not tried on this board; NVIDIA's own "
            "builds for JetPack are on the Jetson AI Lab index."
        )
        warnings.append(Reason(code="jetson", text=text))
    if target.kind == "mps" and _mps_too_old(situation):
        text = f"MPS needs macOS {cuda_text(macos.mps_from())} or newer; before that PyTorch runs on the CPU."
        warnings.append(Reason(code="mps-too-old", text=text))
    if target.kind == "xpu" and target.devices:
        text = "Whether Intel's GPU runtime (compute-runtime, level-zero) works was not looked at; xpu needs it."
        warnings.append(Reason(code="intel-runtime-unknown", text=text))
    if facts.context.wsl and target.kind == "rocm":
        text = "ROCm in WSL needs AMD's WSL runtime in place of the one inside the wheel."
        warnings.append(Reason(code="rocm-wsl", text=text))
    return warnings


def _mps_too_old(situation: Situation) -> bool:
    return situation.host.macos is not None and situation.host.macos < macos.mps_from()


def _driver(situation: Situation, outcome: Outcome) -> list[Reason]:
    warnings: list[Reason] = []
    facts, target = situation.facts, outcome.target
    for name in _MASKS:
        if target.devices and facts.environment.get(name) is not None:
            text = f"{name}={facts.environment[name]} is set: PyTorch will see only these GPUs."
            warnings.append(Reason(code="devices-masked", text=text))
    wish = situation.request.driver
    if outcome.driver.action == "keep" and wish.branch != "auto" and wish.action != "install":
        text = f"driver.branch: {wish.branch} counts only when a driver is installed; driver.action: install does that."
        warnings.append(Reason(code="driver-branch-unused", text=text))
    if target.driver and target.driver.version and not facts.context.jetson:
        row = drivers.branch_of(target.driver.version)
        if row and (row.status == "end of life" or (row.eol and row.eol < _AS_OF)):
            text = f"Driver branch {row.branch} is no longer maintained{f' (its end was {row.eol})' if row.eol else ''}."
            warnings.append(Reason(code="driver-end-of-life", text=text))
    return warnings


def unseen_gpus(situation: Situation) -> list[Reason]:
    """Say that there may be a GPU although none is listed: behind a driver, in a container, in WSL."""
    nvidia = situation.facts.nvidia
    if nvidia and nvidia.state == "ok" and not any(device.gpu.vendor == "nvidia" for device in situation.devices):
        text = f"The NVIDIA driver {nvidia.driver_version or ''} works, but no NVIDIA GPU is listed."
        return [Reason(code="driver-without-gpu", text=text)]
    if not situation.devices and (where := _HIDING.get(_surroundings(situation))):
        return [Reason(code="no-gpu-visible", text=f"No GPU is visible {where}.")]
    return []


def _surroundings(situation: Situation) -> str:
    context = situation.facts.context
    return "container" if context.container else f"wsl{context.wsl}"


_HIDING = {
    "container": "in this container: if the host has one, start the container with GPUs (such as --gpus all) and look "
    "again",
    "wsl1": "in WSL 1, which has no access to GPUs: if Windows has one, change to WSL 2 (wsl --set-version "
    "<distribution> 2) and look again",
    "wsl2": "in WSL: if Windows has one, update its driver on the Windows side, run wsl --update and look again",
}


def _titles(target: Target) -> str:
    return listed(list(dict.fromkeys(device.title for device in target.devices))) or "no GPU here"


def _names(target: Target, like: Device) -> str:
    same = [device for device in target.devices if device.capability == like.capability]
    names = list(dict.fromkeys(device.title for device in same))
    return listed(names)
