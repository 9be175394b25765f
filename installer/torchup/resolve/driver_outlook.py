"""When the driver stands in the way: what has to happen to it, and which driver there would be then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from torchup.model.facts import DriverState, MachineFacts
from torchup.model.quick import dataclass
from torchup.model.request import DriverWish
from torchup.model.resolution import DriverDecision, NextStep, Reason
from torchup.resolve.devices import Device
from torchup.resolve.driver_service import (
    DriverChoice,
    driver_view,
    has_flavours,
    last_branch,
    not_served,
    shared_driver,
)
from torchup.resolve.gates import DriverView
from torchup.resolve.host_advice import driver_owner, host_steps
from torchup.resolve.refusal import Refusal, sentence
from torchup.words import mark, tr

# JetPack 7 names CUDA 13; its driver numbers are not those of the tables.
_NEWER_JETPACK = DriverView(version=None, text=mark("of JetPack 7"), names_cuda=(13, 0), by_label=True)

_STATES: dict[DriverState, str] = {
    "missing": mark("no NVIDIA driver is installed"),
    "not_loaded": mark("the NVIDIA driver{version} is installed, but its kernel module is not loaded"),
    "mismatch": mark(
        "the loaded kernel module ({loaded}) and the driver libraries ({installed}) are of different versions"
    ),
    "nouveau": mark("nouveau holds the GPU, so the NVIDIA driver cannot"),
    "no_device_nodes": mark("the device nodes /dev/nvidia* are missing"),
    "no_permission": mark("this user may not open the device nodes /dev/nvidia*"),
    "error": mark("the NVIDIA driver{version} answers with an error"),
}
_SECURE_BOOT = NextStep(
    text=mark(
        "Secure Boot is on, so the kernel takes only a signed module: enrol the machine-owner key (MOK) that signs it, reboot, and confirm in the blue MokManager screen; this needs the console."
    ),
    commands=("mokutil --sb-state", "sudo mokutil --import /var/lib/dkms/mok.pub"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What happens to the driver, why, how, and the driver that is there afterwards.

    `after` is None when that driver is not known, so that no build can be named for it yet.
    """

    decision: DriverDecision
    reason: Reason
    steps: tuple[NextStep, ...]
    after: DriverView | None


def driver_trouble(facts: MachineFacts, devices: Sequence[Device]) -> Reason | None:
    """Say why the driver cannot be used for these GPUs as it is; None when it can."""
    nvidia = facts.nvidia
    if facts.context.wsl == 1:
        return Reason(code="wsl-1", text=tr("WSL 1 has no access to the GPU."))
    if nvidia is None:
        return Reason(code="driver-unknown", text=tr("Nothing is known about an NVIDIA driver on this machine."))
    if nvidia.state != "ok":
        version = nvidia.driver_version or nvidia.loaded_version
        text = tr(
            _STATES[nvidia.state],
            version=f" {version}" if version else "",
            loaded=nvidia.loaded_version or tr("unknown"),
            installed=nvidia.driver_version or tr("unknown"),
        )
        return Reason(code=f"driver-{nvidia.state.replace('_', '-')}", text=sentence(text))
    if driver_view(facts) is None:
        return Reason(code="driver-version-unknown", text=tr("The version of the NVIDIA driver is not known."))
    refusal = not_served(facts, [device for device in devices if not device.seen_by_driver])
    return Reason(code=refusal.code, text=sentence(refusal.text)) if refusal else None


def outlook(facts: MachineFacts, devices: Sequence[Device], wish: DriverWish, reason: Reason) -> Outlook | Refusal:
    """Decide what happens to the driver; a Refusal when no driver serves all these GPUs.

    Raises UsageError for a branch wish that is no number.
    """
    installed = _installed(facts)
    chosen = shared_driver(facts, devices, wish)
    if isinstance(chosen, Refusal) and not facts.context.jetson:
        return chosen
    if driver_owner(facts):
        return _by_host(facts, reason, chosen, installed)
    assert isinstance(chosen, DriverChoice)  # noqa: S101  only Jetson, which has an owner, goes on with a refusal
    state = facts.nvidia.state if facts.nvidia else "missing"
    if state not in ("ok", "missing") and not (state == "nouveau" and installed is None):
        if not_served(facts, devices) is None:
            return _reload(facts, state, reason, installed)
    elif state == "ok" and reason.code == "driver-version-unknown":
        step = NextStep(text=tr("Find out the driver's version."), commands=("nvidia-smi",))
        decision = DriverDecision(action="keep", installed=installed)
        return Outlook(decision=decision, reason=reason, steps=(step,), after=None)
    return _install(facts, devices, chosen, reason, installed)


def _install(
    facts: MachineFacts, devices: Sequence[Device], chosen: DriverChoice, reason: Reason, installed: str | None
) -> Outlook:
    view = driver_view(facts)
    newer = view is not None and view.version is not None and view.version.branch < chosen.branch.branch
    decision = DriverDecision(
        action="upgrade" if installed and newer else "install",
        installed=installed,
        branch=str(chosen.branch.branch),
        module=chosen.module,
    )
    flavour = tr(" with the {module} kernel module", module=chosen.module) if chosen.module else ""
    what = (
        tr("Upgrade the NVIDIA driver: branch {branch}{flavour}", branch=decision.branch, flavour=flavour)
        if decision.action == "upgrade"
        else tr("Install the NVIDIA driver: branch {branch}{flavour}", branch=decision.branch, flavour=flavour)
    )
    if facts.os.system == "windows":
        last = last_branch(devices)
        newest = tr(" ({last} is the last that serves it)", last=last) if last else tr(" or newer")
        steps = [NextStep(text=tr("{what}{newest}, from nvidia.com/drivers.", what=what, newest=newest))]
    else:
        steps = [
            NextStep(
                text=tr(
                    "{what}, from your distribution or NVIDIA's package repository for it; then restart the machine and run torchup again.",
                    what=what,
                )
            )
        ]
    if facts.nvidia and facts.nvidia.state == "nouveau":
        text = tr("Keep nouveau from loading: distribution packages of the driver do it, and it takes a reboot.")
        steps.append(NextStep(text=text))
    return Outlook(decision=decision, reason=reason, steps=(*steps, *_secure_boot(facts)), after=chosen.view)


def _reload(facts: MachineFacts, state: DriverState, reason: Reason, installed: str | None) -> Outlook:
    modules = "sudo rmmod nvidia_uvm nvidia_drm nvidia_modeset nvidia"
    steps: dict[DriverState, tuple[NextStep, ...]] = {
        "not_loaded": (
            NextStep(
                text=tr("Load the kernel module; if that fails, the message says why."),
                commands=("sudo modprobe nvidia",),
            ),
            *_secure_boot(facts),
            NextStep(text=tr("If the module was never built for this kernel, install its headers and reboot.")),
        ),
        "mismatch": (
            NextStep(
                text=tr("Reboot: it loads the kernel module that belongs to the libraries."), commands=("sudo reboot",)
            ),
            NextStep(
                text=tr("Or stop everything that uses the GPU and reload it."),
                commands=(modules, "sudo modprobe nvidia"),
            ),
        ),
        "nouveau": (
            NextStep(
                text=tr(
                    "Keep nouveau from loading (a file in /etc/modprobe.d that blacklists it), rebuild the initial ramdisk, and reboot."
                ),
                commands=("echo blacklist nouveau | sudo tee /etc/modprobe.d/blacklist-nouveau.conf", "sudo reboot"),
            ),
            *_secure_boot(facts),
        ),
        "no_device_nodes": (
            NextStep(text=tr("Create the device nodes, or reboot."), commands=("sudo nvidia-modprobe -c 0 -u",)),
        ),
        "no_permission": (
            NextStep(
                text=tr("Give your user access to the devices, then log in again."),
                commands=("ls -l /dev/nvidia*", 'sudo usermod -aG video,render "$USER"'),
            ),
        ),
        "error": (
            NextStep(
                text=tr("See what the driver says, and reboot."), commands=("nvidia-smi", "sudo dmesg | grep -i nvrm")
            ),
        ),
    }
    module = facts.nvidia.kernel_module if facts.nvidia else None
    decision = DriverDecision(
        action="keep" if state == "no_permission" else "reboot", installed=installed, module=module
    )
    return Outlook(decision=decision, reason=reason, steps=steps[state], after=driver_view(facts))


def _by_host(facts: MachineFacts, reason: Reason, chosen: DriverChoice | Refusal, installed: str | None) -> Outlook:
    after: DriverView | None = chosen.view if isinstance(chosen, DriverChoice) else None
    too_old = reason.code in ("driver-too-old", "driver-does-not-serve-gpu")
    minimum = None
    if facts.context.jetson:
        after = replace(_NEWER_JETPACK, text=tr(_NEWER_JETPACK.text))
    elif too_old and isinstance(chosen, DriverChoice):
        minimum = str(chosen.branch.branch)
    elif facts.context.wsl != 1 and (seen := driver_view(_as_host_has_it(facts))):
        after = seen
    decision = DriverDecision(action="host", installed=installed)
    return Outlook(decision=decision, reason=reason, steps=host_steps(facts, minimum), after=after)


def _as_host_has_it(facts: MachineFacts) -> MachineFacts:
    """Count the kernel's driver where libraries of another version lie in a container: the host has those of the kernel."""
    nvidia = facts.nvidia
    if nvidia is None or nvidia.state != "mismatch" or nvidia.loaded_version is None:
        return facts
    return replace(facts, nvidia=replace(nvidia, driver_version=nvidia.loaded_version, cuda_version=None))


def _secure_boot(facts: MachineFacts) -> tuple[NextStep, ...]:
    return (
        (replace(_SECURE_BOOT, text=tr(_SECURE_BOOT.text)),)
        if facts.context.secure_boot and has_flavours(facts)
        else ()
    )


def _installed(facts: MachineFacts) -> str | None:
    return (facts.nvidia.driver_version or facts.nvidia.loaded_version) if facts.nvidia else None
