"""A password in pip's or uv's configuration, in ~/.netrc or in a proxy's URL: it works, and shows up nowhere else."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.command import Person
from support.stub_torch import python_with
from support.wheel_index import WheelIndex

CANARY = "canary-7Qx!p"
ENCODED = "canary-7Qx%21p"
ALL = (CANARY, ENCODED, CANARY[:9])
# Another one: what a person types stands on a command line, where a test that runs beside this one would see it.
TYPED = "typed-5Kd"


@contextmanager
def command_lines() -> Iterator[set[str]]:
    """Collect the arguments of every process of the machine while the block runs."""
    seen: set[str] = set()
    over = threading.Event()

    def watch() -> None:
        while not over.is_set():
            for process in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    seen.add(process.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
                except OSError:
                    continue
            time.sleep(0.002)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield seen
    finally:
        over.set()
        watcher.join()


def configure(kind: str, person: Person, index: WheelIndex) -> dict[str, str]:
    """Put the login where a person keeps it, and give the variables that go with it."""
    plain = index.url("simple")
    with_login = plain.replace("http://", f"http://ann:{ENCODED}@")
    if kind == "netrc":
        host = plain.split("/")[2].partition(":")[0]
        netrc = person.home / ".netrc"
        netrc.write_text(f"machine {host} login ann password {CANARY}\n", encoding="utf-8")
        netrc.chmod(0o600)
        return {"PIP_INDEX_URL": plain}
    if kind == "pip.conf":
        (person.home / "pip.conf").write_text(f"[global]\nindex-url = {with_login}\n", encoding="utf-8")
        return {"PIP_CONFIG_FILE": str(person.home / "pip.conf"), "PIP_INDEX_URL": ""}
    if kind == "uv variables":
        return {
            "UV_INDEX": f"inner={plain}",
            "UV_INDEX_INNER_USERNAME": "ann",
            "UV_INDEX_INNER_PASSWORD": CANARY,
            "PIP_INDEX_URL": "",
        }
    return {"PIP_INDEX_URL": with_login}


@pytest.mark.parametrize("kind", ["netrc", "pip.conf", "uv variables", "variable"])
def test_a_password_of_an_index_is_used_and_shows_up_nowhere(kind: str, person: Person, index: WheelIndex) -> None:
    index.simple().add("torch", "2.15.0+cpu")
    index.require_login("/simple", "ann", CANARY)
    environ = configure(kind, person, index)
    mine = {path: path.read_bytes() for path in person.home.rglob("*") if path.is_file()}
    answers = person.answers("schema: 1\nsource: {index: default}\nverify: {level: none}\ntorch: {packages: [torch]}\n")
    cache = person.home.parent / "uv-cache"
    person.environ.update({**environ, "UV_CACHE_DIR": str(cache)})
    said = []
    with command_lines() as arguments:
        for options in (["--dry-run"], ["--dry-run", "--json"], ["-vv", "--save-answers", "copy.yaml"]):
            done = person.torchup("setup", "--answers", answers, *options)
            assert done.returncode == 0, done.stderr
            said += [done.stdout, done.stderr]
        for command in (["status", "--json"], ["detect", "--json"], ["undo", "--yes", "-vv"]):
            done = person.torchup(*command)
            assert done.returncode == 0, done.stderr
            said += [done.stdout, done.stderr]
    assert any(request.status == 200 for request in index.seen("/simple")), "the login was needed and used"
    assert any("uv" in line for line in arguments), "the installer was seen"
    for secret in ALL:
        assert not any(secret in line for line in arguments)
        assert not any(secret in text for text in said)
        for path in (*person.home.rglob("*"), *cache.rglob("*")):
            if path.is_file() and path not in mine:
                assert secret.encode() not in path.read_bytes(), path
    assert {path: path.read_bytes() for path in mine} == mine


def test_a_proxy_with_a_password_is_used_and_shows_up_nowhere(person: Person, wanted: str) -> None:
    environ = {"HTTP_PROXY": f"http://ann:{ENCODED}@127.0.0.1:9", "NO_PROXY": "127.0.0.1,localhost"}
    with command_lines() as arguments:
        person.environ.update(environ)
        done = person.torchup("setup", "--answers", wanted, "-vv")
    assert done.returncode == 0, done.stderr
    for secret in ALL:
        assert secret not in done.stdout + done.stderr
        assert not any(secret in line for line in arguments)
        for path in person.home.rglob("*"):
            if path.is_file():
                assert secret.encode() not in path.read_bytes(), path


@pytest.mark.parametrize("key", ["source.index", "source.mirror", "source.proxy"])
def test_an_answer_with_a_password_is_refused_without_repeating_it(key: str, person: Person) -> None:
    done = person.torchup("setup", "--yes", "--set", f"{key}=http://ann:{TYPED}@127.0.0.1:9/simple")
    assert done.returncode == 2
    assert key in done.stderr
    assert TYPED not in done.stdout + done.stderr


# Made up, and of the shapes that services give theirs.
TOKENS = (
    "hf_QwErTyUiOpAsDfGhJkLzXcVbNm01234567",
    "ghp_0123456789abcdefghijABCDEFGHIJ012345",
    "sk-proj-0123456789abcdefghijABCDEFGHIJ",
    "AKIA0123456789ABCDEF",
    "glpat-0123456789abcdefghij",
    "nvapi-0123456789abcdefghijABCDEFGHIJ0123456789",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N",
)
TOLD = " ".join(
    (*TOKENS, "password=hunter2-xx", "Authorization: Bearer hunter2-xx", "https://h.example/a.whl?sig=hunter2-x")
)
LEAKS = (*TOKENS, "hunter2")


def leaks(text: str) -> list[str]:
    return [leak for leak in LEAKS if leak in text]


def test_tokens_of_other_programs_are_in_no_report_log_or_error(person: Person, index: WheelIndex) -> None:
    """Nobody gave them to torchup: they stand in what the installer prints."""
    answers = person.answers(
        f"schema: 1\nsource: {{mirror: '{index.url('whl')}'}}\nverify: {{level: none}}\nshell: {{shells: none}}\n"
        "torch: {packages: [torch]}\n"
    )
    uv = person.home / "uv"
    uv.write_text(f"#!/bin/sh\necho 'error: {TOLD}' >&2\nexit 2\n", encoding="utf-8")
    uv.chmod(0o755)
    program = (
        f"import uv; uv.find_uv_bin = lambda: {str(uv)!r}\nimport sys; from torchup.cli import main; main(sys.argv[1:])"
    )
    for more in ([], ["--json"], ["-vv"]):
        done = subprocess.run(
            [sys.executable, "-c", program, "setup", "--answers", answers, *more],
            env=person.environ, cwd=person.home, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode not in (0, 2)
        assert "****" in done.stderr, "the line itself is shown"
        assert not leaks(done.stdout + done.stderr)
    for path in person.home.rglob("*"):
        if path.is_file() and path != uv:
            assert not leaks(path.read_text(encoding="utf-8", errors="replace")), path


def test_tokens_in_a_pasted_log_are_not_repeated(person: Person) -> None:
    log = person.home / "log.txt"
    log.write_text(f"torch.cuda.OutOfMemoryError: CUDA out of memory. {TOLD}\n", encoding="utf-8")
    for more in ([], ["--json"]):
        done = person.torchup("doctor", "--log", str(log), *more)
        assert done.returncode == 0
        assert "****" in done.stdout
        assert not leaks(done.stdout + done.stderr)


@pytest.mark.parametrize("more", [(), ("--no-scrub",)])
def test_tokens_in_an_error_of_torch_are_in_no_report(more: tuple[str, ...], person: Person) -> None:
    python = python_with(person.home / "env", f"raise ImportError({f'libtorch failed {TOLD}'!r})")
    page = person.home / "report.html"
    done = person.torchup("verify", "--python", str(python), "--json", "--html", str(page), *more)
    assert "libtorch failed" in done.stdout
    assert not leaks(done.stdout + page.read_text(encoding="utf-8"))
    done = person.torchup("doctor", "--python", str(python), "--json", *more)
    assert not leaks(done.stdout)


def test_a_token_in_an_argument_is_not_repeated_by_the_error(person: Person) -> None:
    done = person.torchup("setup", "--yes", "--set", f"torch.version={TOKENS[0]}")
    assert done.returncode == 2
    assert not leaks(done.stdout + done.stderr)
    done = person.torchup("setup", "--answers", f"/no/{TOKENS[1]}", "--json")
    assert not leaks(done.stdout + done.stderr)
