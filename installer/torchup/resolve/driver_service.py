"""Which NVIDIA drivers serve which GPUs: by branch, and on Linux by kernel module flavour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

from torchup.errors import UsageError
from torchup.knowledge import chips, drivers
from torchup.knowledge.drivers import DriverBranch
from torchup.knowledge.recipes import offered
from torchup.model.facts import KernelModule, MachineFacts, System
from torchup.model.quick import dataclass
from torchup.model.request import DriverWish
from torchup.model.versions import DriverVersion
from torchup.resolve.devices import Device
from torchup.resolve.gates import DriverView
from torchup.resolve.refusal import Refusal, listed
from torchup.words import tr

_BY_TYPE = {"lts": 0, "production": 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class DriverChoice:
    """A driver that serves every GPU in use; `module` is None where there are no flavours (Windows)."""

    branch: DriverBranch
    module: KernelModule | None
    view: DriverView


def driver_view(facts: MachineFacts) -> DriverView | None:
    """See the driver of the machine as the gates do; None where nothing is known about its version."""
    nvidia = facts.nvidia
    if nvidia is None:
        return None
    text = nvidia.driver_version or nvidia.loaded_version
    version = _version(text)
    named = _cuda(nvidia.cuda_version) or (drivers.cuda_ceiling(version) if version else None)
    if version is None and named is None:
        return None
    return DriverView(
        version=version,
        text=text or (tr("of JetPack") if facts.context.jetson else tr("of unknown version")),
        names_cuda=named,
        system=numbering(facts),
        by_label=facts.context.jetson is not None,
    )


def numbering(facts: MachineFacts) -> System:
    """Say whose driver numbers count: inside WSL the driver is that of Windows."""
    return "windows" if facts.os.system == "windows" or facts.context.wsl else "linux"


def has_flavours(facts: MachineFacts) -> bool:
    """Say whether the machine's driver is a Linux kernel module, of which there are two."""
    return numbering(facts) == "linux" and facts.context.jetson is None


@cache
def branch_serves(branch: int, architecture: str) -> bool | None:
    """Say whether a driver branch serves an architecture, None where no source tells.

    A branch without a list of its own lies between two that have one. Of architectures that only the open module
    serves, the first driver is known from that module's own list.
    """
    known = [row for row in drivers.branches() if row.architectures]
    below = [row for row in known if row.branch <= branch]
    above = [row for row in known if row.branch > branch]
    if below and below[-1].branch == branch:
        return architecture in below[-1].architectures
    first = _first_open_branch(architecture)
    if first and branch < first:
        return False
    seen_below = any(architecture in row.architectures for row in below)
    seen_above = any(architecture in row.architectures for row in above)
    if below and architecture in below[-1].architectures:
        return not above or architecture in above[0].architectures or None
    if seen_below:
        # Dropped in an older branch, and no branch takes an architecture up again.
        return False
    if seen_above and architecture not in above[0].architectures:
        return False
    return True if first and seen_above else None


@cache
def _first_open_branch(architecture: str) -> int | None:
    same = [chip for chip in chips.chips() if chip.architecture == architecture and not chip.soc]
    if not same or any(chip.modules != "open_only" for chip in same):
        return None
    return min((chip.first_driver.branch for chip in same if chip.first_driver), default=None)


def not_served(facts: MachineFacts, devices: Sequence[Device]) -> Refusal | None:
    """Say which GPU the installed driver cannot serve, by its branch or by its kernel module."""
    nvidia = facts.nvidia
    version = _version(nvidia.driver_version or nvidia.loaded_version) if nvidia else None
    if nvidia is None or facts.context.jetson:
        return None
    for device in devices:
        values = {"gpu": device.title, "found": nvidia.driver_version, "module": nvidia.kernel_module}
        if version and device.architecture and branch_serves(version.branch, device.architecture) is False:
            text = tr("driver {found} does not serve {gpu}: {architecture} needs {range}")
            served = served_range(device.architecture)
            more = {"architecture": device.architecture.capitalize(), "range": served}
            return Refusal("driver-does-not-serve-gpu", text, values | more)
        if has_flavours(facts) and nvidia.kernel_module and _other_flavour(device, nvidia.kernel_module):
            text = tr("the {module} kernel module of driver {found} does not serve {gpu}")
            return Refusal("kernel-module-does-not-serve-gpu", text, values)
    return None


def served_range(architecture: str) -> str:
    """Write the branches that serve an architecture: `branch 580 or older`, `branch 570 or newer`."""
    serving = [row.branch for row in drivers.branches() if branch_serves(row.branch, architecture)]
    if not serving:
        return tr("a branch that is not known")
    newest = drivers.branches()[-1].branch
    if branch_serves(newest, architecture) is False:
        return tr("branch {branch} or older", branch=serving[-1])
    return tr("branch {branch} or newer", branch=serving[0])


def last_branch(devices: Sequence[Device]) -> int | None:
    """Give the newest branch that still serves all these GPUs; None when no branch has dropped one of them."""
    architectures = {device.architecture for device in devices if device.architecture}
    dropped = {name for name in architectures if branch_serves(drivers.branches()[-1].branch, name) is False}
    last = [
        max((row.branch for row in drivers.branches() if branch_serves(row.branch, name)), default=0)
        for name in dropped
    ]
    return min(last, default=None)


def shared_driver(facts: MachineFacts, devices: Sequence[Device], wish: DriverWish) -> DriverChoice | Refusal:
    """Choose the branch and the module that all GPUs can share.

    The newest long-term branch that serves them all, else the newest production one, else the oldest that does; of
    those that a package source for this system holds, where there are some. Raises UsageError (`driver-branch-invalid`) for a branch that is no number.
    """
    module = _shared_module(facts, devices, wish)
    if isinstance(module, Refusal):
        return module
    architectures = sorted({device.architecture for device in devices if device.architecture})
    rows = _wished(wish) if wish.branch != "auto" else drivers.branches()
    serving = [row for row in rows if all(branch_serves(row.branch, name) for name in architectures)]
    fitting = [row for row in serving if module is None or module in row.kernel_modules]
    if not fitting:
        return _no_branch(devices, wish, module)
    if wish.branch == "auto" and has_flavours(facts) and not facts.context.container:
        held = {offer.branch for offer in offered(facts) if offer.module == module}
        fitting = [row for row in fitting if row.branch in held] or fitting
    best = min(_BY_TYPE.get(row.type or "", 2) for row in fitting)
    same = [row for row in fitting if _BY_TYPE.get(row.type or "", 2) == best]
    chosen = same[-1] if best in _BY_TYPE.values() else same[0]
    return DriverChoice(branch=chosen, module=module, view=view_of(chosen, numbering(facts)))


def view_of(row: DriverBranch, system: System) -> DriverView:
    """See a branch as a driver that is going to be installed: its newest release known."""
    version = DriverVersion.parse(row.newest_seen or str(row.branch))
    return DriverView(version=version, text=f"{row.branch}", names_cuda=row.max_cuda, system=system)


def _shared_module(facts: MachineFacts, devices: Sequence[Device], wish: DriverWish) -> KernelModule | Refusal | None:
    if not has_flavours(facts):
        return None
    only_open = [device.title for device in devices if device.modules == "open_only"]
    only_proprietary = [device.title for device in devices if device.modules == "proprietary_only"]
    if only_open and only_proprietary:
        values = {"proprietary": listed(only_proprietary), "open": listed(only_open)}
        text = tr(
            "no driver serves these GPUs together: {proprietary} needs the proprietary kernel module, {open} the open one"
        )
        return Refusal("no-common-driver", text, values)
    needed: KernelModule | None = "open" if only_open else "proprietary" if only_proprietary else None
    if wish.module == "auto":
        return needed or "open"
    if needed and wish.module != needed:
        values = {"wish": wish.module, "needed": needed, "gpus": listed(only_open or only_proprietary)}
        text = tr("driver.module asks for the {wish} kernel module, but {gpus} needs the {needed} one")
        return Refusal("kernel-module-pin", text, values)
    return wish.module


def _wished(wish: DriverWish) -> tuple[DriverBranch, ...]:
    if not wish.branch.isdecimal():
        message = tr("{branch!r} is not a driver branch: write auto or a number such as 580", branch=wish.branch)
        raise UsageError(message, code="driver-branch-invalid", hint=tr("Correct driver.branch."))
    number = int(wish.branch)
    newest = drivers.branches()[-1]
    if number > newest.branch:
        return (replace(newest, branch=number, newest_seen=None),)
    row = drivers.branch(number)
    return (row,) if row else ()


def _no_branch(devices: Sequence[Device], wish: DriverWish, module: KernelModule | None) -> Refusal:
    gpus = listed([device.title for device in devices])
    if wish.branch != "auto":
        values = {
            "wish": wish.branch,
            "module": tr(" with the {module} kernel module", module=module) if module else "",
            "gpus": gpus,
        }
        return Refusal(
            "driver-branch-pin", tr("driver.branch asks for {wish}, which does not serve {gpus}{module}"), values
        )
    ranges = [
        tr("{gpu} needs {range}", gpu=device.title, range=served_range(device.architecture))
        for device in devices
        if device.architecture
    ]
    values = {"ranges": listed(list(dict.fromkeys(ranges)))}
    return Refusal("no-common-driver", tr("no driver branch serves these GPUs together: {ranges}"), values)


def _other_flavour(device: Device, module: KernelModule) -> bool:
    return device.modules == ("open_only" if module == "proprietary" else "proprietary_only")


def _version(text: str | None) -> DriverVersion | None:
    try:
        return DriverVersion.parse(text) if text else None
    except ValueError:
        # A vendor may report words instead of a number; then the CUDA version it names has to do.
        return None


def _cuda(text: str | None) -> tuple[int, int] | None:
    try:
        return drivers.cuda_version(text) if text else None
    except ValueError:
        return None
