"""Every bad day of a package index, against a real server on loopback."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.patience import LONG, SOON, soon
from support.tools import require
from support.wheel_index import (
    Body,
    CutOff,
    Fault,
    Redirect,
    Reset,
    Slow,
    Status,
    Trickle,
    WheelIndex,
)
from torchup.model.facts import MachineFacts
from torchup.model.offer import IndexSettings, OfferBook, SourceReport
from torchup.resolve.offers.transport import Limits

Ask = Callable[..., OfferBook]
TORCH = "/simple/torch/"


@pytest.fixture
def simple(index: WheelIndex) -> WheelIndex:
    index.simple().add("torch", "2.14.1")
    return index


def only(book: OfferBook) -> SourceReport:
    (report,) = book.reports
    return report


def ask_simple(ask: Ask, index: WheelIndex, **more: object) -> OfferBook:
    return ask(index=index.url("simple"), **more)


def test_a_good_answer(ask: Ask, simple: WheelIndex) -> None:
    book = ask_simple(ask, simple)
    (offer,) = book.offers
    assert (offer.pin, offer.source, offer.origin) == ("torch==2.14.1", "default", simple.url("simple"))
    assert offer.hashes[0][0] == "sha256"
    assert (only(book).state, only(book).offers, only(book).detail, book.as_of) == ("live", 1, None, "2026-11-22")


@pytest.mark.parametrize("fault", [Status(500), Status(502), Status(503), Status(504), Reset(), CutOff()])
def test_a_transient_fault_is_tried_again(ask: Ask, simple: WheelIndex, fault: Fault) -> None:
    simple.fault(TORCH, fault, times=1)
    assert len(ask_simple(ask, simple).offers) == 1
    assert len(simple.seen(TORCH)) == 2


def test_retry_after_of_an_hour_is_not_waited_for(ask: Ask, simple: WheelIndex) -> None:
    simple.fault(TORCH, Status(503, (("Retry-After", "3600"),)), times=1)
    with soon():
        assert len(ask_simple(ask, simple).offers) == 1


@pytest.mark.parametrize(
    ("fault", "asked", "words"),
    [
        (Status(503), 3, "answered 503"),
        (Status(400), 1, "answered 400"),
        (Status(403), 1, "answered 403 for every page"),
        (Reset(), 3, "cut the connection"),
        (CutOff(), 2, "cut the connection in the middle of the page"),
        (Redirect("/simple/torch/"), 6, "redirected more than 5 times"),
        (Body(b"<html><a href='/login'>Welcome</a></html>"), 1, "is a web page that lists no packages"),
        (Body(b"{}", "application/octet-stream"), 1, "is application/octet-stream, not a package list"),
        (Body(b'{"files": [', "application/vnd.pypi.simple.v1+json"), 1, "ends in the middle of its JSON"),
        (Body(b"x" * 300_000), 1, "sent a page of more than"),
    ],
)
def test_a_lasting_fault_is_reported_and_nothing_hangs(
    ask: Ask, simple: WheelIndex, fault: Fault, asked: int, words: str
) -> None:
    simple.fault(TORCH, fault)
    book = ask_simple(ask, simple, limits=Limits(connect_s=2, read_s=2, total_s=10, page_bytes=200_000))
    report = only(book)
    assert (report.state, book.offers, book.stand_ins) == ("unreachable", (), ())
    assert report.detail is not None
    assert words in report.detail
    assert len(simple.seen(TORCH)) == asked


def test_a_missing_page_is_no_fault_of_the_source(ask: Ask, index: WheelIndex) -> None:
    index.simple().add("numpy", "2.3.5")
    report = only(ask_simple(ask, index))
    assert (report.state, report.offers) == ("live", 0)
    assert report.detail is not None
    assert "has no fitting wheel" in report.detail


@pytest.mark.parametrize("code", [301, 302, 307, 308])
def test_a_redirect_is_followed_and_relative_links_count_from_its_end(ask: Ask, index: WheelIndex, code: int) -> None:
    index.simple("moved/simple").add("torch", "2.14.1")
    index.fault(TORCH, Redirect("/moved/simple/torch/", code))
    (offer,) = ask_simple(ask, index).offers
    assert offer.url.startswith(index.url("files/moved/simple/torch-"))


def test_a_login_is_not_carried_to_another_host(ask: Ask, index: WheelIndex) -> None:
    index.require_login("/simple/", "me", "pw")
    index.simple("open").add("torch", "2.14.1")
    index.fault(TORCH, Redirect(index.url("open/torch/", host="localhost")))
    book = ask(index=index.url("simple", user="me:pw"))
    assert len(book.offers) == 1
    assert "authorization" in index.seen(TORCH)[0].headers
    assert "authorization" not in index.seen("/open/")[0].headers


@pytest.mark.parametrize(("user", "told"), [(None, "wants a login"), ("me:wrong", "refused the login")])
def test_a_refused_login_is_told_without_showing_it(ask: Ask, simple: WheelIndex, user: str | None, told: str) -> None:
    simple.require_login("/simple/", "me", "s3cret")
    report = only(ask(index=simple.url("simple", user=user)))
    assert report.state == "unreachable"
    assert told in str(report.detail)
    assert ".netrc" in str(report.detail)
    assert "wrong" not in repr(report)


def test_credentials_are_used_and_appear_nowhere(ask: Ask, simple: WheelIndex, tmp_path: Path) -> None:
    simple.require_login("/simple/", "me", "s3cret")
    settings = IndexSettings(default_index=simple.url("simple"), credentials={simple.url("simple"): ("me", "s3cret")})
    book = ask(index="default", settings=settings)
    assert len(book.offers) == 1
    assert len(ask(index=simple.url("simple", user="me:s3cret")).offers) == 1
    assert "s3cret" not in repr(book)
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"s3cret" not in kept
    assert b"bWU6czNjcmV0" not in kept


def test_a_slow_server_is_given_up_once_not_once_per_page(
    ask: Ask, index: WheelIndex, nvidia_machine: MachineFacts
) -> None:
    index.pytorch("cu126").add("torch", "2.14.1+cu126")
    index.fault("/whl/*", Slow(LONG))
    limits = Limits(connect_s=5, read_s=0.5, total_s=60)
    with soon():
        book = ask(machine=nvidia_machine, index="pytorch", mirror=index.url("whl"), limits=limits)
    assert index.arrived == ["/whl/"]
    assert "no answer from 127.0.0.1" in str(book.reports[0].detail)
    assert book.stand_ins


def test_a_trickling_server_cannot_exceed_the_total(ask: Ask, simple: WheelIndex) -> None:
    simple.fault(TORCH, Trickle(0.05))
    start = time.monotonic()
    with soon():
        book = ask_simple(ask, simple, limits=Limits(connect_s=2, read_s=2, total_s=0.8))
    assert "did not finish within 0.8 s" in str(only(book).detail)
    # Its transfer was ended, not just left behind.
    while time.monotonic() - start < SOON and any(thread.name == "offers" for thread in threading.enumerate()):
        time.sleep(0.02)
    assert not [thread for thread in threading.enumerate() if thread.name == "offers"]


def test_a_stuck_source_does_not_hold_back_the_others(ask: Ask, simple: WheelIndex) -> None:
    with WheelIndex() as other:
        other.fault("/*", Trickle(0.05))
        settings = IndexSettings(default_index=simple.url("simple"), extra_indexes=(other.url("simple"),))
        book = ask(index="default", settings=settings, limits=Limits(connect_s=2, read_s=2, total_s=3))
    assert [report.state for report in book.reports] == ["live", "unreachable"]
    assert len(book.offers) == 1


HEADERS = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"
LINK = b'<a href="torch-2.14.1-cp312-cp312-manylinux_2_28_x86_64.whl">x</a>'


@pytest.mark.parametrize(
    ("at_once", "again_and_again"),
    [(HEADERS, b"X-More: to come\r\n"), (HEADERS + b"\r\n" + LINK, b" ")],
    ids=["headers", "body-without-length"],
)
def test_a_trickle_of_no_stated_length_ends_and_is_no_answer(ask: Ask, at_once: bytes, again_and_again: bytes) -> None:
    over = threading.Event()

    def serve(listening: socket.socket) -> None:
        connection, _ = listening.accept()
        with connection, contextlib.suppress(OSError):
            connection.sendall(at_once)
            while not over.wait(0.05):
                connection.sendall(again_and_again)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = threading.Thread(target=serve, args=(listening,), daemon=True)
        server.start()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/simple"
        with soon():
            report = only(ask(index=url, limits=Limits(connect_s=2, read_s=2, total_s=0.6)))
        over.set()
        server.join()
    assert "did not finish within 0.6 s" in str(report.detail)


@pytest.mark.parametrize(
    "address",
    [
        "http://[oops/simple",
        "http://h:port/simple",
        "https://",
        "http://a b/simple",
        "ftp://h.example/s",
        "http://\x00/",
    ],
)
def test_an_address_that_cannot_be_asked_is_reported(ask: Ask, address: str) -> None:
    settings = IndexSettings(default_index=address, find_links=(address,))
    for wish in ({"index": address}, {"index": "default"}, {"index": "pytorch", "mirror": address}):
        book = ask(settings=settings, limits=Limits(connect_s=0.5, read_s=0.5, total_s=3), **wish)
        assert book.offers == ()
        assert {report.state for report in book.reports} <= {"unreachable", "snapshot"}


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_refused_connection(ask: Ask) -> None:
    report = only(ask(index=f"http://127.0.0.1:{closed_port()}/simple"))
    assert report.state == "unreachable"
    assert "refused the connection" in str(report.detail)


def test_a_name_that_does_not_resolve_is_looked_up_once(
    ask: Ask, nvidia_machine: MachineFacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def fails(host: str, *_: object, **__: object) -> object:
        asked.append(host)
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fails)
    book = ask(machine=nvidia_machine, index="pytorch", packages=("torch", "torchvision"))
    assert asked == ["download.pytorch.org"]
    detail = "PyTorch's index did not answer (could not resolve the name download.pytorch.org)."
    assert book.reports[0].detail == detail
    assert book.stand_ins


def test_a_resolver_that_hangs_is_not_waited_for(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: over.wait(LONG))
    with soon():
        report = only(ask(index="http://slow-name.example/simple", limits=Limits(connect_s=0.3, read_s=1, total_s=60)))
    over.set()
    assert "could not resolve the name slow-name.example within 0.3 s" in str(report.detail)


def test_a_proxy_is_used_and_named_when_it_fails(ask: Ask, simple: WheelIndex) -> None:
    # An HTTP proxy gets the whole URL as its request path, so the stub index can play one.
    settings = IndexSettings(http_proxy=simple.url().rstrip("/"))
    assert len(ask(index="http://behind.example/simple", settings=settings).offers) == 1
    assert simple.seen(TORCH)[0].headers["host"] == "behind.example"
    dead = f"http://pu:ppw@127.0.0.1:{closed_port()}"
    report = only(ask(index="http://behind.example/simple", proxy=dead))
    assert "the proxy 127.0.0.1:" in str(report.detail)
    assert "ppw" not in repr(report)


def test_the_process_environment_does_not_count(
    ask: Ask, simple: WheelIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password pw")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{closed_port()}")
    assert len(ask_simple(ask, simple).offers) == 1
    assert "authorization" not in simple.seen(TORCH)[0].headers


def test_no_proxy_excepts_hosts(ask: Ask, simple: WheelIndex) -> None:
    settings = IndexSettings(http_proxy=f"http://127.0.0.1:{closed_port()}", no_proxy="other.example, 127.0.0.0/8")
    assert len(ask(index=simple.url("simple"), settings=settings).offers) == 1


# --- certificates -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    openssl = require("openssl")
    folder = tmp_path_factory.mktemp("tls")
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    command = [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *names, *files]
    subprocess.run(command, check=True, capture_output=True)
    return folder / "cert.pem", folder / "key.pem"


@pytest.fixture
def secure(certificate: tuple[Path, Path]) -> Iterator[WheelIndex]:
    with WheelIndex(tls=certificate) as server:
        server.simple().add("torch", "2.14.1")
        yield server


def test_a_certificate_nobody_vouches_for_is_refused(ask: Ask, secure: WheelIndex) -> None:
    report = only(ask_simple(ask, secure))
    assert report.state == "unreachable"
    assert "its certificate was not accepted" in str(report.detail)
    assert secure.seen() == []


def test_the_configured_bundle_makes_it_good(ask: Ask, secure: WheelIndex, certificate: tuple[Path, Path]) -> None:
    settings = IndexSettings(ca_bundle=str(certificate[0]))
    assert len(ask_simple(ask, secure, settings=settings).offers) == 1
    assert len(ask_simple(ask, secure, ca_bundle=str(certificate[0])).offers) == 1


def test_a_bundle_that_is_not_there_is_named(ask: Ask, secure: WheelIndex, tmp_path: Path) -> None:
    report = only(ask_simple(ask, secure, ca_bundle=str(tmp_path / "none.pem")))
    assert report.state == "unreachable"
    assert "none.pem" in str(report.detail)


def test_a_redirect_from_https_to_http_is_refused(
    ask: Ask, secure: WheelIndex, simple: WheelIndex, certificate: tuple[Path, Path]
) -> None:
    secure.fault(TORCH, Redirect(simple.url("simple/torch/")))
    report = only(ask_simple(ask, secure, ca_bundle=str(certificate[0])))
    assert "redirected from https to http" in str(report.detail)
    assert simple.seen() == []
