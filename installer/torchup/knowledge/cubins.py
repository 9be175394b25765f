"""Which compiled code in a wheel serves a device, by the rule that torch itself applies."""

from __future__ import annotations

from functools import cache
from typing import Literal

from torchup.knowledge.arch_lists import ArchList
from torchup.knowledge.tables import table
from torchup.model.quick import dataclass
from torchup.model.versions import ComputeCapability


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """The entry of a wheel that serves a device: native code (`cubin`) or PTX compiled at first use.

    PTX works only with a driver that names the CUDA version of the build or a newer one.
    """

    sm: int
    kind: Literal["cubin", "ptx"]

    def __str__(self) -> str:
        return f"{'sm' if self.kind == 'cubin' else 'compute'}_{self.sm}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rules:
    excluded: dict[int, frozenset[int]]
    exact_only: dict[int, frozenset[int]]
    exclusion_dropped_from: tuple[int, int]
    exclusion_dropped_for: frozenset[int]


@cache
def _rules() -> _Rules:
    rules = table("cubin_rules")
    dropped = rules["exclusion_dropped"]
    return _Rules(
        excluded={int(built): frozenset(devices) for built, devices in rules["excluded_devices"].items()},
        exact_only={int(built): frozenset(devices) for built, devices in rules["exact_only"].items()},
        exclusion_dropped_from=tuple(dropped["from_cuda"]),
        exclusion_dropped_for=frozenset(dropped["for"]),
    )


@cache
def serving(cc: ComputeCapability, arch_list: ArchList, cuda: tuple[int, int]) -> Serving | None:
    """Find what serves a device: the nearest cubin that runs on it, else the newest PTX not newer than it.

    `cuda` is the CUDA version the wheel was built with. None when nothing in the wheel runs on the device.
    Source: the table inside the torch 2.14.1 and 2.15.0 wheels.
    """
    native = [built for built in arch_list.sm if runs_on(built, cc, cuda)]
    if native:
        return Serving(sm=max(native), kind="cubin")
    portable = [built for built in arch_list.ptx if built <= cc.sm]
    return Serving(sm=max(portable), kind="ptx") if portable else None


def runs_on(built: int, cc: ComputeCapability, cuda: tuple[int, int]) -> bool:
    """Say whether a cubin built for one capability (times ten) runs on a device of another.

    It runs on the same major with the same or a newer minor. Jetson-class devices need their own cubin,
    but builds of CUDA 13.2 or newer serve Orin and Xavier from those of their desktop relatives.
    """
    rules = _rules()
    if built in rules.exact_only:
        return cc.sm in rules.exact_only[built]
    built_for = ComputeCapability.from_sm(built)
    if built_for.major != cc.major or built_for.minor > cc.minor:
        return False
    excluded = rules.excluded.get(built, frozenset())
    if cc.sm not in excluded:
        return True
    return cuda >= rules.exclusion_dropped_from and built in rules.exclusion_dropped_for
