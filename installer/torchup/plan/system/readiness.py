"""Whether a decision can be carried out: now, or with a driver that torchup was asked to bring first."""

from __future__ import annotations

from torchup.model.request import Request
from torchup.model.resolution import Resolution

_BY_TORCHUP = ("install", "upgrade", "reboot")
# Something else than the driver stands in the way as well.
_BLOCKED = frozenset({"source-unreachable", "gpus-need-a-choice"})


def can_be_planned(resolution: Resolution, request: Request) -> bool:
    """Tell whether there is a plan for this decision.

    The driver is only ever touched when the answers say `driver.action: install`.
    """
    if resolution.torch is None:
        return False
    if resolution.status == "ok":
        return True
    codes = {reason.code for reason in resolution.reasons}
    # A restart alone does not keep nouveau out: it comes back from the initial ramdisk.
    in_vain = resolution.driver.action == "reboot" and "driver-nouveau" in codes
    return (
        resolution.status == "action_needed"
        and request.driver.action == "install"
        and resolution.driver.action in _BY_TORCHUP
        and not in_vain
        and not _BLOCKED & codes
    )
