from __future__ import annotations

import pytest

from torchup.knowledge.drivers import (
    branch,
    branch_of,
    cuda_ceiling,
    cuda_version,
    kernel_module_rules,
    minimum_driver,
)
from torchup.model.facts import System
from torchup.model.versions import DriverVersion


@pytest.mark.parametrize(
    ("major", "system", "enough", "too_old"),
    [
        (11, "linux", "450.80.02", "450.51.06"),
        (12, "linux", "525.60.13", "525.60.11"),
        (13, "linux", "580.65.06", "580.65.05"),
        (11, "windows", "452.39", "452.38"),
        (12, "windows", "527.41", "527.40"),
        (13, "windows", "580.88", "577.00"),
    ],
)
def test_minimum_at_its_boundary(major: int, system: System, enough: str, too_old: str) -> None:
    minimum = minimum_driver(major, system)
    assert minimum is not None
    assert DriverVersion.parse(too_old) < minimum.version <= DriverVersion.parse(enough)
    assert minimum.source


def test_minimum_keeps_the_zero_that_nvidia_writes() -> None:
    minimum = minimum_driver(13, "linux")
    assert minimum is not None
    assert minimum.text == "580.65.06"


def test_no_minimum_for_a_cuda_major_or_a_system_without_one() -> None:
    assert minimum_driver(14, "linux") is None
    assert minimum_driver(12, "darwin") is None


@pytest.mark.parametrize(
    ("driver", "named"),
    [
        ("470.256.02", (11, 4)),
        ("535.183.01", (12, 2)),
        ("570.86.16", (12, 8)),
        ("580.65.06", (13, 0)),
        ("595.45.04", (13, 2)),
        ("566.36", (12, 7)),  # a Windows number of branch 565
        ("581.29", (13, 0)),  # a Windows number of branch 580
        ("616.41", (13, 4)),  # a Windows number of branch 615
        ("640.10", (13, 5)),  # newer than the table: at least its newest
    ],
)
def test_cuda_ceiling_is_what_the_branch_names(driver: str, named: tuple[int, int]) -> None:
    assert cuda_ceiling(DriverVersion.parse(driver)) == named


@pytest.mark.parametrize("driver", ["450.80.02", "390.157", "340.108"])
def test_no_ceiling_is_made_up_for_old_branches(driver: str) -> None:
    assert cuda_ceiling(DriverVersion.parse(driver)) is None


def test_branches_by_number_and_by_driver() -> None:
    known = branch(580)
    assert known is not None
    assert known.lts
    assert known.eol == "2028-06"
    assert branch(581) is None
    assert branch_of(DriverVersion.parse("581.29")) == known
    assert branch_of(DriverVersion.parse("340.108")) is None


def test_the_proprietary_module_ends_with_610() -> None:
    before, after = branch(610), branch(615)
    assert before is not None
    assert after is not None
    assert "proprietary" in before.kernel_modules
    assert after.kernel_modules == ("open",)
    assert kernel_module_rules().last_branch_with_proprietary == 610


@pytest.mark.parametrize("text", ["13", "", "thirteen.0"])
def test_cuda_version_refuses_what_it_cannot_read(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        cuda_version(text)
