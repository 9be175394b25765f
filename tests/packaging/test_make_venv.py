"""The checkout's own environment: what is locked, by uv or by pip, from where this machine takes its packages."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from uv import find_uv_bin

from support.tools import latin_1
from support.wheel_index import StubWheel, WheelIndex, stub_wheel

INSTALLER = Path(__file__).parents[2] / "installer"
PYPROJECT = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n[project]\nname = "ours"\n'
# A whole build backend: an editable install of a package with a version and nothing in it.
BACKEND = """
import zipfile
from pathlib import Path

def build_editable(folder, config_settings=None, metadata_directory=None):
    name = "ours-1.0-py3-none-any.whl"
    with zipfile.ZipFile(Path(folder) / name, "w") as archive:
        archive.writestr("ours.pth", str(Path(__file__).parent))
        archive.writestr("ours-1.0.dist-info/METADATA", "Metadata-Version: 2.1\\nName: ours\\nVersion: 1.0\\n")
        archive.writestr("ours-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        archive.writestr("ours-1.0.dist-info/RECORD", "")
    return name
"""
UNIVERSAL = ("py3", "none", "any")


@dataclass
class Checkout:
    """A small project with torchup's own way to make its environment, and a person without configuration."""

    folder: Path
    index: WheelIndex
    environ: dict[str, str] = field(default_factory=dict)

    @property
    def python(self) -> Path:
        return self.folder / ".venv" / "bin" / "python"

    @property
    def home(self) -> Path:
        return self.folder.parent / "home"

    def lock(self, *wheels: StubWheel, kind: str = "run") -> None:
        locks = self.folder / "installer" / "locks"
        lines = [f"{wheel.project}=={wheel.version} \\\n    --hash=sha256:{wheel.sha256}\n" for wheel in wheels]
        (locks / f"{kind}.txt").write_text("# Made\n" + "".join(lines))

    def make(self, kind: str = "run", **environ: str) -> subprocess.CompletedProcess[str]:
        base = Path(sys.executable).resolve()  # a system's Python, as people have it
        return subprocess.run(
            ["sh", str(self.folder / "installer" / "make-venv.sh"), str(self.folder / ".venv"), kind],
            cwd=self.folder,
            env={**self.environ, "PYTHON": str(base), **environ},
            capture_output=True,
            text=True,
            check=False,
        )

    def installed(self) -> dict[str, str]:
        """Ask the environment itself."""
        script = "import importlib.metadata as m; [print(d.name, d.version) for d in m.distributions()]"
        listed = subprocess.run([self.python, "-c", script], capture_output=True, text=True, check=True).stdout
        found = dict(line.split() for line in listed.splitlines())
        return {name: version for name, version in found.items() if name not in ("pip", "setuptools")}

    def put_uv_on_path(self, script: str = "") -> Path:
        """Put a uv on PATH that keeps its arguments and environment; `script` may stop it before it works."""
        tools, log = self.folder.parent / "tools", self.folder.parent / "uv.log"
        tools.mkdir()
        (tools / "uv").write_text(
            f'#!/bin/sh\n{{ echo "$@"; env; }} >>{log}\n[ "$1" = --version ] && exit 0\n{script}\nexec {find_uv_bin()} "$@"\n'
        )
        (tools / "uv").chmod(0o755)
        self.environ["PATH"] = f"{tools}:{self.environ['PATH']}"
        return log


@pytest.fixture
def index() -> Iterator[WheelIndex]:
    with WheelIndex() as server:
        yield server


@pytest.fixture(scope="session")
def empty_environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with pip and nothing else; making one takes the longest part of it all."""
    folder = tmp_path_factory.mktemp("empty") / "venv"
    subprocess.run([Path(sys.executable).resolve(), "-m", "venv", str(folder)], check=True)
    return folder


@pytest.fixture
def checkout(tmp_path: Path, index: WheelIndex, empty_environment: Path) -> Checkout:
    made = Checkout(tmp_path / "checkout", index)
    (made.folder / "installer" / "locks").mkdir(parents=True)
    for name in ("make-venv.sh", "make_venv.py", "package_sources.py"):
        shutil.copy(INSTALLER / name, made.folder / "installer")
    (made.folder / "pyproject.toml").write_text(PYPROJECT + 'version = "1.0"\n')
    (made.folder / "backend.py").write_text(textwrap.dedent(BACKEND))
    made.home.mkdir()
    shutil.copytree(empty_environment, made.folder / ".venv", symlinks=True)
    made.environ = {
        "HOME": str(made.home),
        "PATH": "/usr/bin:/bin",
        "UV_CACHE_DIR": str(tmp_path / "cache"),
        "PIP_INDEX_URL": index.url("simple"),
        "PIP_CONFIG_FILE": os.devnull,
    }
    one, two = stub_wheel("one", "1.0", tags=UNIVERSAL, requires=["two"]), stub_wheel("two", "2.0", tags=UNIVERSAL)
    index.simple().put(one).add("one", "1.1", tags=UNIVERSAL).put(two).add("two", "3.0", tags=UNIVERSAL)
    made.lock(one, two)
    made.lock(kind="build")
    return made


def uv_wheel() -> StubWheel:
    """A package that brings the real uv, as the real one does."""
    script = f'#!/bin/sh\nexec {find_uv_bin()} "$@"\n'
    return stub_wheel("uv", "0.1", tags=UNIVERSAL, files={"uv-0.1.data/scripts/uv": script})


def test_uv_installs_what_is_locked_and_not_what_is_newest(checkout: Checkout) -> None:
    log = checkout.put_uv_on_path()
    done = checkout.make()
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert checkout.installed() == {"one": "1.0", "two": "2.0", "ours": "1.0"}
    assert "--require-hashes" in log.read_text()


def test_without_uv_pip_brings_the_locked_one_and_it_does_the_rest(checkout: Checkout, index: WheelIndex) -> None:
    index.simple().put(uv_wheel())
    one, two = stub_wheel("one", "1.0", tags=UNIVERSAL, requires=["two"]), stub_wheel("two", "2.0", tags=UNIVERSAL)
    checkout.lock(one, two, uv_wheel())
    done = checkout.make()
    assert (done.returncode, done.stderr) == (0, "")
    assert checkout.installed() == {"one": "1.0", "two": "2.0", "uv": "0.1", "ours": "1.0"}
    agents = {request.path: request.headers.get("user-agent", "") for request in index.seen("/simple/")}
    assert agents["/simple/uv/"].startswith(("pip/", "uv/"))
    assert agents["/simple/two/"].startswith("uv/")


def test_where_uv_fails_pip_does_it_by_the_same_hashes(checkout: Checkout) -> None:
    checkout.put_uv_on_path("echo 'error: I do not know your sources' >&2; exit 2")
    done = checkout.make()
    assert (done.returncode, done.stderr) == (0, "")
    assert checkout.installed() == {"one": "1.0", "two": "2.0", "ours": "1.0"}


def test_pip_does_not_go_round_a_policy_of_uv(checkout: Checkout) -> None:
    checkout.put_uv_on_path()
    done = checkout.make(UV_EXCLUDE_NEWER="2000-01-01T00:00:00Z")
    assert done.returncode == 6
    assert not checkout.index.seen("/files/")


@pytest.mark.parametrize("by_pip", [False, True])
def test_another_file_under_the_same_name_is_refused(checkout: Checkout, by_pip: bool) -> None:
    checkout.put_uv_on_path("exit 2" if by_pip else "")
    checkout.lock(stub_wheel("one", "1.0", tags=UNIVERSAL, files={"one/other.py": ""}))
    done = checkout.make()
    assert done.returncode == 6
    assert "A file is not the one that is locked." in done.stderr
    assert "one" not in checkout.installed()


SOURCES = {
    "pip.conf": "[global]\nindex-url = {simple}\n",
    "of install alone": "[global]\nindex-url = http://127.0.0.1:9/\n[install]\nindex-url = {simple}\n",
    "an extra index": "[global]\nindex-url = {empty}\nextra-index-url =\n    {empty}\n    {simple}\n",
    "a folder": "[global]\nno-index = true\nfind-links = {folder} {folder}\n",
    "what would go elsewhere": "[global]\nindex-url = {simple}\n[install]\nuser = true\ntarget = /nowhere\nno-deps = true\n",
    "constraints and formats": "[global]\nindex-url = {simple}\nno-binary = :all:\nconstraint = /nowhere.txt\n",
}


@pytest.mark.parametrize(
    ("name", "by_pip"),
    [*((name, False) for name in SOURCES), ("an extra index", True), ("what would go elsewhere", True)],
)
def test_packages_come_from_where_pip_is_configured_to_look(checkout: Checkout, name: str, by_pip: bool) -> None:
    checkout.put_uv_on_path("exit 2" if by_pip else "")
    del checkout.environ["PIP_INDEX_URL"], checkout.environ["PIP_CONFIG_FILE"]
    for wheel in (stub_wheel("one", "1.0", tags=UNIVERSAL, requires=["two"]), stub_wheel("two", "2.0", tags=UNIVERSAL)):
        wheel.write(checkout.folder.parent / "wheels")
    checkout.index.simple("empty").add("unrelated", "1.0", tags=UNIVERSAL)
    configured = checkout.home / ".config" / "pip" / "pip.conf"
    configured.parent.mkdir(parents=True)
    known = {"simple": checkout.index.url("simple"), "empty": checkout.index.url("empty")}
    configured.write_text(SOURCES[name].format(**known, folder=checkout.folder.parent / "wheels"))
    done = checkout.make()
    assert (done.returncode, done.stderr) == (0, "")
    assert checkout.installed() == {"one": "1.0", "two": "2.0", "ours": "1.0"}


def test_what_uv_was_told_goes_before_what_pip_knows(checkout: Checkout) -> None:
    checkout.put_uv_on_path()
    settings = checkout.home / ".config" / "uv" / "uv.toml"
    settings.parent.mkdir(parents=True)
    settings.write_text(f'[[index]]\nurl = "{checkout.index.url("simple")}"\ndefault = true\n')
    done = checkout.make(PIP_INDEX_URL="http://127.0.0.1:9/simple")
    assert (done.returncode, done.stderr) == (0, "")


def test_variables_that_would_change_what_is_done_reach_nobody(checkout: Checkout) -> None:
    log = checkout.put_uv_on_path()
    odd = {"PIP_TARGET": "/nowhere", "PIP_USER": "1", "PIP_PYTHON": "/nowhere", "PIP_REQUIREMENT": "/nowhere"}
    odd |= {"UV_SYSTEM_PYTHON": "1", "UV_PYTHON": "3.1", "UV_NO_BINARY": "1", "PYTHONPATH": "/nowhere"}
    done = checkout.make(**odd)
    assert (done.returncode, done.stderr) == (0, "")
    seen = log.read_text()
    assert not [name for name in odd if f"\n{name}=" in seen.partition("pip install")[2]]


@pytest.mark.parametrize("by_pip", [False, True], ids=["uv", "pip"])
def test_a_login_is_used_and_never_shown(checkout: Checkout, index: WheelIndex, by_pip: bool) -> None:
    log = checkout.put_uv_on_path("exit 2" if by_pip else "")
    index.require_login("/simple/", "ann", "s3cret")
    assert checkout.make(PIP_INDEX_URL=index.url("simple", user="ann:s3cret")).returncode == 0
    checkout.lock(stub_wheel("three", "1", tags=UNIVERSAL))
    done = checkout.make(PIP_INDEX_URL=index.url("simple", user="ann:wr0ng"))
    assert done.returncode == 6
    # pip does not tell this from a package that is not there.
    assert ("wants a login, or" if by_pip else "The package index wants a login") in done.stderr
    kept = checkout.folder / ".venv" / "prepare.log"
    assert "wr0ng" not in done.stderr + kept.read_text()
    assert kept.stat().st_mode & 0o777 == 0o600
    assert not [line for line in log.read_text().splitlines() if line.startswith("pip ") and "s3cret" in line]


def test_a_configuration_that_pip_cannot_read_stops_it(checkout: Checkout) -> None:
    checkout.put_uv_on_path()
    broken = checkout.home / "broken.conf"
    broken.write_text("index-url = nothing\n")
    done = checkout.make(PIP_CONFIG_FILE=str(broken))
    assert done.returncode == 6
    assert "pip cannot read its own configuration" in done.stderr
    assert "broken.conf" in done.stderr


def test_a_source_out_of_reach_is_said_in_a_few_lines(checkout: Checkout) -> None:
    checkout.put_uv_on_path()
    done = checkout.make(PIP_INDEX_URL="http://127.0.0.1:9/simple", UV_HTTP_RETRIES="0", PIP_RETRIES="0")
    assert done.returncode == 6
    assert "The package index cannot be reached." in done.stderr
    assert len(done.stderr.splitlines()) <= 6


# What pip 23.2 and uv 0.13 say, shortened to what matters.
RETRY = "WARNING: Retrying (Retry(total=0)) after connection broken by "
UNSEEN = "ERROR: No matching distribution found for six\n"
SAID = {
    "error: Failed to fetch\n  cause: error sending request for url (https://a/b)\n  cause: dns error": "could not be looked up",
    f"{RETRY}'NewConnectionError('<p.C object at 0x7f>: [Errno -2] Name or service not known')'\n{UNSEEN}": "looked up",
    "  cause: client error (Connect)\n  cause: tcp connect error\n  cause: Connection refused (os error 111)": "reached",
    f"{RETRY}'ReadTimeoutError(\"Read timed out. (read timeout=15)\")': /simple/six/\n{UNSEEN}": "reached",
    "  cause: client error (Connect)\n  cause: invalid peer certificate: UnknownIssuer": "certificate",
    f"{RETRY}'SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED]'))'\n{UNSEEN}": "certificate",
    "  cause: tunnel error: failed to create underlying connection\n  cause: tcp connect error": "proxy",
    f"{RETRY}'ProxyError('Cannot connect to proxy.', OSError('Tunnel connection failed: 407'))'\n{UNSEEN}": "proxy",
    "hint: An index URL (http://a/simple) could not be queried (401 Unauthorized)": "wants a login",
    "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.": "not the one that is locked",
    "error: Hash mismatch for `one==1.0`": "not the one that is locked",
    "ERROR: Could not find a version that satisfies six==1 (from versions: none)\n" + UNSEEN: "gave none of its files",
    "ERROR: Could not find a version that satisfies six==1 (from versions: 2, 3)\n" + UNSEEN: "lacks a version",
    "Looking in indexes: https://proxy.example/simple\nerror: No space left on device (os error 28)": "no space left",
    "error: something else": "not known here",
}


@pytest.mark.parametrize("said", SAID)
def test_the_cause_is_read_from_what_the_tools_say(said: str) -> None:
    told = module().explained(f"$ pip install --index-url https://proxy.example/\n{said}")
    assert SAID[said] in told.splitlines()[0]
    assert len(told.splitlines()) == 3


def module() -> ModuleType:
    """Load installer/make_venv.py, which is no part of the package."""
    spec = importlib.util.spec_from_file_location("make_venv", INSTALLER / "make_venv.py")
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def test_a_python_that_makes_no_environments_is_named_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As Debian's python3 without python3-venv, on a machine with nothing else that could."""
    made = module()

    def debian_says(self: Any, argv: list[str], environ: object = None) -> bool:
        del environ
        self.said.append("The virtual environment was not created successfully because ensurepip is not\navailable.")
        return "--without-pip" in argv

    monkeypatch.setattr(made.Preparation, "run", debian_says)
    with pytest.raises(made.PreparationError, match="sudo apt install python3-venv") as caught:
        made.Preparation(tmp_path / "venv", "run", {}).make_folder()
    assert len(str(caught.value).splitlines()) == 2
    assert "not created successfully" not in str(caught.value)
    assert not (tmp_path / "venv").exists()


def test_a_second_time_repairs_what_was_left(checkout: Checkout) -> None:
    checkout.put_uv_on_path()
    checkout.lock(stub_wheel("one", "9", tags=UNIVERSAL))
    assert checkout.make().returncode == 6
    checkout.lock(stub_wheel("two", "2.0", tags=UNIVERSAL))
    assert checkout.make().returncode == 0
    assert checkout.installed() == {"two": "2.0", "ours": "1.0"}


@pytest.mark.parametrize("by_pip", [False, True], ids=["uv", "pip"])
@pytest.mark.parametrize("of", ["C", "Latin-1"])
def test_a_checkout_below_letters_that_the_locale_lacks(
    checkout: Checkout, tmp_path: Path, of: str, by_pip: bool
) -> None:
    """Python up to 3.12 does not start where an editable install names such a folder under LC_ALL=C."""
    locale = latin_1(tmp_path / "locales") if of == "Latin-1" else {"LC_ALL": of}
    checkout.put_uv_on_path("exit 2" if by_pip else "")
    checkout.folder = checkout.folder.rename(tmp_path / "üben 学")
    for _ in range(2):
        done = checkout.make(**locale)
        assert (done.returncode, done.stderr) == (0, "")
        ours = [str(checkout.python), "-c", "import backend; print(ascii(backend.__file__[-10:]))"]
        environ = {**checkout.environ, **locale}
        found = subprocess.run(ours, cwd="/", env=environ, capture_output=True, text=True, check=False)
        assert (found.stdout, found.stderr) == ("'backend.py'\n", "")
