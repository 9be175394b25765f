from __future__ import annotations

import pytest
from packaging.specifiers import SpecifierSet

from torchup.model.facts import OperatingSystem
from torchup.resolve.python_range import satisfies
from torchup.resolve.wheels import Host, fits_python, host_of, platform_refusal, python_of

UBUNTU = Host(system="linux", arch="x86_64", libc="glibc", libc_version=(2, 35))
ALPINE = Host(system="linux", arch="x86_64", libc="musl", libc_version=(1, 2))
SPARK = Host(system="linux", arch="aarch64", libc="glibc", libc_version=(2, 39))
OLD_MAC = Host(system="darwin", arch="aarch64", macos=(13, 6))
INTEL_MAC = Host(system="darwin", arch="x86_64", macos=(13, 6))
WINDOWS = Host(system="windows", arch="x86_64")


@pytest.mark.parametrize(
    ("tags", "host", "code"),
    [
        ("manylinux_2_28_x86_64", UBUNTU, None),
        ("manylinux_2_35_x86_64", UBUNTU, None),
        ("manylinux_2_36_x86_64", UBUNTU, "glibc-too-old"),
        ("manylinux1_x86_64", UBUNTU, None),
        ("manylinux2014_aarch64", SPARK, None),
        ("manylinux2014_aarch64", UBUNTU, "platform"),
        ("manylinux_2_17_x86_64.manylinux2014_x86_64", UBUNTU, None),
        ("manylinux_2_40_x86_64.manylinux2014_x86_64", UBUNTU, None),
        ("win_amd64.manylinux_2_40_x86_64", UBUNTU, "glibc-too-old"),
        ("linux_x86_64", UBUNTU, None),
        ("linux_x86_64", SPARK, "platform"),
        ("linux_x86_64", ALPINE, "musl"),
        ("manylinux_2_28_x86_64", ALPINE, "musl"),
        ("musllinux_1_2_x86_64", ALPINE, None),
        ("musllinux_1_2_x86_64", UBUNTU, "platform"),
        ("any", ALPINE, None),
        ("macosx_11_0_arm64", OLD_MAC, None),
        ("macosx_14_0_arm64", OLD_MAC, "macos-too-old"),
        ("macosx_11_0_universal2", INTEL_MAC, None),
        ("macosx_11_0_arm64", INTEL_MAC, "platform"),
        ("macosx_10_9_x86_64", INTEL_MAC, None),
        ("win_amd64", WINDOWS, None),
        ("win32", WINDOWS, "platform"),
        ("win_arm64", WINDOWS, "platform"),
        ("win_arm64", Host(system="windows", arch="aarch64"), None),
        ("manylinux_2_28_x86_64", WINDOWS, "platform"),
    ],
)
def test_platform_tags(tags: str, host: Host, code: str | None) -> None:
    refusal = platform_refusal(tags, host)
    assert (refusal.code if refusal else None) == code


def test_an_unknown_libc_version_does_not_refuse() -> None:
    assert platform_refusal("manylinux_2_28_x86_64", Host(system="linux", arch="x86_64")) is None


def test_refusals_name_both_numbers() -> None:
    refusal = platform_refusal(
        "manylinux_2_28_x86_64", Host(system="linux", arch="x86_64", libc="glibc", libc_version=(2, 17))
    )
    assert refusal
    assert refusal.text == "needs glibc 2.28 or newer; found 2.17 (its wheel is manylinux_2_28_x86_64)"


@pytest.mark.parametrize(
    ("python", "abi", "release", "threaded", "fits"),
    [
        ("cp312", "cp312", (3, 12), False, True),
        ("cp312", "cp312", (3, 12), True, False),
        ("cp313", "cp313t", (3, 13), True, True),
        ("cp313", "cp313t", (3, 13), False, False),
        ("cp312", "cp312", (3, 13), False, False),
        ("cp39", "abi3", (3, 14), False, True),
        ("cp310", "abi3", (3, 9), False, False),
        ("cp39", "abi3", (3, 14), True, False),
        ("py3", "none", (3, 15), True, True),
        ("py2.py3", "none", (3, 9), False, True),
        ("py311", "none", (3, 10), False, False),
        ("py2", "none", (3, 10), False, False),
        ("cp311.cp312", "cp311.cp312", (3, 12), False, True),
        ("pp310", "pypy310_pp73", (3, 10), False, False),
    ],
)
def test_python_tags(python: str, abi: str, release: tuple[int, int], threaded: bool, fits: bool) -> None:
    assert fits_python(python, abi, release, threaded) is fits


def test_the_one_python_of_a_wheel() -> None:
    assert python_of("cp313", "cp313t") == "3.13t"
    assert python_of("cp39", "cp39") == "3.9"
    assert python_of("cp39", "abi3") is None
    assert python_of("py3", "none") is None


def test_requires_python_counts_the_patch_release() -> None:
    assert satisfies(">=3.11,!=3.14.1", "3.14.2")
    assert not satisfies(">=3.11,!=3.14.1", "3.14.1")
    assert satisfies(">=3.11", "3.15.0rc1")
    assert satisfies("whatever this is", "3.12.1")


def test_the_host_is_read_from_the_facts() -> None:
    windows = OperatingSystem(system="windows", arch="AMD64", version="11")
    assert host_of(windows) == Host(system="windows", arch="x86_64")
    mac = OperatingSystem(system="darwin", arch="arm64", version="14.6.1")
    assert host_of(mac) == Host(system="darwin", arch="aarch64", macos=(14, 6))
    debian = OperatingSystem(system="linux", arch="x86_64", version="12", libc="glibc", libc_version="2.36")
    assert host_of(debian).libc_version == (2, 36)


@pytest.mark.parametrize(
    "requires",
    [">=3.8", ">=3.10,!=3.14.1", "!=3.0.*,>=2.7", "<4,>=3.11.0", "==3.12.*", "==3.12", ">3.11", "<=3.13", "~=3.10"],
)
def test_a_python_range_means_what_pep_440_says(requires: str) -> None:
    for version in (
        "2.7.18",
        "3.0.1",
        "3.8",
        "3.8.0",
        "3.10.2",
        "3.11",
        "3.11.0",
        "3.12",
        "3.12.4",
        "3.13",
        "3.14.1",
        "3.14.10",
        "3.15.0rc1",
        "4.0",
    ):
        assert satisfies(requires, version) == SpecifierSet(requires).contains(version, prereleases=True), version
