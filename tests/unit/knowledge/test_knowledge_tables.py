"""The shipped tables hold together: rows have sources, references resolve, numbers rise where they must."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import torchup.knowledge
from torchup.knowledge.arch_lists import arch_list
from torchup.knowledge.chips import architecture_of, chip_by_pci_id, chips
from torchup.knowledge.cubins import serving
from torchup.knowledge.drivers import branches, cuda_version, kernel_module_rules, minimum_driver
from torchup.knowledge.platforms import PLATFORMS
from torchup.knowledge.releases import default_index_variant, releases, variants_of
from torchup.knowledge.rocm import gfx_lists
from torchup.knowledge.tables import table
from torchup.knowledge.variants import parse_variant
from torchup.knowledge.wheel_tags import tags_of
from torchup.model.versions import ComputeCapability, DriverVersion

pytestmark = pytest.mark.live_tables

TABLES = sorted(path.stem for path in (Path(torchup.knowledge.__file__).parent / "data").glob("*.json"))

ROW_LISTS = {
    "cubin_rules": ("architectures",),
    "cuda_drivers": ("minima", "releases"),
    "driver_branches": ("branches",),
    "host_compilers": ("limits",),
    "macos": (),
    "nvidia_chips": ("chips", "blocks"),
    "rocm": ("indexes", "chips"),
    "system_recipes": ("recipes",),
    "torch_releases": ("releases",),
    "torch_wheels": (
        "wheels",
        "index_only",
        "not_offered",
        "without_local_label",
        "other_platform_tags",
        "pure_python_tag",
        "companions_missing",
        "windows_arm64",
    ),
    "xpu": ("devices",),
}


def rows(name: str) -> Iterator[dict[str, Any]]:
    for part in ROW_LISTS[name]:
        yield from table(name)[part]


def test_every_table_is_listed_here() -> None:
    assert set(TABLES) == set(ROW_LISTS)


@pytest.mark.parametrize("name", TABLES)
def test_table_is_dated_and_each_row_says_where_it_comes_from(name: str) -> None:
    assert table(name)["schema"] == 1
    assert date.fromisoformat(table(name)["as_of"])
    for row in rows(name):
        assert row.get("source") or row.get("evidence"), row


@pytest.mark.parametrize("name", [name for name in TABLES if name not in ("cubin_rules", "driver_branches")])
def test_source_keys_are_spelled_out_in_their_table(name: str) -> None:
    known = set(table(name).get("sources", ()))
    for row in rows(name):
        given = row.get("source", [])
        keys = {given} if isinstance(given, str) else set(given)
        assert keys <= known | {"inferred"}, row


@pytest.mark.parametrize("name", ["torch_releases", "rocm"])
def test_evidence_codes_are_explained(name: str) -> None:
    codes = set(table(name)["evidence_codes"])
    used = set(_evidence(table(name)))
    assert used
    assert used <= codes


def _evidence(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            if key == "evidence":
                yield from item
            else:
                yield from _evidence(item)
    elif isinstance(value, list):
        for item in value:
            yield from _evidence(item)


def test_driver_minima_rise_with_the_cuda_major() -> None:
    for system in ("linux", "windows"):
        majors = [row["cuda_major"] for row in table("cuda_drivers")["minima"]]
        assert majors == sorted(set(majors))
        versions = [minimum.version for major in majors if (minimum := minimum_driver(major, system))]
        assert len(versions) == len(majors)
        assert versions == sorted(set(versions))


def test_drivers_shipped_with_cuda_rise_and_meet_the_minimum_of_their_major() -> None:
    shipped = [row for row in table("cuda_drivers")["releases"] if row["linux"]]
    for earlier, later in pairwise(shipped):
        assert DriverVersion.parse(earlier["linux"]) <= DriverVersion.parse(later["linux"]), later
        assert earlier["driver_branch"] <= later["driver_branch"]
    for row in shipped:
        driver = DriverVersion.parse(row["linux"])
        minimum = minimum_driver(int(row["cuda"].split(".")[0]), "linux")
        assert minimum is not None
        assert driver >= minimum.version
        assert driver.branch == row["driver_branch"]


def test_the_branch_of_a_shipped_driver_names_that_cuda() -> None:
    ceilings = {row.branch: row.max_cuda for row in branches()}
    for row in table("cuda_drivers")["releases"]:
        assert ceilings[row["driver_branch"]] == cuda_version(row["cuda"]), row


def test_branches_are_in_order_and_their_cuda_rises() -> None:
    numbers = [row.branch for row in branches()]
    assert numbers == sorted(set(numbers))
    ceilings = [row.max_cuda for row in branches() if row.max_cuda]
    assert ceilings == sorted(ceilings)
    assert all(row.lts == (row.type == "lts") for row in branches())


def test_branches_have_the_kernel_modules_that_the_rules_say() -> None:
    rules = kernel_module_rules()
    for row in branches():
        assert ("open" in row.kernel_modules) == (row.branch >= rules.open_first_branch), row
        assert ("proprietary" in row.kernel_modules) == (row.branch <= rules.last_branch_with_proprietary), row
        if "open" in row.kernel_modules and row.branch >= rules.default_open_from_branch:
            assert row.kernel_modules[0] == "open", row


def test_an_architecture_leaves_the_branches_for_good() -> None:
    stated = [row for row in branches() if row.architectures and "fermi" not in row.architectures]
    for architecture in ("kepler", "maxwell", "pascal", "volta"):
        present = [architecture in row.architectures for row in stated]
        assert present == sorted(present, reverse=True), architecture


def test_every_chip_has_a_capability_of_its_architecture_or_is_marked_unknown() -> None:
    for chip in chips():
        if chip.compute_capability is None:
            assert chip.uncertain, chip
        else:
            assert architecture_of(chip.compute_capability) == chip.architecture, chip


def test_chips_agree_with_the_kernel_module_rules_and_the_branches() -> None:
    rules = kernel_module_rules()
    last = {row.branch for row in branches()}
    for chip in chips():
        if chip.soc:
            continue
        assert (chip.modules == "open_only") == (chip.architecture in rules.open_required), chip
        assert (chip.modules == "proprietary_only") == (chip.architecture in rules.proprietary_required), chip
        if chip.last_driver_branch is not None:
            assert chip.last_driver_branch in last
            newer = [row for row in branches() if row.branch > chip.last_driver_branch and row.architectures]
            assert all(chip.architecture not in row.architectures for row in newer), chip


def test_pci_ids_belong_to_one_chip_and_to_the_block_around_them() -> None:
    blocks = [(int(row["first"], 16), int(row["last"], 16), row["chip"]) for row in table("nvidia_chips")["blocks"]]
    assert all(earlier[1] < later[0] for earlier, later in pairwise(blocks)), "blocks overlap or are out of order"
    seen: set[str] = set()
    for row in table("nvidia_chips")["chips"]:
        for pci_id in row["pci_ids"]:
            assert pci_id not in seen
            seen.add(pci_id)
            number = int(pci_id, 16)
            around = [chip for first, last, chip in blocks if first <= number <= last]
            assert around in ([], [row["name"]]), pci_id
            match = chip_by_pci_id(f"10de:{pci_id}")
            assert match is not None
            assert (match.chip.name, match.exact) == (row["name"], True)
    assert seen


def test_every_release_says_which_companions_go_with_each_patch() -> None:
    for release in releases():
        for package, versions in release.companions.items():
            assert tuple(versions) == release.patches, (release.minor, package)


def test_releases_and_wheels_are_about_the_same_versions() -> None:
    patches = [patch for release in releases() for patch in release.patches]
    assert [row["version"] for row in table("torch_wheels")["wheels"]] == patches
    assert [release.numbers for release in releases()] == sorted(release.numbers for release in releases())
    for release in releases():
        for build in release.variants.values():
            for limited in build.only_patches.values():
                assert set(limited) <= set(release.patches)


def test_every_wheel_on_a_platform_has_a_usable_tag_and_an_index_variant() -> None:
    for release in releases():
        for patch in release.patches:
            for platform in PLATFORMS:
                variants = variants_of(patch, platform)
                assert bool(variants) == bool(tags_of(patch, platform)), (patch, platform)
                if platform in release.default_index:
                    assert default_index_variant(patch, platform) == (release.default_index[platform], False)
                    assert release.default_index[platform] in variants, (patch, platform)


def test_every_cuda_variant_has_a_driver_rule_and_an_arch_list() -> None:
    for release in releases():
        for patch in release.patches:
            for platform in PLATFORMS:
                for name in variants_of(patch, platform):
                    variant = parse_variant(name)
                    if variant.cuda:
                        assert minimum_driver(variant.cuda[0], "linux")
                        assert minimum_driver(variant.cuda[0], "windows")
                        found = arch_list(patch, name, platform)
                        assert found is not None, (patch, name, platform)
                        assert found.sm
                    elif variant.kind == "rocm":
                        assert name in {row.variant for row in gfx_lists()}


def test_a_wheel_serves_every_capability_it_was_built_for() -> None:
    for release in releases():
        for name, build in release.variants.items():
            for platform in build.platforms:
                found = arch_list(release.patches[0], name, platform)
                cuda = parse_variant(name).cuda
                assert found is not None
                assert cuda is not None
                for built in found.sm:
                    served = serving(ComputeCapability.from_sm(built), found, cuda)
                    assert served is not None
                    assert (served.kind, served.sm) == ("cubin", built)


def test_recipes_use_every_part_and_no_other() -> None:
    recipes = table("system_recipes")
    used = {name for row in recipes["recipes"] for name in row["parts"]}
    used |= {name for row in recipes["recipes"] for name in (row["toolkit"] or {"parts": ()})["parts"]}
    assert used == set(recipes["parts"])
    assert {row["manager"] for row in recipes["recipes"]} == set(recipes["managers"])


def test_recipes_hold_only_branches_and_modules_that_exist() -> None:
    known = {row.branch: row.kernel_modules for row in branches()}
    for row in table("system_recipes")["recipes"]:
        for offer in row["offers"]:
            for branch in offer["branches"]:
                assert set(offer["packages"]) <= set(known[branch]), (row["id"], branch)
