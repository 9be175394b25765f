"""pip's and uv's configuration as one value, checked against the tools themselves where that is cheap."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from torchup.model.offer import IndexSettings
from torchup.model.serial import dump
from torchup.resolve.offers import default_index as asking
from torchup.resolve.offers.default_index import default_index, find_uv
from torchup.resolve.offers.settings import connection_only, read_settings
from torchup.resolve.offers.urls import split_credentials


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = tmp_path / "home"
    home.mkdir()
    return home


def read(home: Path, environ: dict[str, str], *, ask: bool = False) -> IndexSettings:
    top = home.parent
    return read_settings(environ, home, prefix=top / "env", root=top / "root", cwd=top, system="linux", ask=ask)


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_uv_names_the_default_index_and_pip_the_extras(home: Path) -> None:
    path = write(
        home / ".config/pip/pip.conf",
        "[global]\nindex-url = https://pip.example/s\nextra-index-url = https://x.example/s/ https://both.example/s\n",
    )
    environ = {"UV_DEFAULT_INDEX": "https://uv.example/s/", "UV_INDEX": "https://both.example/s/"}
    settings = read(home, environ)
    assert settings.default_index == "https://uv.example/s"
    assert settings.extra_indexes == ("https://both.example/s", "https://x.example/s")
    assert settings.origins["default_index"] == "UV_DEFAULT_INDEX"
    assert settings.origins["extra_indexes"] == f"UV_INDEX, {path}"
    assert read(home, {}).default_index == "https://pip.example/s"


def test_credentials_leave_the_urls_and_never_show(home: Path) -> None:
    environ = {
        "PIP_INDEX_URL": "https://me:s3cret%21@pip.example/s/",
        "PIP_EXTRA_INDEX_URL": "https://token-abc@x.example/s",
        "HTTPS_PROXY": "http://pu:ppw@proxy.example:3128",
    }
    settings = read(home, environ)
    assert settings.default_index == "https://pip.example/s"
    assert settings.credentials["https://pip.example/s"] == ("me", "s3cret!")
    assert settings.credentials["https://x.example/s"] == ("token-abc", "")
    assert settings.proxy == "http://proxy.example:3128"
    assert settings.credentials["http://proxy.example:3128"] == ("pu", "ppw")
    shown = repr(settings)
    for secret in ("s3cret", "token-abc", "ppw"):
        assert secret not in shown


def test_certificates_and_proxies_in_order(home: Path) -> None:
    environ = {
        "SSL_CERT_FILE": "/ssl.pem",
        "http_proxy": "http://low:1",
        "HTTP_PROXY": "http://up:1",
        "NO_PROXY": "a,b",
    }
    settings = read(home, environ)
    assert (settings.ca_bundle, settings.proxy, settings.http_proxy) == ("/ssl.pem", None, "http://low:1")
    assert settings.no_proxy == "a,b"
    more = read(home, {**environ, "REQUESTS_CA_BUNDLE": "/req.pem", "ALL_PROXY": "http://all:1"})
    assert (more.ca_bundle, more.proxy, more.http_proxy) == ("/req.pem", "http://all:1", "http://low:1")
    most = read(home, {**environ, "PIP_CERT": "/pip.pem", "PIP_PROXY": "http://pip:1"})
    assert (most.ca_bundle, most.proxy, most.http_proxy) == ("/pip.pem", "http://pip:1", "http://pip:1")
    assert most.origins["ca_bundle"] == "PIP_CERT"


def test_no_index_leaves_find_links_only(home: Path) -> None:
    environ = {"PIP_NO_INDEX": "1", "PIP_INDEX_URL": "https://a.example/s", "PIP_FIND_LINKS": "/wheels"}
    settings = read(home, {**environ, "UV_INDEX": "https://b.example/s"}, ask=True)
    assert settings.no_index
    assert (settings.default_index, settings.extra_indexes, settings.find_links) == (None, (), ("/wheels",))
    assert settings.origins["no_index"] == "PIP_NO_INDEX"


def test_netrc_gives_a_login_to_hosts_that_have_none(home: Path) -> None:
    write(home / ".netrc", "machine a.example login joe password pw\n")
    environ = {
        "PIP_INDEX_URL": "https://a.example/s",
        "PIP_EXTRA_INDEX_URL": "https://x:y@a.example/e https://b.example/e",
    }
    settings = read(home, environ)
    assert settings.credentials["https://a.example/s"] == ("joe", "pw")
    assert settings.credentials["https://a.example/e"] == ("x", "y")
    assert "https://b.example/e" not in settings.credentials
    write(home / ".netrc", "machine a.example login\n  what ever")
    assert ".netrc" in read(home, environ).problems[0]


def test_another_machine_gets_the_way_to_the_network_alone(home: Path) -> None:
    environ = {
        "PIP_INDEX_URL": "https://me:pw@a.example/s",
        "PIP_FIND_LINKS": "/wheels",
        "HTTPS_PROXY": "http://pu:ppw@proxy.example:3128",
        "SSL_CERT_FILE": "/ssl.pem",
    }
    assert connection_only(read(home, environ)) == IndexSettings(
        proxy="http://proxy.example:3128",
        ca_bundle="/ssl.pem",
        credentials={"http://proxy.example:3128": ("pu", "ppw")},
        origins={"proxy": "HTTPS_PROXY", "ca_bundle": "SSL_CERT_FILE"},
    )


def test_settings_can_be_stored_as_json(home: Path) -> None:
    assert dump(read(home, {"PIP_INDEX_URL": "https://a.example/s"}))["default_index"] == "https://a.example/s"


def test_problems_are_passed_on(home: Path) -> None:
    path = write(home / ".config/pip/pip.conf", "nonsense")
    assert str(path) in read(home, {}).problems[0]


@pytest.mark.parametrize("location", ["/opt/a@b/wheels", "C:\\x@y", "https://h.example/@scope/x", "rel@x"])
def test_locations_without_a_login_stay_as_they_are(location: str) -> None:
    assert split_credentials(location) == (location, None)


# --- asking the tools ----------------------------------------------------------------------------------------


def test_uv_tells_its_default_index_without_network_or_configuration(home: Path, tmp_path: Path) -> None:
    environ = {"PATH": os.environ["PATH"], "HOME": str(home), "UV_DEFAULT_INDEX": "https://no.example/s"}
    index = default_index(environ, uv=None, cache=tmp_path / "cache")
    assert index is not None
    assert re.fullmatch(r"https://[^/\s]+/\S*", index)
    assert "no.example" not in index
    assert list(home.iterdir()) == []


def test_pip_is_asked_when_there_is_no_uv(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environ = {"PATH": os.environ["PATH"], "HOME": str(home)}
    from_uv = default_index(environ, uv=None, cache=None)
    monkeypatch.setattr(asking, "find_uv", lambda: None)
    assert default_index(environ, uv=None, cache=None) == from_uv


def script(path: Path, body: str) -> str:
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return str(path)


def test_the_answer_is_kept_while_the_same_uv_is_there(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    uv = script(tmp_path / "uv", f"echo x >> {tmp_path}/asked; echo '--index-url https://d.example/simple/'")
    environ = {"PATH": os.environ["PATH"]}
    for _ in range(2):
        assert default_index(environ, uv=uv, cache=cache) == "https://d.example/simple/"
    assert (tmp_path / "asked").read_text() == "x\n"
    assert default_index(environ, uv=uv, cache=cache, ask=False) == "https://d.example/simple/"
    script(tmp_path / "uv", "echo '--index-url https://other.example/simple'")
    assert default_index(environ, uv=uv, cache=cache, ask=False) is None
    assert default_index(environ, uv=uv, cache=cache) == "https://other.example/simple"
    (cache / "default-index.json").write_text("{broken")
    assert default_index(environ, uv=uv, cache=cache) == "https://other.example/simple"


def test_a_uv_that_fails_or_hangs_is_no_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environ = {"PATH": os.environ["PATH"]}
    monkeypatch.setattr(asking, "pip_command", lambda _python: [str(tmp_path / "no-pip")])
    assert default_index(environ, uv=script(tmp_path / "uv", "exit 2"), cache=None) is None
    monkeypatch.setattr(asking, "_TIME_LIMIT_S", 0.2)
    assert default_index(environ, uv=script(tmp_path / "uv", "exec sleep 20"), cache=None) is None


def test_pip_itself_reads_the_files_as_we_do(home: Path) -> None:
    write(home / ".pip/pip.conf", "[global]\nindex-url = https://legacy.example/s\nfind-links = /legacy\n")
    write(home / ".config/pip/pip.conf", "[install]\nindex-url = https://install.example/s\n[global]\ncert = /g.pem\n")
    environ = {"PATH": os.environ["PATH"], "HOME": str(home), "PIP_EXTRA_INDEX_URL": "https://e.example/s"}
    environ |= {"XDG_CONFIG_DIRS": str(home / "none"), "PYTHONWARNINGS": "ignore"}
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], env=environ, capture_output=True, text=True, check=True
    ).stdout
    told = dict(line.split("=", 1) for line in listed.splitlines() if "://" in line or "/legacy" in line)
    settings = read(home, environ)
    assert told["install.index-url"] == repr(settings.default_index)
    assert told["global.find-links"] == repr(settings.find_links[0])
    assert told[":env:.extra-index-url"] == repr(settings.extra_indexes[0])


def test_uv_itself_reads_its_file_as_we_do(home: Path) -> None:
    folder = home / ".config/uv"
    for name in ("flat", "pipwheels", "wheels", "more"):
        (folder / name).mkdir(parents=True)
    write(
        folder / "uv.toml",
        'find-links = ["wheels"]\nextra-index-url = ["https://e.example/s"]\nindex-url = "https://top.example/s"\n'
        '[[index]]\nname = "i"\nurl = "https://i.example/s"\n'
        '[pip]\nfind-links = ["pipwheels"]\nindex-url = "https://p.example/s"\n',
    )
    uv = find_uv()
    assert uv is not None
    environ = {"PATH": os.environ["PATH"], "HOME": str(home), "UV_INDEX": "n=https://n.example/s"}
    environ["UV_FIND_LINKS"] = str(folder / "more")
    emit = [
        "--emit-index-url",
        "--emit-find-links",
        "--no-header",
        "--offline",
        "--no-cache",
        "--python",
        sys.executable,
    ]
    printed = subprocess.run(
        [uv, "pip", "compile", "-", *emit], input="", cwd=home, env=environ, capture_output=True, text=True, check=True
    ).stdout
    options = [line.split(" ", 1) for line in printed.splitlines() if line.startswith("--")]
    settings = read(home, environ)
    assert [value for name, value in options if name == "--index-url"] == [settings.default_index]
    assert [value for name, value in options if name == "--extra-index-url"] == list(settings.extra_indexes)
    links = [str(folder / value) for name, value in options if name == "--find-links"]
    assert links == list(settings.find_links)
