from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torchup.knowledge.arch_lists import ArchList
from torchup.knowledge.cubins import runs_on, serving
from torchup.model.versions import ComputeCapability

CU126, CU130, CU132 = (12, 6), (13, 0), (13, 2)


def archs(*sm: int, ptx: tuple[int, ...] = ()) -> ArchList:
    return ArchList(sm=sm, ptx=ptx, evidence=("M",), inferred_from=None, uncertain=False)


@pytest.mark.parametrize(
    ("device", "built", "cuda", "runs"),
    [
        ("6.1", 60, CU126, True),
        ("6.1", 61, CU126, True),
        ("6.0", 61, CU126, False),  # never an older minor
        ("5.2", 50, CU126, True),
        ("7.5", 70, CU126, True),
        ("7.0", 75, CU126, False),
        ("8.9", 86, CU130, True),
        ("8.9", 80, CU130, True),
        ("8.0", 86, CU130, False),
        ("9.0", 89, CU130, False),  # never another major
        ("12.1", 120, CU130, True),
        ("10.3", 100, CU130, True),
        ("10.7", 100, CU132, True),
        ("12.0", 100, CU130, False),
        ("12.0", 110, CU130, False),
        # Jetson-class devices
        ("5.3", 50, CU126, False),
        ("5.3", 52, CU126, False),
        ("5.3", 53, CU126, True),
        ("6.2", 60, CU126, False),
        ("7.2", 70, CU126, False),
        ("8.7", 80, CU130, False),
        ("8.7", 86, CU130, False),
        ("8.7", 87, CU130, True),
        ("8.9", 87, CU130, False),
        ("8.7", 80, CU132, True),
        ("8.7", 86, CU132, True),
        ("7.2", 70, CU132, True),
        ("6.2", 60, CU132, False),  # Pascal's exclusion stays
        ("10.1", 100, CU132, False),
        ("11.0", 100, CU130, False),
        ("11.0", 110, CU130, True),
        ("11.0", 101, CU130, True),
        ("10.1", 110, CU130, True),
        ("10.3", 101, CU130, False),
    ],
)
def test_which_cubin_runs_where(device: str, built: int, cuda: tuple[int, int], runs: bool) -> None:
    assert runs_on(built, ComputeCapability.parse(device), cuda) is runs


def test_the_nearest_cubin_is_named() -> None:
    found = serving(ComputeCapability(8, 9), archs(50, 80, 86, 90), CU130)
    assert str(found) == "sm_86"


def test_ptx_serves_newer_devices_of_any_major_but_no_older_one() -> None:
    wheel = archs(37, 80, ptx=(37, 90))
    assert str(serving(ComputeCapability(12, 0), wheel, CU126)) == "compute_90"
    assert str(serving(ComputeCapability(9, 0), wheel, CU126)) == "compute_90"
    assert str(serving(ComputeCapability(7, 5), wheel, CU126)) == "compute_37"
    assert serving(ComputeCapability(3, 5), wheel, CU126) is None


def test_native_code_goes_before_ptx() -> None:
    assert str(serving(ComputeCapability(12, 1), archs(120, ptx=(120,)), CU130)) == "sm_120"


def test_orin_is_served_from_cuda_13_2_on_only() -> None:
    server_build = archs(80, 90, 100, 110, 120)
    assert serving(ComputeCapability(8, 7), server_build, CU130) is None
    assert str(serving(ComputeCapability(8, 7), server_build, CU132)) == "sm_80"


@given(
    sm=st.lists(st.sampled_from([37, 50, 53, 60, 61, 70, 75, 80, 86, 87, 90, 100, 101, 110, 120]), unique=True),
    ptx=st.lists(st.sampled_from([37, 90, 120]), unique=True),
    device=st.sampled_from([35, 37, 50, 52, 53, 61, 62, 70, 72, 75, 80, 86, 87, 89, 90, 100, 103, 107, 110, 120, 121]),
    cuda=st.sampled_from([CU126, CU130, CU132, (14, 0)]),
)
def test_more_code_in_a_wheel_never_serves_less(
    sm: list[int], ptx: list[int], device: int, cuda: tuple[int, int]
) -> None:
    capability = ComputeCapability.from_sm(device)
    less = serving(capability, archs(*sm[1:], ptx=tuple(ptx[1:])), cuda)
    more = serving(capability, archs(*sm, ptx=tuple(ptx)), cuda)
    assert more is not None or less is None
    if more is not None and more.kind == "ptx":
        assert more.sm <= device
        assert not any(runs_on(built, capability, cuda) for built in sm)
