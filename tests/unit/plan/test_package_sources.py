"""Which sources an installation uses, in which order, and what uv and pip are told of them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from torchup.model.offer import IndexSettings, Offer, SourceKind
from torchup.model.request import SourceWish
from torchup.model.resolution import PickSource, TorchPick
from torchup.plan.pins import missing, satisfied
from torchup.plan.secrets import find_links_are_secret, index_names, secret_environment
from torchup.plan.sources import PackageSources, package_sources, pip_flags, uv_flags

PYTORCH = "https://download.pytorch.org/whl/cu126"
DEFAULT = "https://index.example/simple"
EXTRA = "https://extra.example/simple"
FIRST_MATCH = ("--index-strategy", "unsafe-first-match")


def offer(origin: str, source: SourceKind, package: str = "torch") -> Offer:
    return Offer(
        package=package,
        version="2.13.0",
        local="cu126",
        variant="cu126",
        tags=("cp312", "cp312", "manylinux_2_28_x86_64"),
        filename="x.whl",
        url=f"{origin}/x.whl",
        origin=origin,
        source=source,
    )


def pick(*offers: Offer) -> TorchPick:
    source: PickSource = "find-links" if offers[0].source == "find-links" else "pytorch"
    return TorchPick(
        version="2.13.0", variant="cu126", python="3.12", index=offers[0].origin, source=source, wheels=offers
    )


def sources(*offers: Offer, settings: IndexSettings, offline: bool = False, **more: object) -> PackageSources:
    wish = SourceWish(offline=offline)
    return package_sources(pick(*offers), settings, wish, **more)  # type: ignore[arg-type]


def test_the_source_of_the_pick_comes_first_and_the_default_last() -> None:
    settings = IndexSettings(default_index=DEFAULT, extra_indexes=(EXTRA,), find_links=("/wheels",))
    found = sources(offer(PYTORCH, "pytorch"), settings=settings)
    assert uv_flags(found, {}) == (
        *(*FIRST_MATCH, "--index", PYTORCH, "--index", EXTRA, "--default-index", DEFAULT),
        *("--find-links", "/wheels"),
    )
    assert pip_flags(found) == (
        *("--index-url", DEFAULT, "--extra-index-url", PYTORCH, "--extra-index-url", EXTRA),
        *("--find-links", "/wheels"),
    )


def test_a_pick_from_the_default_index_is_not_taken_from_an_extra_one() -> None:
    settings = IndexSettings(default_index=DEFAULT, extra_indexes=(EXTRA,))
    found = sources(offer(f"{DEFAULT}/", "default"), settings=settings)
    assert uv_flags(found, {}) == (*FIRST_MATCH, "--index", DEFAULT, "--default-index", EXTRA)
    alone = sources(offer(DEFAULT, "default"), settings=IndexSettings(default_index=DEFAULT))
    assert uv_flags(alone, {}) == ("--default-index", DEFAULT)


def test_a_pick_from_a_folder_leaves_the_indexes_for_its_dependencies() -> None:
    found = sources(offer("/wheels", "find-links"), settings=IndexSettings(default_index=DEFAULT))
    assert uv_flags(found, {}) == ("--default-index", DEFAULT, "--find-links", "/wheels")


def test_two_packages_from_two_sources() -> None:
    offers = (offer(PYTORCH, "pytorch"), offer(EXTRA, "extra", "torchvision"), offer("/wheels", "find-links", "triton"))
    found = sources(*offers, settings=IndexSettings(default_index=DEFAULT))
    assert found.indexes == (PYTORCH, EXTRA)
    assert found.find_links == ("/wheels",)


def test_without_a_configured_default_the_installer_keeps_its_own() -> None:
    found = sources(offer(PYTORCH, "pytorch"), settings=IndexSettings())
    assert uv_flags(found, {}) == (*FIRST_MATCH, "--index", PYTORCH)
    assert pip_flags(found) == ("--extra-index-url", PYTORCH)


def test_a_default_that_does_not_answer_is_left_out_and_nothing_takes_its_place() -> None:
    settings = IndexSettings(default_index=DEFAULT)
    found = sources(offer(PYTORCH, "pytorch"), settings=settings, unreachable=[DEFAULT + "/"])
    assert uv_flags(found, {}) == ("--default-index", PYTORCH)
    assert pip_flags(found) == ("--index-url", PYTORCH)
    folder = sources(offer("/wheels", "find-links"), settings=settings, unreachable=[DEFAULT])
    assert uv_flags(folder, {}) == ("--no-index", "--find-links", "/wheels")
    assert pip_flags(folder) == ("--no-index", "--find-links", "/wheels")


def test_no_index_is_kept() -> None:
    found = sources(offer("/wheels", "find-links"), settings=IndexSettings(no_index=True, find_links=("/more",)))
    assert uv_flags(found, {}) == ("--no-index", "--find-links", "/wheels", "--find-links", "/more")


def test_offline_is_passed_on_and_pip_keeps_what_is_on_disk() -> None:
    settings = IndexSettings(default_index=DEFAULT, extra_indexes=("file:///srv/simple",), find_links=("/wheels",))
    found = sources(offer("/wheels", "find-links"), settings=settings, offline=True)
    assert uv_flags(found, {})[-1] == "--offline"
    assert pip_flags(found) == ("--index-url", "file:///srv/simple", "--find-links", "/wheels")


def test_logins_go_by_name_and_never_into_the_command() -> None:
    private = "https://private.example/simple"
    settings = IndexSettings(
        default_index=DEFAULT, extra_indexes=(f"{private}/",), credentials={private: ("ann", "p@ss/word")}
    )
    names = index_names(settings)
    flags = uv_flags(sources(offer(PYTORCH, "pytorch"), settings=settings), names)
    assert f"torchup-private-1={private}/" in flags
    assert "p@ss" not in repr(flags) + repr(settings)
    assert secret_environment(settings) == {
        "UV_INDEX_TORCHUP_PRIVATE_1_USERNAME": "ann",
        "UV_INDEX_TORCHUP_PRIVATE_1_PASSWORD": "p@ss/word",
        "PIP_EXTRA_INDEX_URL": "https://ann:p%40ss%2Fword@private.example/simple",
    }


def test_find_links_and_a_proxy_with_a_login_travel_in_the_environment() -> None:
    page, proxy = "https://pages.example/wheels.html", "http://proxy.example:3128"
    settings = IndexSettings(
        find_links=(page, "/wheels"), proxy=proxy, credentials={page: ("ann", "one"), proxy: ("bob", "two")}
    )
    assert find_links_are_secret(settings)
    flags = uv_flags(sources(offer(PYTORCH, "pytorch"), settings=settings), {}, find_links_secret=True)
    assert "--find-links" not in flags
    secrets = secret_environment(settings)
    assert secrets["UV_FIND_LINKS"] == "https://ann:one@pages.example/wheels.html,/wheels"
    assert secrets["PIP_FIND_LINKS"] == "https://ann:one@pages.example/wheels.html /wheels"
    assert secrets["HTTPS_PROXY"] == secrets["HTTP_PROXY"] == "http://bob:two@proxy.example:3128"
    assert secret_environment(replace(settings, credentials={})) == {}


@pytest.mark.parametrize(
    ("requirement", "version", "holds"),
    [
        ("torch==2.13.0+cpu", "2.13.0+cpu", True),
        ("torch==2.13.0", "2.13.0+cpu", False),
        ("torch==2.13.0+cpu", "2.13.0", False),
        ("torch==2.13", "2.13.0", True),
        ("torch==2.13.*", "2.13.0+cpu", True),
        ("einops>=0.7", "0.8.0rc1", True),
        ("einops>=0.7", "0.6", False),
        ("einops", "0.6", True),
        ("Einops_x", "1", False),
        ("einops", "not a version", False),
    ],
)
def test_a_pin_means_exactly_that_build(requirement: str, version: str, holds: bool) -> None:
    installed = {"torch": version, "einops": version}
    assert satisfied(requirement, installed) is holds
    assert missing([requirement], installed) == (() if holds else (requirement,))
