from __future__ import annotations

import pytest

from torchup.knowledge.chips import architecture_of, chip, chip_by_pci_id, chips_named, open_module_required
from torchup.model.versions import ComputeCapability


@pytest.mark.parametrize(
    ("pci_id", "name", "capability", "exact"),
    [
        ("10de:1b06", "GP102", "6.1", True),
        ("10de:2684", "AD102", "8.9", True),
        ("10DE:2E12", "GB20B", "12.1", True),
        ("0x10de:2b85", "GB202", "12.0", True),
        ("10de:0fc0", "GK107", "3.0", True),
        ("10de:1b7f", "GP102", "6.1", False),  # last id of its block, on no list
        ("10de:1b8f", "GP104", "6.1", False),
        ("10de:2bff", "GB202", "12.0", False),
    ],
)
def test_chip_by_pci_id(pci_id: str, name: str, capability: str, exact: bool) -> None:
    match = chip_by_pci_id(pci_id)
    assert match is not None
    assert (match.chip.name, str(match.chip.compute_capability), match.exact) == (name, capability, exact)


@pytest.mark.parametrize(
    "pci_id",
    [
        "1002:744c",  # AMD
        "8086:1b06",  # the number of an NVIDIA id, another vendor
        "10de:13ff",  # below 1b00 blocks are mixed
        "10de:2a00",  # between two blocks
        "10de:ffff",
        "10de:0000",
    ],
)
def test_ids_that_name_no_chip(pci_id: str) -> None:
    assert chip_by_pci_id(pci_id) is None


@pytest.mark.parametrize("text", ["2684", "", "10de:", "10de:RTX"])
def test_text_that_is_no_pci_id(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        chip_by_pci_id(text)


@pytest.mark.parametrize(
    ("capability", "architecture"),
    [
        ("3.7", "kepler"),
        ("5.3", "maxwell"),
        ("6.2", "pascal"),
        ("7.2", "volta"),
        ("7.5", "turing"),
        ("8.7", "ampere"),
        ("8.9", "ada"),
        ("9.0", "hopper"),
        ("11.0", "blackwell"),
        ("12.1", "blackwell"),
        ("10.7", "rubin"),
        ("8.8", None),
        ("14.0", None),
    ],
)
def test_architecture_of(capability: str, architecture: str | None) -> None:
    assert architecture_of(ComputeCapability.parse(capability)) == architecture


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("AD102", {"AD102"}),
        ("ad102", {"AD102"}),
        ("GTX 1080 Ti", {"GP102"}),
        ("NVIDIA GeForce GTX 1080 Ti", {"GP102"}),
        ("1080ti", {"GP102"}),
        ("gtx1080ti", {"GP102"}),
        ("GTX 1080", {"GP104"}),
        ("RTX 4090", {"AD102"}),
        ("NVIDIA GeForce RTX 4060 Laptop GPU", {"AD106", "AD107"}),
        ("H100", {"GH100"}),
        ("NVIDIA H100 80GB HBM3", {"GH100"}),
        ("GH200", {"GH100"}),
        ("Tesla V100-SXM2-16GB", {"GV100"}),
        ("NVIDIA A100-SXM4-80GB", {"GA100"}),
        ("T4", {"TU104"}),
        ("NVIDIA GB10", {"GB20B"}),
        ("RTX 6000", {"TU102", "AD102", "GB202"}),  # three generations carry this name
        ("Orin", {"GA10B"}),
        ("sm_70", {"GV100"}),
        ("10.3", {"GB110", "GB112"}),
        ("volta", {"GV100", "GV11B"}),
    ],
)
def test_chips_named(text: str, names: set[str]) -> None:
    assert {found.name for found in chips_named(text)} == names


@pytest.mark.parametrize("text", ["", "  ", "GPU", "RTX 9999", "RX 7900 XTX", "8", "sm_42", "a"])
def test_names_that_mean_no_chip(text: str) -> None:
    assert chips_named(text) == ()


def test_a_driver_number_is_kept_for_chips_that_need_a_newer_one() -> None:
    ada, kepler, thor = chip("AD102"), chip("GK110"), chip("GB10B")
    assert ada is not None
    assert kepler is not None
    assert thor is not None
    assert ada.first_driver == (525, 47, 6)
    assert kepler.last_driver_branch == 470
    assert thor.soc
    assert chip("XX999") is None


def test_grace_hopper_needs_the_open_module_by_id() -> None:
    assert open_module_required("10de:2342")
    assert open_module_required("10DE:2348")
    assert not open_module_required("10de:2330")
