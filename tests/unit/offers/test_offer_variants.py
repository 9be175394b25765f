"""Which of PyTorch's variants are asked for, what broken ones lead to, and what a wheel's variant is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

import pytest

from support.wheel_index import Redirect, Slow, Status, WheelIndex, stub_wheel
from torchup.knowledge.platforms import Platform
from torchup.knowledge.snapshot import snapshot_date, snapshot_offers
from torchup.model.facts import Gpu, MachineFacts, NvidiaDriver, OperatingSystem, Surroundings
from torchup.model.offer import IndexSettings, Offer, OfferBook
from torchup.resolve.offers.variants import unlabelled_variant, wanted_variants

Ask = Callable[..., OfferBook]
MANY = "manylinux_2_28_x86_64"


def machine(*vendors: str, system: str = "linux", arch: str = "x86_64") -> MachineFacts:
    gpus = tuple(Gpu(index=number, vendor=vendor) for number, vendor in enumerate(vendors))  # type: ignore[arg-type]  # names
    return MachineFacts(os=OperatingSystem(system=system, arch=arch), gpus=gpus)  # type: ignore[arg-type]  # names


def asked_variants(index: WheelIndex) -> set[str]:
    return {seen.path.split("/")[2] for seen in index.seen("/whl/") if seen.path.count("/") == 4}


def pins(book: OfferBook) -> list[str]:
    return [offer.pin for offer in book.offers]


# --- variants -----------------------------------------------------------------------------------------------


def test_a_machine_without_gpu_asks_for_cpu_alone(ask: Ask, index: WheelIndex) -> None:
    index.pytorch("cpu").add("torch", "2.14.1+cpu")
    index.pytorch("cu126").add("torch", "2.14.1+cu126")
    assert pins(ask(index="pytorch", mirror=index.url("whl"))) == ["torch==2.14.1+cpu"]
    assert asked_variants(index) == {"cpu"}
    assert index.seen("/whl/torch/") == []


def test_a_pinned_variant_is_asked_whatever_the_gpus(ask: Ask, index: WheelIndex) -> None:
    index.pytorch("cu126").add("torch", "2.14.1+cu126")
    book = ask(index="pytorch", mirror=index.url("whl"), variants=("cu126",))
    assert pins(book) == ["torch==2.14.1+cu126"]
    assert asked_variants(index) == {"cu126"}


@pytest.mark.parametrize(
    ("vendors", "kinds"),
    [
        ((), {"cpu"}),
        (("nvidia",), {"cpu", "cu"}),
        (("amd",), {"cpu", "rocm"}),
        (("intel",), {"cpu", "xpu"}),
        (("amd", "nvidia"), {"cpu", "cu", "rocm"}),
        (("apple",), {"cpu"}),
    ],
)
def test_the_vendors_decide_the_kinds(vendors: tuple[str, ...], kinds: set[str]) -> None:
    names = wanted_variants(machine(*vendors), "linux_x86_64")
    assert {name.rstrip("0123456789.") for name in names} == kinds
    assert len(names) == len(set(names))


def test_a_driver_without_a_listed_gpu_still_asks_for_cuda() -> None:
    facts = MachineFacts(os=OperatingSystem(system="linux", arch="x86_64"), gpus=(), nvidia=NvidiaDriver(state="ok"))
    assert "cu130" in wanted_variants(facts, "linux_x86_64")


def test_a_jetson_without_a_listed_gpu_still_asks_for_cuda() -> None:
    facts = MachineFacts(
        os=OperatingSystem(system="linux", arch="aarch64"), gpus=(), context=Surroundings(jetson="t234")
    )
    assert "cu130" in wanted_variants(facts, "linux_aarch64")


def test_new_folders_count_and_ancient_ones_do_not() -> None:
    listed = ("cu92", "cu101", "cu140", "rocm9.9", "cpu-cxx11-abi", "nightly", "torch", "cu126")
    known = wanted_variants(machine("nvidia"), "linux_x86_64")
    assert set(wanted_variants(machine("nvidia"), "linux_x86_64", listed)) == {*known, "cu140"}
    assert "rocm9.9" in wanted_variants(machine("amd"), "linux_x86_64", listed)


def test_a_variant_that_no_table_has_is_found_by_the_links_of_the_root_page(ask: Ask, index: WheelIndex) -> None:
    index.pytorch("cu134").add("torch", "2.16.0+cu134")
    index.pytorch("cu92").add("torch", "1.7.0+cu92")
    book = ask(machine=machine("nvidia"), index="pytorch", mirror=index.url("whl"))
    assert [(offer.pin, offer.variant, offer.origin) for offer in book.offers] == [
        ("torch==2.16.0+cu134", "cu134", index.url("whl/cu134"))
    ]
    assert "cu92" not in asked_variants(index)


def test_a_local_mirror_lists_its_folders(ask: Ask, tmp_path: Path) -> None:
    folder = tmp_path / "mirror" / "cu134" / "torch"
    wheel = stub_wheel("torch", "2.16.0+cu134")
    wheel.write(folder)
    (folder / "index.html").write_text(f'<a href="{wheel.filename}#sha256={wheel.sha256}">x</a>')
    for mirror in (str(tmp_path / "mirror"), (tmp_path / "mirror").as_uri()):
        book = ask(machine=machine("nvidia"), index="pytorch", mirror=mirror, offline=True)
        (offer,) = book.offers
        assert (offer.variant, offer.source, offer.hashes) == ("cu134", "mirror", (("sha256", wheel.sha256),))
        assert unquote(offer.url) == f"file://{folder / wheel.filename}"


# --- faults of PyTorch's layout -------------------------------------------------------------------------------


def test_variants_that_are_missing_are_no_fault(ask: Ask, index: WheelIndex) -> None:
    index.pytorch("cu126").add("torch", "2.14.1+cu126")
    book = ask(machine=machine("nvidia"), packages=("torch", "torchaudio"), index="pytorch", mirror=index.url("whl"))
    (report,) = book.reports
    assert (report.state, report.offers, report.detail) == ("live", 1, None)
    assert {seen.status for seen in index.seen("/whl/cu130/")} == {403}
    assert book.stand_ins == ()


def test_403_everywhere_is_an_unreachable_index(ask: Ask, index: WheelIndex) -> None:
    index.fault("/*", Status(403))
    book = ask(machine=machine("nvidia"), index="pytorch", mirror=index.url("whl"))
    assert book.reports[0].state == "unreachable"
    assert "answered 403 for every page" in str(book.reports[0].detail)
    wanted = frozenset(wanted_variants(machine("nvidia"), "linux_x86_64"))
    assert book.stand_ins == snapshot_offers("linux_x86_64", ("torch",), wanted)
    assert {"cpu", "cu126"} <= wanted
    assert not any(name.startswith("rocm") for name in wanted)


def test_one_broken_variant_is_reported_and_the_snapshot_stands_in_for_it_alone(ask: Ask, index: WheelIndex) -> None:
    index.pytorch("cpu").add("torch", "2.14.1+cpu")
    index.fault("/whl/cu126/*", Status(500))
    book = ask(machine=machine("nvidia"), packages=("torch", "torchvision"), index="pytorch", mirror=index.url("whl"))
    assert pins(book) == ["torch==2.14.1+cpu"]
    assert {offer.variant for offer in book.stand_ins} == {"cu126"}
    whole, part, snapshot = book.reports
    assert (whole.state, part.variant, part.state, snapshot.state) == ("live", "cu126", "unreachable", "snapshot")
    assert "the page of torch for cu126 could not be read (answered 500" in str(part.detail)


def test_an_unreachable_index_does_not_say_what_is_picked(ask: Ask, index: WheelIndex, tmp_path: Path) -> None:
    index.simple().add("torch", "2.15.0", tags=("cp312", "cp312", MANY))
    stub_wheel("torch", "2.13.0+cpu").write(tmp_path / "wheels")
    index.fault("/whl/*", Redirect("/whl/again"))
    settings = IndexSettings(default_index=index.url("simple"), find_links=(str(tmp_path / "wheels"),))
    book = ask(mirror=index.url("whl"), settings=settings)
    assert str(book.reports[0].detail).endswith("could not be read (redirected more than 5 times).")
    assert [(offer.variant, offer.source) for offer in book.offers] == [("cu132", "default"), ("cpu", "find-links")]
    assert book.stand_ins
    assert [report.kind for report in book.reports] == ["mirror", "default", "find-links", "snapshot"]
    assert book.reports[-1].as_of == snapshot_date()


# --- from files to offers --------------------------------------------------------------------------------------


def offers_for(ask: Ask, index: WheelIndex, facts: MachineFacts) -> list[Offer]:
    return list(ask(index=index.url("simple"), machine=facts).offers)


def test_only_wheels_of_the_platform_family_and_every_python(ask: Ask, index: WheelIndex) -> None:
    shelf = index.simple()
    for python, platform in (
        ("cp312", MANY),
        ("cp39", MANY),
        ("cp312", "manylinux_2_28_aarch64"),
        ("cp312", "win_amd64"),
        ("cp312", "macosx_14_0_arm64"),
        ("cp312", "macosx_10_9_x86_64"),
        ("cp312", "manylinux2014_i686"),
    ):
        shelf.add("torch", "2.14.1", tags=(python, python, platform))
    shelf.add("torch", "2.13.0", tags=("py3", "none", "any"), yanked="broken", requires_python=">=3.99")
    found = {(offer.tags[0], offer.tags[2]) for offer in offers_for(ask, index, machine())}
    assert found == {("cp312", MANY), ("cp39", MANY), ("py3", "any")}
    arm = {offer.tags[2] for offer in offers_for(ask, index, machine(system="darwin", arch="arm64"))}
    assert arm == {"macosx_14_0_arm64", "any"}
    (old,) = offers_for(ask, index, machine(system="windows", arch="arm64"))
    assert (old.yanked, old.requires_python) == ("broken", ">=3.99")


@pytest.mark.parametrize(
    ("package", "version", "platform", "variant"),
    [
        ("torch", "2.15.0", "linux_x86_64", "cu132"),
        ("torch", "2.10.0", "linux_aarch64", "cpu"),
        ("torch", "2.15.0", "linux_aarch64", "cu132"),
        ("torch", "2.15.0", "windows_amd64", "cpu"),
        ("torch", "2.15.0", "macos_arm64", "cpu"),
        ("torch", "1.13.1", "linux_x86_64", None),
        ("torch", "2.99.0", "linux_x86_64", "cu132"),
        ("torchvision", "0.24.1", "linux_x86_64", "cu128"),
        ("torchvision", "0.99.0", "linux_x86_64", "cu132"),
        ("torchvision", "0.5.0", "linux_x86_64", None),
        ("torchaudio", "2.7.1", "linux_x86_64", "cu126"),
        ("numpy", "2.3.5", "linux_x86_64", None),
    ],
)
def test_unlabelled_wheels(package: str, version: str, platform: Platform, variant: str | None) -> None:
    assert unlabelled_variant(package, version, platform) == variant


@pytest.mark.parametrize(
    ("path", "version", "variant"),
    [
        ("simple", "2.14.1+cu126", "cu126"),
        ("simple", "2.14.1+rocm7.2", "rocm7.2"),
        ("simple", "2.14.1+cu999", "cu999"),
        ("simple", "2.5.0+cpu.cxx11.abi", "cpu"),
        ("simple", "2.14.1+computecanada", None),
        ("jp6/cu126", "2.14.1", "cu126"),
        ("jp6/cu126", "2.14.1+cu130", "cu130"),
        ("jp6/cu126", "2.14.1+git123", "cu126"),
    ],
)
def test_the_label_wins_then_the_path(
    ask: Ask, index: WheelIndex, path: str, version: str, variant: str | None
) -> None:
    index.simple(path).add("torch", version)
    (offer,) = ask(index=index.url(path)).offers
    assert offer.variant == variant


def test_each_file_once_and_always_in_the_same_order(ask: Ask, index: WheelIndex) -> None:
    for variant in ("cpu", "cu126", "cu130"):
        for package in ("torch", "torchvision"):
            index.pytorch(variant).add(package, f"2.14.1+{variant}").add(package, f"2.13.0+{variant}")
    index.simple().add("torch", "2.14.1")
    settings = IndexSettings(default_index=index.url("simple"), extra_indexes=(index.url("simple"),))
    wish = {"mirror": index.url("whl"), "settings": settings, "packages": ("torchvision", "torch", "Torch")}
    first = ask(machine=machine("nvidia"), cache=None, **wish)
    index.fault("/whl/cu126/torch/", Slow(0.2))
    second = ask(machine=machine("nvidia"), cache=None, **wish)
    assert first == second
    assert len({(offer.filename, offer.origin) for offer in first.offers}) == len(first.offers) == 13
    assert [offer.package for offer in first.offers] == ["torchvision"] * 6 + ["torch"] * 7


def test_a_file_that_two_sources_list_counts_for_both(ask: Ask, index: WheelIndex) -> None:
    index.pytorch("cpu").add("torch", "2.14.1+cpu")
    settings = IndexSettings(extra_indexes=(index.url("whl/cpu"),))
    book = ask(mirror=index.url("whl"), settings=settings)
    assert [(offer.source, offer.pin) for offer in book.offers] == [("mirror", "torch==2.14.1+cpu")]
    assert [(report.offers, report.detail) for report in book.reports] == [(1, None), (1, None)]


def test_variants_are_found_although_the_root_is_refused(ask: Ask, index: WheelIndex) -> None:
    index.pytorch("cu134").add("torch", "2.16.0+cu134")
    index.fault("/whl/", Status(403))
    assert len(ask(machine=machine("nvidia"), index="pytorch", mirror=index.url("whl")).offers) == 1
