"""Which sources are asked, what their wheels become, and what the reports say."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from support.wheel_index import Slow, Status, WheelIndex, stub_wheel
from torchup.knowledge.snapshot import snapshot_date, snapshot_offers
from torchup.model.facts import Gpu, MachineFacts, OperatingSystem
from torchup.model.offer import IndexSettings, OfferBook
from torchup.model.request import SourceWish
from torchup.resolve.offers.collect import snapshot_book
from torchup.resolve.offers.sources import PYTORCH_INDEX, sources_of
from torchup.resolve.offers.variants import wanted_variants

Ask = Callable[..., OfferBook]
MANY = "manylinux_2_28_x86_64"


def machine(*vendors: str, system: str = "linux", arch: str = "x86_64") -> MachineFacts:
    gpus = tuple(Gpu(index=number, vendor=vendor) for number, vendor in enumerate(vendors))  # type: ignore[arg-type]  # names
    return MachineFacts(os=OperatingSystem(system=system, arch=arch), gpus=gpus)  # type: ignore[arg-type]  # names


def asked_variants(index: WheelIndex) -> set[str]:
    return {seen.path.split("/")[2] for seen in index.seen("/whl/") if seen.path.count("/") == 4}


def pins(book: OfferBook) -> list[str]:
    return [offer.pin for offer in book.offers]


# --- which sources ---------------------------------------------------------------------------------------------


def kinds(wish: SourceWish, settings: IndexSettings) -> list[tuple[str, str]]:
    return [(source.kind, source.origin) for source in sources_of(wish, settings)[0]]


CONFIGURED = IndexSettings(
    default_index="https://d.example/simple",
    extra_indexes=("https://e.example/simple", "https://d.example/simple"),
    find_links=("/wheels",),
)
PYTORCH = ("pytorch", PYTORCH_INDEX)


@pytest.mark.parametrize(
    ("wish", "expected"),
    [
        (
            SourceWish(),
            [
                PYTORCH,
                ("default", "https://d.example/simple"),
                ("extra", "https://e.example/simple"),
                ("find-links", "/wheels"),
            ],
        ),
        (SourceWish(index="pytorch"), [PYTORCH]),
        (SourceWish(index="pytorch", find_links=("/mine",)), [PYTORCH, ("find-links", "/mine")]),
        (SourceWish(index="pytorch", mirror="https://m.example/whl/"), [("mirror", "https://m.example/whl")]),
        (
            SourceWish(index="default", find_links=("/mine/", "/wheels/")),
            [
                ("default", "https://d.example/simple"),
                ("extra", "https://e.example/simple"),
                ("find-links", "/mine"),
                ("find-links", "/wheels"),
            ],
        ),
        (SourceWish(index="https://x.example/simple/"), [("default", "https://x.example/simple")]),
        (SourceWish(index="https://x.example/simple/torch/"), [("default", "https://x.example/simple")]),
        (SourceWish(index="https://x.example/whl/cu126"), [("mirror", "https://x.example/whl/cu126")]),
        (SourceWish(index=f"{PYTORCH_INDEX}/cu126"), [("pytorch", f"{PYTORCH_INDEX}/cu126")]),
        (SourceWish(index=PYTORCH_INDEX + "/"), [PYTORCH]),
        (SourceWish(index="https://me:pw@x.example/s"), [("default", "https://x.example/s")]),
    ],
)
def test_sources_of_a_wish(wish: SourceWish, expected: list[tuple[str, str]]) -> None:
    assert kinds(wish, CONFIGURED) == expected


def test_no_index_leaves_find_links_and_says_so() -> None:
    settings = IndexSettings(find_links=("/wheels",), no_index=True, origins={"no_index": "PIP_NO_INDEX"})
    sources, skipped = sources_of(SourceWish(), settings)
    assert [source.kind for source in sources] == ["find-links"]
    assert [(report.kind, report.state) for report in skipped] == [("pytorch", "skipped")]
    assert "PIP_NO_INDEX" in str(skipped[0].detail)
    assert kinds(SourceWish(index="pytorch"), settings) == [PYTORCH]


def test_no_index_brings_the_snapshot_as_stand_in(ask: Ask, tmp_path: Path) -> None:
    settings = IndexSettings(find_links=(str(tmp_path),), no_index=True)
    book = ask(settings=settings)
    assert book.stand_ins
    assert [report.kind for report in book.reports] == ["find-links", "pytorch", "snapshot"]


def test_an_index_page_of_one_variant(ask: Ask, index: WheelIndex) -> None:
    index.pytorch("cu126").add("torch", "2.14.1+cu126").add("torchvision", "0.29.1")
    for url in ("whl/cu126", "whl/cu126/", "whl/cu126/torch/"):
        book = ask(index=index.url(url), packages=("torch", "torchvision"))
        assert [(offer.variant, offer.origin) for offer in book.offers] == [("cu126", index.url("whl/cu126"))] * 2
    assert index.seen("/whl/cpu/") == []


def test_an_address_that_is_the_root_of_variants(ask: Ask, index: WheelIndex, tmp_path: Path) -> None:
    for name in ("cpu", "cu126"):
        folder = tmp_path / "root" / name / "torch"
        wheel = stub_wheel("torch", f"2.14.1+{name}")
        wheel.write(folder)
        (folder / "index.html").write_text(f'<a href="{wheel.filename}">x</a>')
    book = ask(index=(tmp_path / "root").as_uri(), machine=machine("nvidia"))
    assert [(offer.variant, offer.source) for offer in book.offers] == [("cpu", "mirror"), ("cu126", "mirror")]


def test_extra_indexes_are_asked_and_missing_packages_are_fine(ask: Ask, index: WheelIndex) -> None:
    index.simple("one").add("torch", "2.14.1", tags=("cp312", "cp312", MANY))
    index.simple("two").add("torchvision", "0.29.1", tags=("cp312", "cp312", MANY))
    settings = IndexSettings(default_index=index.url("one"), extra_indexes=(index.url("two"),))
    book = ask(index="default", settings=settings, packages=("torch", "torchvision", "torchaudio"))
    assert [(offer.package, offer.source, offer.variant) for offer in book.offers] == [
        ("torch", "default", "cu130"),
        ("torchvision", "extra", "cu130"),
    ]
    assert [report.detail for report in book.reports] == [None, None]


def test_a_partly_broken_simple_index_says_which_page(ask: Ask, index: WheelIndex) -> None:
    index.simple().add("torch", "2.14.1").add("torchvision", "0.29.1")
    index.fault("/simple/torchvision/", Status(500))
    book = ask(index=index.url("simple"), packages=("torch", "torchvision"))
    assert pins(book) == ["torch==2.14.1"]
    assert "the page of torchvision could not be read (answered 500" in str(book.reports[0].detail)


def test_find_links_may_be_pages_files_and_folders(ask: Ask, index: WheelIndex, tmp_path: Path) -> None:
    index.links().add("torch", "2.12.0+cpu").add("numpy", "2.3.5")
    wheel = stub_wheel("torch", "2.13.0+cpu")
    path = wheel.write(tmp_path / "wheels")
    (tmp_path / "wheels" / "torch-broken.whl").write_bytes(b"")
    (tmp_path / "wheels" / "sub-1-py3-none-any.whl").mkdir()
    page = tmp_path / "page.html"
    page.write_text(f'<a href="wheels/{wheel.filename}#sha256={wheel.sha256}">x</a>')
    gone = tmp_path / "gone"
    links = (index.url("links.html"), str(tmp_path / "wheels"), page.as_uri(), str(gone))
    book = ask(index="default", find_links=links)
    assert [(offer.version, offer.origin, bool(offer.hashes)) for offer in book.offers] == [
        ("2.12.0", index.url("links.html"), True),
        ("2.13.0", str(tmp_path / "wheels"), False),
        ("2.13.0", page.as_uri(), True),
    ]
    assert book.offers[1].size == path.stat().st_size
    assert book.reports[3].state == "unreachable"
    assert book.reports[3].detail is not None
    assert f"Find-links {gone} could not be read (the folder {gone} does not exist)" in book.reports[3].detail


def test_a_local_simple_index_that_is_not_there(ask: Ask, tmp_path: Path) -> None:
    book = ask(index=(tmp_path / "none").as_uri())
    assert book.reports[0].state == "unreachable"
    assert f"the folder {tmp_path / 'none'} does not exist" in str(book.reports[0].detail)


# --- the snapshot ---------------------------------------------------------------------------------------------


def test_the_snapshot_can_be_asked_for_beside_live_offers(ask: Ask, index: WheelIndex) -> None:
    index.pytorch("cpu").add("torch", "2.14.1+cpu")
    book = ask(index="pytorch", mirror=index.url("whl"), snapshot=True)
    assert pins(book) == ["torch==2.14.1+cpu"]
    assert book.stand_ins == snapshot_offers("linux_x86_64", ("torch",), frozenset({"cpu"}))
    assert book.as_of == "2026-11-22"


def test_no_stand_ins_when_pytorchs_index_was_not_wanted(ask: Ask, index: WheelIndex) -> None:
    index.fault("/*", Status(500))
    assert ask(index=index.url("simple")).stand_ins == ()
    assert ask(index="default", settings=IndexSettings(default_index=index.url("simple"))).stand_ins == ()
    assert {offer.variant for offer in ask(index=index.url("whl/cu126")).stand_ins} == {"cu126"}


def test_the_default_index_has_stand_ins_where_it_is_unknown_or_was_not_to_be_asked(
    ask: Ask, index: WheelIndex
) -> None:
    for settings in (IndexSettings(), IndexSettings(default_index=index.url("simple"))):
        book = ask(index="default", settings=settings, offline=True)
        newest = [offer for offer in book.stand_ins if offer.version == "2.15.0"]
        assert {(offer.source, offer.variant, offer.local) for offer in newest} == {("default", "cu132", None)}
        assert not [offer for offer in book.stand_ins if offer.version == "2.14.1" and offer.tags[0] == "cp315"]
        assert [report.detail for report in book.reports if "not asked" in (report.detail or "")]
    assert {offer.origin for offer in book.stand_ins} == {index.url("simple")}


def test_the_snapshot_alone_asks_nobody() -> None:
    book = snapshot_book(machine("nvidia"), ("torch", "torchvision"))
    assert (book.offers, book.as_of) == ((), snapshot_date())
    assert {offer.package for offer in book.stand_ins} == {"torch", "torchvision"}


def test_a_platform_without_wheels_asks_nobody(ask: Ask, index: WheelIndex) -> None:
    book = ask(machine=machine(arch="riscv64"), index=index.url("simple"))
    assert (book.offers, book.stand_ins, index.seen()) == ((), (), [])


def test_many_variants_over_http_stay_fast(ask: Ask, index: WheelIndex) -> None:
    for variant in wanted_variants(machine("nvidia"), "linux_x86_64"):
        index.pytorch(variant).add("torch", f"2.14.1+{variant}")
    index.fault("/whl/*", Slow(0.4))
    start = time.monotonic()
    ask(
        machine=machine("nvidia"),
        packages=("torch", "torchvision", "torchaudio"),
        index="pytorch",
        mirror=index.url("whl"),
    )
    pages = len(index.seen("/whl/"))
    assert pages > 24
    assert time.monotonic() - start < 0.4 * pages / 2
