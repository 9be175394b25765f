from __future__ import annotations

import pytest

from torchup.knowledge.platforms import Platform, platform_of
from torchup.knowledge.releases import (
    arch_list,
    companion,
    default_index_variant,
    is_known,
    known_versions,
    release_of,
    requires_python,
    variant_details,
    variants_of,
)
from torchup.knowledge.variants import parse_variant
from torchup.model.facts import OperatingSystem, System


@pytest.mark.parametrize(
    ("system", "arch", "platform"),
    [
        ("linux", "x86_64", "linux_x86_64"),
        ("linux", "arm64", "linux_aarch64"),
        ("linux", "aarch64", "linux_aarch64"),
        ("windows", "AMD64", "windows_amd64"),
        ("windows", "ARM64", "windows_arm64"),
        ("darwin", "arm64", "macos_arm64"),
        ("darwin", "x86_64", "macos_x86_64"),
        ("linux", "i686", None),
        ("linux", "ppc64le", None),
        ("linux", "riscv64", None),
        ("linux", "armv7l", None),
    ],
)
def test_platform_of(system: System, arch: str, platform: Platform | None) -> None:
    assert platform_of(OperatingSystem(system=system, arch=arch)) == platform


@pytest.mark.parametrize(
    ("name", "kind", "version"),
    [
        ("cpu", "cpu", ()),
        ("xpu", "xpu", ()),
        ("mps", "mps", ()),
        ("cu92", "cuda", (9, 2)),
        ("cu126", "cuda", (12, 6)),
        ("cu134", "cuda", (13, 4)),
        ("cu140", "cuda", (14, 0)),
        ("rocm6.2.4", "rocm", (6, 2, 4)),
        ("rocm7.14", "rocm", (7, 14)),
    ],
)
def test_parse_variant(name: str, kind: str, version: tuple[int, ...]) -> None:
    variant = parse_variant(name)
    assert (variant.kind, variant.version, variant.name) == (kind, version, name)


@pytest.mark.parametrize("name", ["", "cu", "cu1", "cuda12", "cu12.6", "rocm", "rocm7.", "CPU", "cu126\n", "cu١٢٦"])
def test_parse_variant_refuses_nonsense(name: str) -> None:
    with pytest.raises(ValueError, match="build variant"):
        parse_variant(name)


def test_known_versions() -> None:
    assert known_versions()[0] == "2.0.0"
    assert known_versions()[-1] == "2.15.0"
    assert is_known("2.14.1+cu126")
    assert not is_known("2.15.1")
    assert release_of("2.16.0") is None


@pytest.mark.parametrize(
    ("version", "variant", "platform", "source", "has"),
    [
        # read
        ("2.14.1", "cu126", "linux_x86_64", None, 60),
        ("2.15.0", "cu132", "linux_aarch64", None, 110),
        ("2.7.0", "cu128", "linux_x86_64", None, 120),
        # the wheel exists, its list was not read
        ("2.7.1", "cu118", "linux_x86_64", "2.6+cu118", 37),
        ("2.8.0", "cu129", "linux_aarch64", "2.13+cu129", 120),
        # newer than the tables
        ("2.15.1", "cu132", "linux_x86_64", "2.15+cu132", 120),
        ("2.16.0", "cu132", "linux_aarch64", "2.15+cu132", 110),
        ("2.16.0.dev20261120", "cu130", "windows_amd64", "2.15+cu130", 75),
        ("2.16.0", "cu134", "linux_x86_64", "2.15+cu132", 120),
        ("2.15.0", "cu134", "linux_x86_64", "2.15+cu132", 120),
        # a variant that left before
        ("2.15.0", "cu126", "linux_x86_64", "2.14+cu126", 60),
        # never on this platform: the nearest CUDA 12 that was
        ("2.5.0", "cu121", "linux_aarch64", "2.5+cu124", 90),
    ],
)
def test_arch_list(version: str, variant: str, platform: Platform, source: str | None, has: int) -> None:
    found = arch_list(version, variant, platform)
    assert found is not None
    assert found.inferred_from == source
    assert found.uncertain == (source is not None)
    assert has in found.sm


@pytest.mark.parametrize(
    ("version", "variant", "platform"),
    [
        ("2.15.0", "cu132", "macos_arm64"),
        ("2.15.0", "cpu", "linux_x86_64"),
        ("2.14.0", "rocm7.2", "linux_x86_64"),
    ],
)
def test_no_arch_list_is_made_up(version: str, variant: str, platform: Platform) -> None:
    assert arch_list(version, variant, platform) is None


@pytest.mark.parametrize(
    ("version", "variant", "platform", "source"),
    [("2.16.0", "cu140", "linux_x86_64", "2.15+cu132"), ("2.6.0", "cu118", "linux_aarch64", "2.5+cu124")],
)
def test_the_list_of_another_cuda_major_is_marked_as_such(
    version: str, variant: str, platform: Platform, source: str
) -> None:
    found = arch_list(version, variant, platform)
    assert found
    assert (found.inferred_from, found.other_major, found.uncertain) == (source, True, True)
    same = arch_list("2.16.0", "cu134", platform)
    assert same
    assert not same.other_major


def test_an_announced_build_is_uncertain_though_not_inferred() -> None:
    found = arch_list("2.15.0", "cu130", "linux_x86_64")
    assert found is not None
    assert found.inferred_from is None
    assert found.uncertain
    assert "U" in found.evidence


def test_volta_comes_and_goes_in_cu128() -> None:
    has_volta = []
    for version in ("2.7.0", "2.8.0", "2.10.0", "2.11.0"):
        found = arch_list(version, "cu128", "linux_x86_64")
        assert found is not None
        has_volta.append(70 in found.sm)
    assert has_volta == [False, True, True, False]


@pytest.mark.parametrize(
    ("version", "platform", "absent", "present"),
    [
        ("2.12.0", "linux_x86_64", "cu129", "cu132"),
        ("2.12.1", "linux_x86_64", "cu128", "cu129"),
        ("2.9.1", "windows_amd64", "cu129", "cu128"),
        ("2.9.0", "windows_amd64", "rocm6.4", "cu129"),
        ("2.15.0", "linux_x86_64", "cu126", "cpu"),
        ("2.15.0", "linux_x86_64", "xpu", "cu130"),
        ("2.14.1", "linux_aarch64", "xpu", "cu126"),
        ("2.4.0", "windows_amd64", "xpu", "cu124"),
    ],
)
def test_variants_of(version: str, platform: Platform, absent: str, present: str) -> None:
    variants = variants_of(version, platform)
    assert present in variants
    assert absent not in variants


@pytest.mark.parametrize(
    ("version", "platform", "expected"),
    [
        ("2.10.0", "linux_x86_64", ("cu128", False)),
        ("2.14.1", "linux_x86_64", ("cu130", False)),
        ("2.15.0", "linux_aarch64", ("cu132", False)),
        ("2.10.0", "linux_aarch64", ("cpu", False)),
        ("2.15.0", "windows_amd64", ("cpu", False)),
        ("2.15.0", "macos_arm64", ("cpu", False)),
        ("2.16.0", "linux_x86_64", ("cu132", True)),
        ("1.13.1", "linux_x86_64", ("cu117", True)),
        ("2.15.0", "macos_x86_64", ("cpu", True)),
        ("2.15.0", "windows_arm64", ("cpu", True)),
    ],
)
def test_default_index_variant(version: str, platform: Platform, expected: tuple[str, bool]) -> None:
    assert default_index_variant(version, platform) == expected


def test_companions() -> None:
    assert companion("torchvision", "2.14.1").version == "0.29.1"
    assert companion("torchaudio", "2.11.0").version == "2.11.0"
    assert not companion("torchaudio", "2.11.0").ended
    assert companion("triton", "2.14.1").version == "3.8.x"


@pytest.mark.parametrize("version", ["2.12.0", "2.15.0", "2.16.0"])
def test_torchaudio_ended(version: str) -> None:
    fact = companion("torchaudio", version)
    assert fact.version is None
    assert fact.ended
    assert fact.last == "2.11.0"


def test_a_companion_of_an_unknown_release_says_where_it_comes_from() -> None:
    assert companion("torchvision", "2.16.0").inferred_from == "2.15"
    assert companion("torchvision", "2.15.0").inferred_from is None


def test_an_unknown_companion_is_a_programming_mistake() -> None:
    with pytest.raises(KeyError):
        companion("torchtext", "2.2.0")


def test_requires_python_and_libraries() -> None:
    assert requires_python("2.14.0") == ">=3.10"
    assert requires_python("2.16.0") == requires_python("2.15.0") == ">=3.11"
    details = variant_details("2.15.0", "cu132")
    assert (details.cuda, details.cudnn, details.nccl) == ("13.2.2", "9.26.0.51", "2.30.7")
    assert variant_details("2.15.0", "cu130").cudnn is None
    assert variant_details("2.16.0", "cu134").cuda is None
