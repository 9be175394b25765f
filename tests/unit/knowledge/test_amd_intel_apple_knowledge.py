from __future__ import annotations

import pytest

from torchup.knowledge.macos import last_on_intel_macs, macos_minimum, macos_of_tag, mps_from
from torchup.knowledge.rocm import gfx_list, gfx_of_chip, gfx_targets
from torchup.knowledge.xpu import intel_family, is_supported_intel


def test_gfx_targets_come_and_go() -> None:
    assert "gfx1100" not in (gfx_targets("rocm5.4.2") or ())
    assert "gfx1100" in (gfx_targets("rocm5.5") or ())
    assert "gfx906" in (gfx_targets("rocm7.2") or ())
    assert "gfx906" not in (gfx_targets("rocm7.14") or ())
    assert gfx_targets("cu130") is None


@pytest.mark.parametrize(
    ("variant", "source"),
    [
        ("rocm7.2", None),
        ("rocm7.3", "rocm7.2"),
        ("rocm7.15", "rocm7.14"),
        ("rocm8.0", "rocm7.14"),
        ("rocm5.0", "rocm5.3"),
    ],
)
def test_an_unknown_rocm_takes_the_nearest_list(variant: str, source: str | None) -> None:
    found = gfx_list(variant)
    assert found is not None
    assert found.variant == variant
    assert found.inferred_from == source


def test_an_older_torch_on_the_same_index_has_fewer_targets() -> None:
    assert "gfx1201" not in (gfx_targets("rocm6.2.4", "2.6.0") or ())
    assert "gfx1201" in (gfx_targets("rocm6.2.4", "2.7.1") or ())
    assert "gfx1100" in (gfx_targets("rocm6.2.4", "2.6.0") or ())


@pytest.mark.parametrize(
    ("name", "gfx"),
    [
        ("Navi 31", "gfx1100"),
        ("Navi 31 [Radeon RX 7900 XT/7900 XTX]", "gfx1100"),
        ("AMD Instinct MI300X", "gfx942"),
        ("Strix Halo [Radeon 8060S]", "gfx1151"),
        ("aldebaran", "gfx90a"),
        ("Navi 3", None),
        ("Navi 311", None),
        ("Radeon RX 580", None),
        ("", None),
    ],
)
def test_gfx_of_chip(name: str, gfx: str | None) -> None:
    assert gfx_of_chip(name) == gfx


@pytest.mark.parametrize(
    ("pci_id", "kind"),
    [
        ("8086:56a0", "discrete"),
        ("8086:E20B", "discrete"),
        ("8086:0bd5", "discrete"),
        ("8086:64a0", "integrated"),
        ("8086:b087", "integrated"),
        ("8086:b088", None),
        ("8086:46a6", None),  # Iris Xe
        ("8086:4f90", None),  # the audio function of an Arc card
        ("10de:56a0", None),
    ],
)
def test_supported_intel(pci_id: str, kind: str | None) -> None:
    assert is_supported_intel(pci_id) == kind


def test_intel_names() -> None:
    assert "Battlemage" in (intel_family("8086:e20b") or "")
    assert intel_family("8086:46a6") is None
    with pytest.raises(ValueError, match="PCI id"):
        is_supported_intel("56a0")


@pytest.mark.parametrize(
    ("version", "python", "minimum"),
    [
        ("2.11.0", "cp312", (11, 0)),
        ("2.12.0", "cp312", (14, 0)),
        ("2.10.0", "cp313", (11, 0)),
        ("2.10.0", "cp314", (14, 0)),
        ("2.10.0", None, (11, 0)),
        ("2.15.0", "cp310", None),
        ("9.9.9", None, None),
    ],
)
def test_macos_minimum(version: str, python: str | None, minimum: tuple[int, int] | None) -> None:
    assert macos_minimum(version, python) == minimum


def test_macos_ends_and_beginnings() -> None:
    assert last_on_intel_macs() == "2.2.2"
    assert mps_from() == (14, 0)
    assert macos_of_tag("macosx_10_9_x86_64") == (10, 9)
    with pytest.raises(ValueError, match="win_amd64"):
        macos_of_tag("win_amd64")
