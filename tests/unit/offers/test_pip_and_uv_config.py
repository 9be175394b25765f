"""Configuration files and variables of pip and uv, in their own formats."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from torchup.model.facts import System
from torchup.resolve.offers import pip_config, uv_config
from torchup.resolve.offers.configured import Configured


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def pip(home: Path, environ: dict[str, str] | None = None, *, system: System = "linux") -> Configured:
    root = home.parent / "root"
    prefix, cwd = home.parent / "env", home.parent / "cwd"
    return pip_config.read_pip(environ or {}, home, prefix=prefix, system=system, root=root, cwd=cwd)


def uv(home: Path, environ: dict[str, str] | None = None, *, system: System = "linux") -> Configured:
    return uv_config.read_uv(environ or {}, home, system=system, root=home.parent / "root", cwd=home.parent / "cwd")


def values(settings: tuple[tuple[str, str], ...]) -> list[str]:
    return [value for value, _ in settings]


def test_pip_files_override_each_other_in_pips_order(home: Path) -> None:
    top = home.parent
    write(top / "root/etc/xdg/pip/pip.conf", "[global]\nindex-url = https://xdg.example/s\ncert = /xdg.pem\n")
    etc = write(top / "root/etc/pip.conf", "[global]\nindex-url = https://etc.example/s\nproxy = http://p.example:1\n")
    write(home / ".pip/pip.conf", "[global]\nindex-url = https://legacy.example/s\nfind-links = /legacy\n")
    user = write(home / ".config/pip/pip.conf", "[global]\nindex-url = https://user.example/s\n")
    read = pip(home)
    assert read.index == ("https://user.example/s", str(user))
    assert read.proxy == ("http://p.example:1", str(etc))
    assert read.certificate is not None
    assert read.certificate.value == "/xdg.pem"
    assert values(read.find_links) == ["/legacy"]
    site = write(top / "env/pip.conf", "[install]\nindex-url = https://site.example/s\n")
    assert pip(home).index == ("https://site.example/s", str(site))
    assert pip(home, {"PIP_INDEX_URL": "https://env.example/s"}).index == ("https://env.example/s", "PIP_INDEX_URL")


def test_install_section_wins_over_global_and_other_sections_do_not_count(home: Path) -> None:
    text = "[install]\nextra-index-url = https://i.example/s\n[global]\nextra_index_url = https://g.example/s\n"
    write(home / ".config/pip/pip.conf", text + "[download]\nfind-links = /d\n")
    read = pip(home)
    assert values(read.extra_indexes) == ["https://i.example/s"]
    assert read.find_links == ()


def test_lists_are_split_at_white_space_and_lines(home: Path) -> None:
    write(home / ".config/pip/pip.conf", "[global]\nfind-links =\n  /one\n  ~/two\n  rel  https://l.example/p.html\n")
    located = [str(home / "two"), str(home.parent / "cwd/rel")]
    assert values(pip(home).find_links) == ["/one", *located, "https://l.example/p.html"]


def test_an_empty_variable_does_not_hide_a_file(home: Path) -> None:
    write(home / ".config/pip/pip.conf", "[global]\nfind-links = /one\nindex-url =\n")
    read = pip(home, {"PIP_FIND_LINKS": ""})
    assert values(read.find_links) == ["/one"]
    assert read.index is None


def test_pip_config_file_replaces_the_users_files_and_devnull_all(home: Path) -> None:
    write(home.parent / "root/etc/pip.conf", "[global]\nproxy = http://etc.example:1\n")
    write(home / ".config/pip/pip.conf", "[global]\nindex-url = https://user.example/s\n")
    named = write(home.parent / "named.conf", "[global]\nfind-links = /named\n")
    read = pip(home, {"PIP_CONFIG_FILE": str(named)})
    assert (read.index, values(read.find_links)) == (None, ["/named"])
    assert read.proxy is not None
    assert pip(home, {"PIP_CONFIG_FILE": os.devnull}) == Configured()


@pytest.mark.parametrize(("value", "set_"), [("1", True), ("true", True), ("no", False), ("0", False)])
def test_no_index_is_a_switch(home: Path, value: str, set_: bool) -> None:
    assert (pip(home, {"PIP_NO_INDEX": value}).no_index is not None) is set_


def test_windows_and_macos_places(home: Path) -> None:
    data = home / "AppData/Roaming"
    write(data / "pip/pip.ini", "[global]\nindex-url = https://win.example/s\n")
    windows = pip(home, {"APPDATA": str(data)}, system="windows")
    assert windows.index is not None
    assert windows.index.value == "https://win.example/s"
    write(home / "Library/Application Support/pip/pip.conf", "[global]\nindex-url = https://mac.example/s\n")
    mac = pip(home, system="darwin")
    assert mac.index is not None
    assert mac.index.value == "https://mac.example/s"


@pytest.mark.parametrize("text", ["index-url = https://no.section\n", "[global]\n[global]\nx\n", "[global\n"])
def test_a_broken_pip_file_is_named_and_the_others_count(home: Path, text: str) -> None:
    broken = write(home.parent / "root/etc/pip.conf", text)
    write(home / ".config/pip/pip.conf", "[global]\nindex-url = https://user.example/s\n")
    read = pip(home)
    assert read.index is not None
    assert len(read.problems) == 1
    assert str(broken) in read.problems[0]


def test_a_file_that_is_not_text_is_named(home: Path) -> None:
    path = home / ".config/pip/pip.conf"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"\xff\xfe\x00")
    assert str(path) in pip(home).problems[0]
    (home / ".pip/pip.conf").mkdir(parents=True)
    assert len(pip(home).problems) == 2


UV_TOML = """
find-links = ["./wheels", "https://f.example/p.html"]
extra-index-url = ["https://extra.example/s"]
[[index]]
name = "plain"
url = "https://plain.example/s"
[[index]]
name = "flat"
url = "flatdir"
format = "flat"
[[index]]
name = "only-torch"
url = "https://explicit.example/s"
explicit = true
[[index]]
name = "corp-main"
url = "https://corp.example/s"
default = true
[pip]
find-links = ["pipwheels"]
"""


def test_uv_file(home: Path) -> None:
    path = write(home / ".config/uv/uv.toml", UV_TOML)
    login = {"UV_INDEX_CORP_MAIN_USERNAME": "me", "UV_INDEX_CORP_MAIN_PASSWORD": "pw"}
    read = uv(home, login)
    assert read.index == ("https://corp.example/s", str(path))
    assert values(read.extra_indexes) == ["https://plain.example/s", "https://extra.example/s"]
    folder = path.parent
    located = [str(folder / name) for name in ("flatdir", "pipwheels", "wheels")]
    assert values(read.find_links) == [*located, "https://f.example/p.html"]
    assert read.logins == (("https://corp.example/s", "me", "pw"),)


def test_uv_pip_table_wins_and_variables_win_over_files(home: Path) -> None:
    text = 'index-url = "https://top.example/s"\nno-index = false\n[pip]\nindex-url = "https://pip.example/s"\n'
    write(home / ".config/uv/uv.toml", text + "no-index = true\n")
    read = uv(home)
    assert read.index is not None
    assert read.index.value == "https://pip.example/s"
    assert read.no_index is not None
    both = {"UV_DEFAULT_INDEX": "main=https://new.example/s", "UV_INDEX_URL": "https://old.example/s"}
    assert uv(home, both).index == ("https://new.example/s", "UV_DEFAULT_INDEX")
    assert uv(home, {"UV_INDEX_URL": "https://old.example/s"}).index == ("https://old.example/s", "UV_INDEX_URL")


def test_uv_variables_have_their_own_separators(home: Path) -> None:
    environ = {
        "UV_INDEX": "corp=https://a.example/s https://b.example/s",
        "UV_EXTRA_INDEX_URL": "https://c.example/s  https://d.example/s",
        "UV_FIND_LINKS": "/with space,rel",
        "UV_INDEX_CORP_USERNAME": "u",
        "UV_INDEX_CORP_PASSWORD": "p",
    }
    read = uv(home, environ)
    assert values(read.extra_indexes) == [f"https://{name}.example/s" for name in "abcd"]
    assert values(read.find_links) == ["/with space", str(home.parent / "cwd/rel")]
    assert read.logins == (("https://a.example/s", "u", "p"),)


def test_uv_user_file_comes_before_the_systems_and_lists_are_joined(home: Path) -> None:
    write(home / ".config/uv/uv.toml", 'extra-index-url = ["https://u.example/s"]\n')
    text = (
        'index-url = "https://sys.example/s"\nextra-index-url = ["https://e.example/s"]\nhttps-proxy = "http://p:1"\n'
    )
    write(home.parent / "root/etc/uv/uv.toml", text)
    read = uv(home)
    assert values(read.extra_indexes) == ["https://u.example/s", "https://e.example/s"]
    assert read.index is not None
    assert read.proxy is not None
    assert uv(home, {"UV_NO_CONFIG": "1"}) == Configured()
    named = write(home.parent / "named.toml", 'index-url = "https://named.example/s"\n')
    only = uv(home, {"UV_CONFIG_FILE": str(named)})
    assert only.index == ("https://named.example/s", str(named))
    assert only.extra_indexes == ()


def test_a_broken_uv_file_is_named(home: Path) -> None:
    path = write(home / ".config/uv/uv.toml", "index-url = [")
    read = uv(home, {"UV_INDEX_URL": "https://env.example/s"})
    assert str(path) in read.problems[0]
    assert read.index is not None


def test_uv_entries_of_a_wrong_type_do_not_raise(home: Path) -> None:
    write(home / ".config/uv/uv.toml", 'index = [3]\npip = 4\nfind-links = [5, ""]\nextra-index-url = 6\n')
    assert uv(home).find_links == ()
