"""What is kept between runs: revalidation by ETag, copies for offline runs, and what becomes of damage."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from support.wheel_index import Body, Status, WheelIndex
from torchup.model.facts import MachineFacts
from torchup.model.offer import IndexSettings, OfferBook
from torchup.resolve.offers.kept_pages import KeptPage, KeptPages
from torchup.resolve.offers.simple_page import IndexFile
from torchup.resolve.offers.transport import Deadline, Limits
from torchup.resolve.offers.web import HttpTransport

Ask = Callable[..., OfferBook]
PORTAL = Body(b"<html><a href='/login'>Welcome to the Hotel</a></html>", headers=(("ETag", '"p"'),))


@pytest.fixture
def mirror(index: WheelIndex) -> WheelIndex:
    for number in range(8):
        index.pytorch("cpu").add("torch", f"2.{number}.0+cpu")
    return index


def ask_mirror(ask: Ask, mirror: WheelIndex, **more: object) -> OfferBook:
    return ask(index="pytorch", mirror=mirror.url("whl"), **more)


def cached_files(cache: Path, kind: str) -> list[Path]:
    return [path for path in sorted((cache / "offers" / kind).rglob("*")) if path.is_file() and path.suffix != ".lock"]


def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a socket was opened")

    for name in ("socket", "create_connection", "getaddrinfo"):
        monkeypatch.setattr(socket, name, refuse)


def test_the_second_run_revalidates_and_gets_304(ask: Ask, mirror: WheelIndex) -> None:
    first = ask_mirror(ask, mirror)
    mirror.forget_seen()
    second = ask_mirror(ask, mirror)
    (request,) = mirror.seen("/whl/cpu/torch/")
    assert (request.status, "if-none-match" in request.headers) == (304, True)
    assert second.offers == first.offers
    assert len(second.offers) == 8
    assert second.reports[0].state == "live"
    mirror.pytorch("cpu").add("torch", "2.8.0+cpu")
    assert len(ask_mirror(ask, mirror).offers) == 9


def test_a_304_counts_only_where_the_known_page_came_from(mirror: WheelIndex) -> None:
    limits = Limits(connect_s=2, read_s=2, total_s=10)
    transport = HttpTransport(IndexSettings(), limits, Deadline(limits.total_s))
    url = mirror.url("whl/cpu/torch/")
    first = transport.get(url, None)
    assert first is not None
    assert first.stamp is not None
    assert transport.get(url, first.stamp) is None
    again = transport.get(url, replace(first.stamp, url="https://elsewhere.example/whl/cpu/torch/"))
    transport.close()
    assert again == first
    assert [request.status for request in mirror.seen("/whl/cpu/torch/")] == [200, 304, 304, 200]


def test_a_damaged_page_is_dropped_and_fetched_again(ask: Ask, mirror: WheelIndex, tmp_path: Path) -> None:
    book = ask_mirror(ask, mirror)
    entries = cached_files(tmp_path / "cache", "pages")
    assert entries
    whole = entries[0].read_bytes()
    assert b"2.7.0" in whole
    for damage in (b"", b"\x00" * 50, whole[:-7], b"cc=4,\xff" * 20, whole.replace(b"2.7.0", b"6.6.6")):
        for entry in entries:
            entry.write_bytes(damage)
        mirror.forget_seen()
        assert ask_mirror(ask, mirror) == book
        assert mirror.seen("/whl/cpu/torch/")[0].status == 200


def test_a_folder_that_cannot_be_written_costs_only_the_cache(ask: Ask, mirror: WheelIndex, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    assert len(ask_mirror(ask, mirror, cache=blocked).offers) == 8
    assert blocked.read_text() == "not a folder"


def test_without_a_cache_nothing_is_written(ask: Ask, mirror: WheelIndex, tmp_path: Path) -> None:
    assert len(ask_mirror(ask, mirror, cache=None).offers) == 8
    assert list(tmp_path.iterdir()) == []


def test_cache_files_are_private(ask: Ask, mirror: WheelIndex, tmp_path: Path) -> None:
    ask_mirror(ask, mirror)
    entries = cached_files(tmp_path / "cache", "pages")
    assert entries
    for path in entries:
        assert path.stat().st_mode & 0o077 == 0


def test_offline_uses_what_an_earlier_run_kept_and_opens_no_socket(
    ask: Ask, mirror: WheelIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    online = ask_mirror(ask, mirror, today="2026-11-20")
    mirror.forget_seen()
    no_network(monkeypatch)
    offline = ask_mirror(ask, mirror, offline=True, today="2026-11-22")
    assert offline.offers == online.offers
    assert (offline.as_of, offline.stand_ins) == ("2026-11-20", ())
    (report,) = offline.reports
    assert (report.state, report.as_of) == ("cached", "2026-11-20")
    assert "(offline); its pages of 2026-11-20 were used" in str(report.detail)
    assert mirror.seen() == []


def test_offline_with_a_cold_cache_falls_back_to_the_snapshot(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    no_network(monkeypatch)
    book = ask(offline=True, settings=IndexSettings(default_index="https://index.example/simple"))
    assert book.offers == ()
    assert {offer.source for offer in book.stand_ins} == {"snapshot"}
    assert [(report.kind, report.state) for report in book.reports] == [
        ("pytorch", "unreachable"),
        ("default", "unreachable"),
        ("snapshot", "snapshot"),
    ]
    assert "not asked (offline), and no copy" in str(book.reports[0].detail)
    assert book.as_of == book.reports[2].as_of


def test_offline_still_reads_local_sources(ask: Ask, mirror: WheelIndex, tmp_path: Path) -> None:
    wheel, _ = mirror.pytorch("cpu").wheels[0]
    wheel.write(tmp_path / "wheels")
    book = ask(offline=True, find_links=(str(tmp_path / "wheels"),))
    assert [offer.source for offer in book.offers] == ["find-links"]
    assert book.stand_ins


def test_offline_finds_variants_that_no_table_has(ask: Ask, index: WheelIndex, nvidia_machine: MachineFacts) -> None:
    index.pytorch("cu134").add("torch", "2.16.0+cu134")
    for offline in (False, True):
        book = ask_mirror(ask, index, machine=nvidia_machine, offline=offline)
        assert [offer.variant for offer in book.offers] == ["cu134"]


def test_a_damaged_copy_counts_as_none_and_is_removed(ask: Ask, mirror: WheelIndex, tmp_path: Path) -> None:
    ask_mirror(ask, mirror)
    pages = cached_files(tmp_path / "cache", "pages")
    assert pages
    for page in pages:
        page.write_bytes(page.read_bytes().replace(b"2.7.0", b"6.6.6"))
    book = ask_mirror(ask, mirror, offline=True)
    assert book.offers == ()
    assert book.stand_ins
    assert cached_files(tmp_path / "cache", "pages") == []


def test_a_captive_portal_replaces_no_copy(ask: Ask, mirror: WheelIndex) -> None:
    good = ask_mirror(ask, mirror)
    mirror.fault("/*", PORTAL)
    portal = ask_mirror(ask, mirror)
    assert (portal.offers, portal.reports[0].state) == ((), "unreachable")
    assert portal.stand_ins
    assert ask_mirror(ask, mirror, offline=True).offers == good.offers
    mirror.heal().forget_seen()
    assert ask_mirror(ask, mirror).offers == good.offers
    assert mirror.seen("/whl/cpu/torch/")[0].status == 304


def test_a_page_that_fails_is_replaced_by_its_copy_while_the_server_answers_others(
    ask: Ask, index: WheelIndex, nvidia_machine: MachineFacts
) -> None:
    index.pytorch("cpu").add("torch", "2.14.1+cpu")
    index.pytorch("cu126").add("torch", "2.14.1+cu126")
    good = ask_mirror(ask, index, machine=nvidia_machine, today="2026-11-20")
    index.fault("/whl/cu126/torch/", Status(500))
    book = ask_mirror(ask, index, machine=nvidia_machine)
    assert book.offers == good.offers
    assert book.stand_ins == ()
    whole, part = book.reports
    assert (whole.state, whole.offers) == ("live", 2)
    assert (part.state, part.variant, part.as_of) == ("cached", "cu126", "2026-11-20")
    assert "answered 500" in str(part.detail)


def test_copies_do_not_count_when_the_server_is_gone(ask: Ask, tmp_path: Path) -> None:
    with WheelIndex() as index:
        index.pytorch("cpu").add("torch", "2.14.1+cpu")
        assert ask_mirror(ask, index).offers
    book = ask_mirror(ask, index)
    assert (book.offers, book.reports[0].state) == ((), "unreachable")
    assert book.stand_ins


RUN = """
import json, sys
from pathlib import Path
from torchup.model.facts import MachineFacts, OperatingSystem
from torchup.model.offer import IndexSettings
from torchup.model.request import SourceWish
from torchup.resolve.offers.collect import collect
machine = MachineFacts(os=OperatingSystem(system="linux", arch="x86_64"), gpus=())
wish = SourceWish(index="pytorch", mirror=sys.argv[1], offline=sys.argv[3] == "offline")
settings = IndexSettings()
for _ in range(int(sys.argv[4])):
    book = collect(wish, machine, ("torch",), settings=settings, cache=Path(sys.argv[2]), today="2026-11-22")
heavy = sorted({"requests", "urllib3", "html.parser"} & set(sys.modules))
print(json.dumps([[offer.filename for offer in book.offers], heavy]))
"""


def run(mirror: WheelIndex, cache: Path, mode: str, times: int) -> subprocess.Popen[str]:
    arguments = [mirror.url("whl"), str(cache), mode, str(times)]
    environ = {**os.environ, "PYTHONWARNINGS": "error"}
    return subprocess.Popen([sys.executable, "-c", RUN, *arguments], stdout=subprocess.PIPE, text=True, env=environ)


def test_processes_share_a_cache(ask: Ask, mirror: WheelIndex, tmp_path: Path) -> None:
    expected = [offer.filename for offer in ask_mirror(ask, mirror, cache=None).offers]
    cache = tmp_path / "shared"
    together = [run(mirror, cache, "online", 5) for _ in range(3)]
    for process in together:
        output, _ = process.communicate(timeout=60)
        assert process.returncode == 0
        assert json.loads(output)[0] == expected
    assert ask_mirror(ask, mirror, cache=cache, offline=True).offers
    assert not list(cache.rglob(".new-*"))


def test_an_offline_run_loads_no_http_library(ask: Ask, mirror: WheelIndex, tmp_path: Path) -> None:
    ask_mirror(ask, mirror)
    process = run(mirror, tmp_path / "cache", "offline", 1)
    output, _ = process.communicate(timeout=60)
    names, heavy = json.loads(output)
    assert (len(names), heavy) == (8, [])


def test_kept_pages_round_trip(tmp_path: Path) -> None:
    wheel = IndexFile(
        filename="a-1-py3-none-any.whl",
        url="https://h.example/a",
        hashes=(("sha256", "00"), ("md5", "11")),
        requires_python=">=3.9",
        yanked="why",
        size=3,
        metadata=True,
    )
    archive = IndexFile(filename="a-1.tar.gz", url="https://h.example/b")
    kept = KeptPages(tmp_path)
    kept.put("https://h.example/", KeptPage(files=(wheel, archive), names=("x",), as_of="2026-11-22"))
    expected = KeptPage(files=(wheel,), names=("x",), as_of="2026-11-22")
    assert KeptPages(tmp_path).get("https://h.example/") == expected
    assert kept.get("https://other.example/") is None
    assert KeptPages(None).get("https://h.example/") is None
