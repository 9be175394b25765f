from __future__ import annotations

from urllib.parse import unquote

import pytest
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name, parse_wheel_filename

from torchup.knowledge.platforms import PLATFORMS, Platform
from torchup.knowledge.snapshot import PACKAGES, snapshot_offers
from torchup.model.offer import Offer


def versions(platform: Platform, variant: str, package: str = "torch") -> list[str]:
    offers = snapshot_offers(platform, (package,))
    return list(dict.fromkeys(offer.version for offer in offers if offer.variant == variant))


def pythons(platform: Platform, version: str, variant: str = "cpu") -> set[str]:
    return {
        offer.tags[1] for offer in snapshot_offers(platform) if (offer.version, offer.variant) == (version, variant)
    }


def one(platform: Platform, pin: str, abi: str, origin: str = "") -> Offer:
    package = pin.partition("==")[0]
    found = [
        offer
        for offer in snapshot_offers(platform, (package,))
        if (offer.pin, offer.tags[1]) == (pin, abi) and offer.origin.endswith(origin)
    ]
    assert len(found) == 1, found
    return found[0]


@pytest.mark.live_tables
@pytest.mark.parametrize("platform", PLATFORMS)
def test_file_names_are_those_of_real_wheels(platform: Platform) -> None:
    seen = set()
    for offer in snapshot_offers(platform, PACKAGES):
        name, version, build, tags = parse_wheel_filename(offer.filename)
        assert (name, version.public, version.local, build) == (offer.package, offer.version, offer.local, ())
        assert {(tag.interpreter, tag.abi, tag.platform) for tag in tags} == {offer.tags}
        assert offer.url.startswith(offer.origin + "/")
        assert "+" not in offer.url
        assert unquote(offer.url).endswith(offer.filename)
        assert (offer.source, offer.hashes) == ("snapshot", ())
        assert offer.url not in seen
        seen.add(offer.url)
    assert seen


@pytest.mark.live_tables
@pytest.mark.parametrize("platform", PLATFORMS)
def test_each_wheel_admits_the_python_it_is_for(platform: Platform) -> None:
    for offer in snapshot_offers(platform, PACKAGES):
        if offer.tags[0] != "py3":
            digits = offer.tags[0].removeprefix("cp")
            assert SpecifierSet(offer.requires_python or "").contains(f"{digits[0]}.{digits[1:]}.5"), offer


def test_the_pick_for_a_pascal_card_is_there() -> None:
    offer = one("linux_x86_64", "torch==2.14.1+cu126", "cp312")
    assert offer.tags == ("cp312", "cp312", "manylinux_2_28_x86_64")
    assert offer.origin == "https://download.pytorch.org/whl/cu126"
    assert offer.url.endswith("/torch-2.14.1%2Bcu126-cp312-cp312-manylinux_2_28_x86_64.whl")


@pytest.mark.parametrize("platform", PLATFORMS)
def test_no_cuda_12_in_2_15(platform: Platform) -> None:
    variants = {offer.variant for offer in snapshot_offers(platform) if offer.version == "2.15.0"}
    expected = {"cu130", "cu132", "cpu"} if platform in ("linux_x86_64", "linux_aarch64", "windows_amd64") else {"cpu"}
    assert variants == ((expected) if platform not in ("windows_arm64", "macos_x86_64") else set())


def test_cu129_only_where_it_was_seen() -> None:
    assert versions("linux_x86_64", "cu129") == ["2.8.0", "2.9.0", "2.9.1", "2.10.0", "2.11.0", "2.12.1", "2.13.0"]
    assert versions("windows_amd64", "cu129") == ["2.8.0", "2.9.0"]


def test_free_threaded_3_13_ends_inside_2_12() -> None:
    assert "cp313t" in pythons("linux_x86_64", "2.12.0", "cu130")
    assert "cp313t" not in pythons("linux_x86_64", "2.12.1", "cu130")
    assert "cp314t" in pythons("linux_x86_64", "2.12.1", "cu130")


def test_python_3_15_came_to_the_index_before_the_release_files() -> None:
    assert "cp315" in pythons("linux_aarch64", "2.13.0")
    assert "cp315" not in pythons("windows_amd64", "2.13.0")
    assert {"cp315", "cp315t"} <= pythons("windows_amd64", "2.14.1", "cu130")
    assert pythons("linux_x86_64", "2.15.0") == {"cp311", "cp312", "cp313", "cp314", "cp314t", "cp315", "cp315t"}


def test_python_3_13_of_2_5_is_for_linux_x86_64_only() -> None:
    assert "cp313" in pythons("linux_x86_64", "2.5.1", "cu124")
    assert "cp313" not in pythons("linux_aarch64", "2.5.1")
    assert "cp313" not in pythons("windows_amd64", "2.5.1")


@pytest.mark.parametrize(
    ("platform", "version", "tag"),
    [
        ("linux_x86_64", "2.6.0", "manylinux1_x86_64"),
        ("linux_x86_64", "2.7.0", "manylinux_2_28_x86_64"),
        ("linux_aarch64", "2.5.1", "manylinux2014_aarch64"),
        ("linux_aarch64", "2.6.0", "manylinux_2_28_aarch64"),
        ("macos_arm64", "2.11.0", "macosx_11_0_arm64"),
        ("macos_arm64", "2.12.0", "macosx_14_0_arm64"),
    ],
)
def test_platform_tag_changes(platform: Platform, version: str, tag: str) -> None:
    found = {offer.tags[2] for offer in snapshot_offers(platform) if (offer.version, offer.variant) == (version, "cpu")}
    assert found == {tag}


def test_the_cu126_build_of_2_6_needs_a_newer_glibc_than_its_siblings_and_its_companions() -> None:
    offers = [offer for offer in snapshot_offers("linux_x86_64", PACKAGES) if offer.variant in ("cu124", "cu126")]
    tags = {(offer.package, offer.variant): offer.tags[2] for offer in offers if offer.version in ("2.6.0", "0.21.0")}
    assert tags["torch", "cu126"] == "manylinux_2_28_x86_64"
    assert {tag for key, tag in tags.items() if key != ("torch", "cu126")} == {"manylinux1_x86_64"}


def test_wheels_without_a_label() -> None:
    arm = one("linux_aarch64", "torch==2.5.1", "cp312", origin="/cu124")
    assert (arm.local, arm.variant) == (None, "cu124")
    assert one("linux_aarch64", "torch==2.15.0+cu132", "cp312").local == "cu132"
    mac = one("macos_arm64", "torch==2.15.0", "cp312")
    assert (mac.local, mac.variant) == (None, "cpu")


def test_where_platforms_end() -> None:
    assert versions("macos_x86_64", "cpu")[-1] == "2.2.2"
    assert versions("linux_x86_64", "rocm7.14") == ["2.14.0", "2.14.1"]
    assert not any((offer.variant or "").startswith("rocm") for offer in snapshot_offers("windows_amd64"))
    assert versions("windows_amd64", "xpu")[0] == "2.5.0"
    assert versions("windows_amd64", "xpu")[-1] == "2.14.1"


def test_windows_on_arm_has_what_was_seen() -> None:
    offers = snapshot_offers("windows_arm64", PACKAGES)
    assert {(offer.package, offer.variant, offer.tags[2]) for offer in offers} == {("torch", "cpu", "win_arm64")}
    assert pythons("windows_arm64", "2.13.0") == {"cp311", "cp312", "cp313"}
    assert "torch-2.7.0+cpu-cp312-cp312-win_arm64.whl" in {offer.filename for offer in offers}


def test_companions_come_in_the_variants_of_their_torch() -> None:
    assert versions("linux_x86_64", "cu126", "torchvision")[-1] == "0.29.1"
    assert versions("linux_x86_64", "cu130", "torchaudio")[-1] == "2.11.0"
    assert "0.20.0" not in versions("windows_amd64", "xpu", "torchvision")
    pure = [offer for offer in snapshot_offers("linux_x86_64", ("torchvision",)) if offer.version == "0.29.2"]
    assert {offer.tags for offer in pure} == {("py3", "none", "manylinux_2_28_x86_64")}
    assert sorted(offer.variant or "" for offer in pure) == ["cpu", "cu130", "cu132"]


def test_torchvision_refuses_the_python_it_refuses() -> None:
    offer = one("linux_x86_64", "torchvision==0.26.0+cu130", "cp314")
    assert not SpecifierSet(offer.requires_python or "").contains("3.14.1")
    assert SpecifierSet(offer.requires_python or "").contains("3.14.2")
    earlier = one("linux_x86_64", "torchvision==0.25.0+cu130", "cp314")
    assert SpecifierSet(earlier.requires_python or "").contains("3.14.1")


def test_a_package_that_is_not_in_the_snapshot_adds_nothing() -> None:
    assert snapshot_offers("linux_x86_64", ("numpy",)) == ()
    assert all(canonicalize_name(offer.package) == "torch" for offer in snapshot_offers("linux_x86_64"))
