"""Whether the kernel has loaded the driver that was planned, and why not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from torchup.model.context import Context
from torchup.model.plan import CheckDriver
from torchup.model.versions import DriverVersion
from torchup.words import tr

if TYPE_CHECKING:
    from torchup.apply.driver_check import DriverVerdict
    from torchup.detect.host import Host
    from torchup.detect.nvidia_kernel import KernelView

_DKMS = "/var/lib/dkms"
_LOG_LINES = 5


def driver_checker_for(context: Context, *, sysroot: Path = Path("/")) -> Callable[[CheckDriver], DriverVerdict]:
    """Give what the executor calls for a `CheckDriver` step; another `sysroot` is read in place of the machine."""

    def check(step: CheckDriver) -> DriverVerdict:
        from torchup.detect.host import Host

        return check_driver(step, Host.at(sysroot, environ=context.environ, home=context.home))

    return check


def check_driver(step: CheckDriver, host: Host) -> DriverVerdict:
    """Compare the loaded module with the planned one; where it is another or none, name the cause."""
    from torchup.apply.driver_check import DriverVerdict
    from torchup.detect.nvidia_kernel import read_kernel

    kernel = read_kernel(host)
    if not kernel.loaded or kernel.version is None:
        return _not_loaded(step, host)
    wrong = _differences(step, kernel)
    shown = (
        tr("{version}, {kind} module", version=kernel.version, kind=kernel.flavour)
        if kernel.flavour
        else tr("{version}, unknown module", version=kernel.version)
    )
    if not wrong:
        return DriverVerdict(ok=True, text=tr("the kernel has loaded driver {driver}", driver=shown))
    return driver_fault(
        "driver-other-module",
        tr(
            "The kernel has loaded NVIDIA driver {driver}, and the plan was {planned}.",
            driver=shown,
            planned="; ".join(wrong),
        ),
        tr(
            "An old module is loaded: it may be kept in the initramfs. Write that again (`sudo update-initramfs -u` or `sudo dracut --force`), and restart the machine."
        ),
        "/proc/driver/nvidia/version",
    )


def driver_fault(code: str, text: str, hint: str, *evidence: str) -> DriverVerdict:
    """Say that another driver is loaded than was planned, or none, by a stable code."""
    from torchup.apply.driver_check import DriverVerdict

    return DriverVerdict(ok=False, code=code, text=text, evidence=evidence, hint=hint)


def _differences(step: CheckDriver, kernel: KernelView) -> list[str]:
    loaded = DriverVersion.parse(kernel.version or "0")
    wrong = []
    if step.branch and loaded.branch != int(step.branch):
        wrong.append(tr("branch {branch}", branch=step.branch))
    if step.minimum is not None and loaded < DriverVersion.parse(step.minimum):
        wrong.append(tr("{version} or newer", version=step.minimum))
    if step.module is not None and kernel.flavour not in (None, step.module):
        wrong.append(tr("the {kind} module", kind=step.module))
    return wrong


def _not_loaded(step: CheckDriver, host: Host) -> DriverVerdict:
    from torchup.detect.notes import Notes
    from torchup.detect.nvidia_kernel import has_nvidia_module
    from torchup.detect.operating_system import kernel_release
    from torchup.detect.surroundings import read_secure_boot

    release = kernel_release(host) or tr("the running kernel")

    if host.is_dir("/sys/module/nouveau"):
        return driver_fault(
            "driver-nouveau",
            tr("The kernel has loaded nouveau instead of the NVIDIA driver."),
            tr(
                "Write the initramfs again, so that nouveau is kept out (`sudo update-initramfs -u` or `sudo dracut --force`), and restart the machine."
            ),
            "/sys/module/nouveau",
        )
    if not has_nvidia_module(host):
        return driver_fault(
            "driver-not-built",
            tr("There is no NVIDIA module for {release}: it was not built.", release=release)
            if host.is_dir(f"/lib/modules/{release}/build")
            else tr(
                "There is no NVIDIA module for {release}: it was not built. The headers of {release} are missing.",
                release=release,
            ),
            tr(
                "Install the headers of the running kernel where they are missing, then `sudo dkms autoinstall` and restart the machine."
            ),
            *_build_errors(host),
        )
    if read_secure_boot(host, Notes(), None):
        return driver_fault(
            "driver-key-not-enrolled",
            tr("Secure Boot keeps the NVIDIA module out: the key that signed it is not enrolled."),
            tr(
                "Restart the machine and confirm the key on the blue screen (“Enroll MOK”); where that screen does not come, `sudo mokutil --import` the key once more."
            ),
            tr("/lib/modules/{release} has the module, Secure Boot is on", release=release),
        )
    return driver_fault(
        "driver-not-loaded",
        tr("The NVIDIA module {branch} is on disk and not loaded.", branch=step.branch),
        tr("See `sudo modprobe nvidia` and the end of `sudo dmesg`."),
        f"/lib/modules/{release}",
    )


def _build_errors(host: Host) -> tuple[str, ...]:
    """Give the lines in which DKMS's log of the newest try names errors."""
    for name in host.names(_DKMS):
        if not name.startswith("nvidia"):
            continue
        for version in sorted(host.names(f"{_DKMS}/{name}"), reverse=True):
            path = f"{_DKMS}/{name}/{version}/build/make.log"
            lines = (host.read_text(path) or "").splitlines()
            errors = [line.strip() for line in lines if "error" in line.lower()]
            if errors:
                return (path, *errors[:_LOG_LINES])
    return ()
