"""What to watch out for with a pick: what was assumed, what is missing, and what could get in the way."""

from __future__ import annotations

from torchup.knowledge import drivers, macos, releases
from torchup.knowledge.snapshot import snapshot_date
from torchup.model.resolution import Reason
from torchup.resolve.candidates import Candidate
from torchup.resolve.explain import mps_too_old
from torchup.resolve.gates import Target, cuda_text
from torchup.resolve.situation import Outcome, Situation
from torchup.words import mark, tr

_MASKS = ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "ZE_AFFINITY_MASK")
_HIDING = {
    "container": mark(
        "No GPU is visible in this container: if the host has one, start the container with GPUs (such as --gpus all) and look again."
    ),
    "wsl1": mark(
        "No GPU is visible in WSL 1, which has no access to GPUs: if Windows has one, change to WSL 2 (wsl --set-version <distribution> 2) and look again."
    ),
    "wsl2": mark(
        "No GPU is visible in WSL: if Windows has one, update its driver on the Windows side, run wsl --update and look again."
    ),
}


def warnings_for(situation: Situation, outcome: Outcome, pick: Candidate) -> list[Reason]:
    """Say what was assumed, what is missing, and what on the machine could get in the way."""
    return [
        *_assumed_lists(pick),
        *_conda_kernels(pick),
        *_compiled_at_first_use(pick),
        *_assumed_devices(outcome.target),
        *_missing_packages(pick),
        *pick.companions.assumed,
        *_ended(situation, pick),
        *_python(situation, pick),
        *_platform(situation, outcome.target, pick),
        *_driver(situation, outcome),
    ]


def _conda_kernels(pick: Candidate) -> list[Reason]:
    if pick.wheel.source != "conda" or pick.build.variant.cuda is None:
        return []
    text = tr(
        "conda-forge compiles PyTorch itself: the kernel list is that of PyTorch's own wheel, and the test shows it."
    )
    return [Reason(code="kernels-of-conda", text=text)]


def _assumed_lists(pick: Candidate) -> list[Reason]:
    title, admission = pick.build.title, pick.admission
    if admission.unlisted and admission.arch_list:
        text = tr(
            "Nobody has read the kernel list of any build of that CUDA; for {title} that of {inferred_from} is assumed, so it may not run on these GPUs.",
            title=title,
            inferred_from=admission.arch_list.inferred_from,
        )
        return [Reason(code="kernels-inferred", text=text)]
    if admission.unlisted:
        text = tr("Nothing is known about the kernels in {title}: it may not run on these GPUs.", title=title)
        return [Reason(code="kernels-unknown", text=text)]
    if (found := admission.arch_list) and admission.serving:
        if found.inferred_from:
            text = tr(
                "Nobody has read the kernel list of {title} here; that of {inferred_from} is assumed.",
                title=title,
                inferred_from=found.inferred_from,
            )
            return [Reason(code="kernels-inferred", text=text)]
        if found.uncertain:
            text = tr("The kernel list of {title} comes from plans or reports, not from the wheel itself.", title=title)
            return [Reason(code="kernels-uncertain", text=text)]
    if (gfx := admission.gfx_list) and gfx.inferred_from:
        text = tr(
            "Nobody has read the gfx targets of {title} here; those of {inferred_from} are assumed.",
            title=title,
            inferred_from=gfx.inferred_from,
        )
        return [Reason(code="kernels-inferred", text=text)]
    return []


def _compiled_at_first_use(pick: Candidate) -> list[Reason]:
    portable = [(capability, found) for capability, found in pick.admission.serving if found.kind == "ptx"]
    return [
        Reason(
            code="kernels-compiled",
            text=tr(
                "{title} has no native kernels for {capability}: the driver compiles {found} at first use, which takes minutes once.",
                title=pick.build.title,
                capability=capability,
                found=found,
            ),
        )
        for capability, found in portable
    ]


def _assumed_devices(target: Target) -> list[Reason]:
    warnings: list[Reason] = []
    for device in target.devices:
        if device.assumed:
            text = (
                tr(
                    "No driver reported the compute capability {capability} of {name}; it follows from {assumed}.",
                    capability=device.capability,
                    name=device.name,
                    assumed=device.assumed,
                )
                if device.capability
                else tr(
                    "No driver reported the target {gfx} of {name}; it follows from {assumed}.",
                    gfx=device.gfx,
                    name=device.name,
                    assumed=device.assumed,
                )
            )
            warnings.append(Reason(code="capability-assumed", text=text))
        elif device.capability is None and target.kind == "cuda":
            text = tr(
                "The compute capability of {name} is not known, so nothing says that this build has kernels for it.",
                name=device.name,
            )
            warnings.append(Reason(code="capability-unknown", text=text))
        elif device.gfx is None and target.kind == "rocm":
            text = tr(
                "The gfx target of {name} is not known, so nothing says that this build has kernels for it.",
                name=device.name,
            )
            warnings.append(Reason(code="capability-unknown", text=text))
    return warnings


def _missing_packages(pick: Candidate) -> list[Reason]:
    return [
        Reason(
            code="companion-dropped",
            text=tr("torch {title} {why}; it is installed without that.", title=pick.build.title, why=refusal.text),
        )
        for refusal in pick.companions.missing
    ]


def _ended(situation: Situation, pick: Candidate) -> list[Reason]:
    """Say more of a package that ended when the answers ask for it by name, apart from the usual list."""
    if not situation.packages_asked:
        return []
    facts = {name: releases.companion(name, pick.build.version) for name in ("torchvision", "torchaudio")}
    return [
        Reason(
            code="companion-ended-asked",
            text=tr(
                "{name} is in torch.packages and ended with {last}, so it is left out; a torch.version of =={minor}.* still has it.",
                name=name,
                last=fact.last,
                minor=fact.last.rpartition(".")[0],
            ),
        )
        for name, fact in facts.items()
        if name in situation.request.torch.packages and fact.ended and fact.last
    ]


def _python(situation: Situation, pick: Candidate) -> list[Reason]:
    version, python = pick.build.version, pick.interpreter
    warnings: list[Reason] = []
    if not releases.compiles_on(version, python.release):
        text = tr(
            "torch.compile does not work with torch {version} on Python {label}.", version=version, label=python.label
        )
        warnings.append(Reason(code="python-without-compile", text=text))
    if situation.interpreters.managed and situation.request.environment.kind != "conda":
        text = tr(
            "The Pythons of this machine are not known; uv would bring Python {label}.", label=pick.interpreter.label
        )
        warnings.append(Reason(code="python-managed", text=text))
    return warnings


def _platform(situation: Situation, target: Target, pick: Candidate) -> list[Reason]:
    warnings: list[Reason] = []
    facts = situation.facts
    if facts.os.system == "linux" and facts.os.libc is None:
        text = tr("The C library is not known; the wheel {tag} is for glibc.", tag=pick.wheel.tags[2])
        warnings.append(Reason(code="libc-unknown", text=text))
    if facts.context.jetson and target.devices:
        text = tr(
            "This is a Jetson: the wheel is PyTorch's server build, which was not tried on this board; NVIDIA's own builds for JetPack are on the Jetson AI Lab index."
        )
        warnings.append(Reason(code="jetson", text=text))
    if target.kind == "mps" and mps_too_old(situation):
        text = tr(
            "MPS needs macOS {version} or newer; before that PyTorch runs on the CPU.",
            version=cuda_text(macos.mps_from()),
        )
        warnings.append(Reason(code="mps-too-old", text=text))
    if target.kind == "xpu" and target.devices:
        text = tr("Whether Intel's GPU runtime (compute-runtime, level-zero) works was not looked at; xpu needs it.")
        warnings.append(Reason(code="intel-runtime-unknown", text=text))
    if facts.context.wsl and target.kind == "rocm":
        text = tr("ROCm in WSL needs AMD's WSL runtime in place of the one inside the wheel.")
        warnings.append(Reason(code="rocm-wsl", text=text))
    return warnings


def _driver(situation: Situation, outcome: Outcome) -> list[Reason]:
    warnings: list[Reason] = []
    facts, target = situation.facts, outcome.target
    for name in _MASKS:
        if target.devices and facts.environment.get(name) is not None:
            text = tr(
                "{name}={value} is set: PyTorch will see only these GPUs.",
                name=name,
                value=facts.environment[name],
            )
            warnings.append(Reason(code="devices-masked", text=text))
    wish = situation.request.driver
    if outcome.driver.action == "keep" and wish.branch != "auto" and wish.action != "install":
        text = tr(
            "driver.branch: {branch} names no driver for now: torchup does not install drivers yet.", branch=wish.branch
        )
        warnings.append(Reason(code="driver-branch-unused", text=text))
    if target.driver and target.driver.version and not facts.context.jetson:
        row = drivers.branch_of(target.driver.version)
        if row and (row.status == "end of life" or (row.eol and row.eol < snapshot_date()[:7])):
            text = (
                tr(
                    "Driver branch {branch} is no longer maintained (its end was {end}).",
                    branch=row.branch,
                    end=row.eol,
                )
                if row.eol
                else tr("Driver branch {branch} is no longer maintained.", branch=row.branch)
            )
            warnings.append(Reason(code="driver-end-of-life", text=text))
    return warnings


def unseen_gpus(situation: Situation) -> list[Reason]:
    """Say that there may be a GPU although none is listed: behind a driver, in a container, in WSL."""
    nvidia = situation.facts.nvidia
    if nvidia and nvidia.state == "ok" and not any(device.gpu.vendor == "nvidia" for device in situation.devices):
        text = tr(
            "The NVIDIA driver {version} works, but no NVIDIA GPU is listed.",
            version=nvidia.driver_version or "",
        )
        return [Reason(code="driver-without-gpu", text=text)]
    if not situation.devices and (where := _HIDING.get(_surroundings(situation))):
        return [Reason(code="no-gpu-visible", text=tr(where))]
    return []


def _surroundings(situation: Situation) -> str:
    context = situation.facts.context
    return "container" if context.container else f"wsl{context.wsl}"
