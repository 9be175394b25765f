"""What is said of the places that packages come from: logins, redirects, plain http, hashes, and what they lack."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support.command import Person
from support.wheel_index import Body, Redirect, Status, WheelIndex

USER, PASSWORD = "ann", "netrc-Canary-9"
TORCH_ONLY = "verify: {level: none}\nshell: {shells: none}\ntorch: {packages: [torch], variant: cpu}\n"


def answers_for(person: Person, key: str, address: str) -> str:
    value = f"[{address}]" if key == "find_links" else f"'{address}'"
    index = "index: pytorch, mirror: 'http://127.0.0.1:9/whl', " if key == "find_links" else ""
    return person.answers(f"schema: 1\nsource: {{{index}{key}: {value}}}\n{TORCH_ONLY}")


def netrc(person: Person, machine: str, password: str = PASSWORD, *, name: str = ".netrc") -> Path:
    path = person.home / name
    path.write_text(f"machine {machine} login {USER} password {password}\n", encoding="utf-8")
    path.chmod(0o600)
    return path


@pytest.mark.parametrize("by_variable", [False, True])
@pytest.mark.parametrize(
    ("key", "place"), [("mirror", "whl"), ("index", "whl/cpu"), ("index", "whl"), ("find_links", "links.html")]
)
def test_netrc_serves_the_addresses_of_answers(
    key: str, place: str, by_variable: bool, person: Person, index: WheelIndex
) -> None:
    """torchup itself asks with the login, and so do its children, to whom the same file is known."""
    index.links().add("torch", "2.15.0+cpu")
    index.require_login(f"/{place}", USER, PASSWORD)
    path = netrc(person, "127.0.0.1", name="logins" if by_variable else ".netrc")
    if by_variable:
        person.environ["NETRC"] = str(path)
    person.environ["UV_CACHE_DIR"] = str(person.home.parent / "uv-cache")
    answers = answers_for(person, key, index.url(place))
    resolved = person.torchup("resolve", "--answers", answers)
    assert resolved.returncode == 0, resolved.stdout + resolved.stderr
    done = person.torchup("setup", "--answers", answers, "-vv")
    assert done.returncode == 0, done.stderr
    assert person.installed()["torch"] == "2.15.0+cpu"
    assert PASSWORD not in resolved.stdout + resolved.stderr + done.stdout + done.stderr
    for file in person.home.rglob("*"):
        if file.is_file() and file != path:
            assert PASSWORD.encode() not in file.read_bytes(), file


@pytest.mark.parametrize(("password", "told"), [(None, "wants a login"), ("wrong-Canary", "refused the login")])
def test_a_login_that_fails_names_where_it_is_kept(
    password: str | None, told: str, person: Person, index: WheelIndex
) -> None:
    index.require_login("/whl", USER, PASSWORD)
    if password:
        netrc(person, "127.0.0.1", password)
    for command in ("resolve", "setup"):
        done = person.torchup(command, "--answers", answers_for(person, "mirror", index.url("whl")))
        said = " ".join((done.stdout + done.stderr).split())
        assert done.returncode == 7, said
        assert told in said
        assert ".netrc" in said
        assert "wrong-Canary" not in said


def test_a_login_is_not_carried_to_where_a_server_redirects(person: Person, index: WheelIndex) -> None:
    index.require_login("/whl/cpu/torch/", USER, PASSWORD)
    netrc(person, "127.0.0.1")
    index.simple("open").add("torch", "2.15.0+cpu")
    index.fault("/whl/cpu/torch/", Redirect(index.url("open/torch/", host="localhost")))
    done = person.torchup("resolve", "--answers", answers_for(person, "mirror", index.url("whl")), "--json")
    assert index.seen("/open/torch/"), done.stdout
    assert "authorization" in index.seen("/whl/cpu/torch/")[0].headers
    assert all("authorization" not in request.headers for request in index.seen("/open/"))


@pytest.mark.parametrize(
    ("to", "what"),
    [
        ("http://cdn.invalid/torch/", "could not resolve the name cdn.invalid"),
        ("http://localhost:9/x/", "localhost:9 refused"),
    ],
)
def test_the_server_that_fails_is_blamed_and_not_the_one_that_redirected(
    to: str, what: str, person: Person, index: WheelIndex
) -> None:
    index.fault("/whl/*", Redirect(to))
    for command in ("resolve", "setup"):
        done = person.torchup(command, "--answers", answers_for(person, "mirror", index.url("whl")))
        said = " ".join((done.stdout + done.stderr).split())
        assert done.returncode == 7, said
        assert what in said
        assert f"redirected to {to.split('/')[2]}" in said
        assert "did not answer" not in said, "it did"
        assert "resolve the name 127.0.0.1" not in said


def picks(person: Person, *arguments: str) -> tuple[int, str]:
    done = person.torchup("resolve", *arguments, "--json")
    resolution = json.loads(done.stdout)
    torch = resolution["torch"]
    return done.returncode, f"{torch['version']}+{torch['variant']}" if torch else ""


@pytest.mark.parametrize(
    "state", ["answers", "refuses", "redirects to nowhere", "is not there", "is offline", "has none"]
)
def test_resolve_and_setup_give_the_same_answer(state: str, person: Person, index: WheelIndex) -> None:
    address, more = index.url("whl"), ["--offline"] if state == "is offline" else []
    if state == "is not there":
        address = "http://127.0.0.1:9/whl"
    elif state == "has none":
        address = index.url("empty")
    elif state in ("refuses", "redirects to nowhere"):
        index.fault("/whl/*", Status(500) if state == "refuses" else Redirect("http://cdn.invalid/"))
    answers = person.answers(f"schema: 1\nsource: {{mirror: '{address}'}}\n{TORCH_ONLY.replace(', variant: cpu', '')}")
    status, pick = picks(person, "--answers", answers, *more)
    resolved = person.torchup("resolve", "--answers", answers, *more)
    dry = person.torchup("setup", "--answers", answers, "--dry-run", *more)
    assert dry.returncode == status == resolved.returncode == (0 if state == "answers" else 7), dry.stderr
    if status == 0:
        assert f"torch=={pick}" in dry.stdout
    else:
        assert "can be installed now" not in resolved.stdout
        assert "instead" not in resolved.stdout + dry.stderr


def test_what_the_default_index_has_is_named_with_the_command(person: Person, index: WheelIndex) -> None:
    """A machine without PyTorch's index, whose default index has a CUDA build: no dead end."""
    index.fault("/whl/*", Status(500))
    answers = person.answers(
        f"schema: 1\nsource: {{mirror: '{index.url('whl')}'}}\n{TORCH_ONLY.replace(', variant: cpu', '')}"
    )
    for command in ("resolve", "setup"):
        done = person.torchup(command, "--answers", answers)
        said = " ".join((done.stdout + done.stderr).split())
        assert done.returncode == 7
        assert f"Or take torch 2.15.0+cu132, which {index.url('simple')} offers now." in said
        assert "torchup setup --set torch.variant=cu132" in said
        assert "Make" in said
        assert "instead" not in said
    assert picks(person, "--answers", answers, "--set", "torch.variant=cu132") == (0, "2.15.0+cu132")
    done = person.torchup("setup", "--answers", answers, "--set", "torch.variant=cu132")
    assert done.returncode == 0, done.stderr
    assert "The pick is from" in " ".join(done.stderr.split())
    assert person.installed()["torch"] == "2.15.0"


@pytest.mark.parametrize("key", ["mirror", "index"])
def test_plain_http_is_said_with_its_host(key: str, person: Person, index: WheelIndex) -> None:
    """A proxy gets the whole address, so the loopback index can play one that leads to a host elsewhere."""
    host = "wheels.example"
    person.environ |= {"HTTP_PROXY": index.url().rstrip("/"), "NO_PROXY": "127.0.0.1"}
    answers = answers_for(person, key, f"http://{host}/whl")
    told = f"{host} is asked over plain http"
    checked = person.torchup("answers", "check", answers)
    assert checked.returncode == 0
    assert told in checked.stderr
    for command in (("resolve",), ("setup", "--dry-run"), ("setup",)):
        done = person.torchup(command[0], "--answers", answers, *command[1:])
        assert done.returncode == 0, done.stderr
        assert told in " ".join((done.stdout + done.stderr).split())
        assert told not in (done.stdout if "--dry-run" in command else ""), "the script holds commands only"
    data = json.loads(person.torchup("resolve", "--answers", answers, "--json").stdout)
    assert [warning["code"] for warning in data["warnings"]].count("plain-http") == 1
    plan = json.loads(person.torchup("setup", "--answers", answers, "--dry-run", "--json").stdout)
    assert [text for text in plan["warnings"] if told in text]


def test_another_source_over_plain_http_is_said_too(person: Person, index: WheelIndex) -> None:
    """Dependencies come from the extra indexes."""
    person.environ |= {"HTTP_PROXY": index.url().rstrip("/"), "NO_PROXY": "127.0.0.1"}
    person.environ["PIP_EXTRA_INDEX_URL"] = "http://extra.example/simple"
    done = person.torchup("resolve", "--answers", answers_for(person, "mirror", index.url("whl")))
    assert "extra.example is asked over plain http" in " ".join(done.stdout.split())


def test_a_loopback_address_and_a_folder_need_no_words(person: Person, index: WheelIndex) -> None:
    answers = answers_for(person, "mirror", index.url("whl"))
    assert person.torchup("answers", "check", answers).stderr == ""
    done = person.torchup("resolve", "--answers", answers, "--json")
    codes = {warning["code"] for warning in json.loads(done.stdout)["warnings"]}
    assert not codes & {"plain-http", "no-hashes"}


def test_a_source_without_hashes_is_said(person: Person, index: WheelIndex) -> None:
    page = f'<a href="/whl/cpu/{index.pytorch("cpu").wheels[1][0].filename}">{index.pytorch("cpu").wheels[1][0].filename}</a>'
    index.fault("/whl/cpu/torch/", Body(page.encode()))
    answers = answers_for(person, "mirror", index.url("whl"))
    told = f"{index.url('whl/cpu')} gives no hash for torch"
    for command in (("resolve",), ("setup", "--dry-run"), ("setup",)):
        done = person.torchup(command[0], "--answers", answers, *command[1:])
        assert done.returncode == 0, done.stderr
        assert told in " ".join((done.stdout + done.stderr).split())


def test_a_hash_that_the_index_gives_is_demanded(person: Person, index: WheelIndex) -> None:
    """The bytes behind the link are others than the page says."""
    index.pytorch("cpu").add("torch", "2.15.1+cpu", sha256="0" * 64)
    person.environ["UV_CACHE_DIR"] = str(person.home.parent / "uv-cache")
    done = person.torchup("setup", "--answers", answers_for(person, "mirror", index.url("whl")))
    assert done.returncode == 1
    assert "hash-mismatch" in done.stderr
    assert not list(person.home.glob(".venvs/torch/lib/python3*/site-packages/torch"))
