"""Fresh Debian systems with what the README asks for and nothing else, an ordinary person, and the README's words."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.debian_root import FRESH, REPOSITORY, DebianRoot, debian_root
from support.wheel_index import WheelIndex

pytestmark = pytest.mark.xdist_group("debian")
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
ANNA = "anna"


@pytest.fixture(params=["bookworm", "trixie"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[DebianRoot]:
    """Enter a system with a person in it whose home is empty."""
    with debian_root(request.param, tmp_path, packages=FRESH) as made:
        made.run("useradd", "--create-home", "--skel", "/nonexistent", "--shell", "/bin/bash", ANNA)
        bundle = tmp_path / "torchup.bundle"
        subprocess.run(["git", "-C", str(REPOSITORY), "bundle", "create", "--quiet", str(bundle), "HEAD"], check=True)
        made.put("/srv/torchup.bundle", bundle.read_bytes())
        made.environment |= sources_of_this_machine(made)
        yield made


def sources_of_this_machine(root: DebianRoot) -> dict[str, str]:
    """Give what an administrator would configure: this machine's index, proxy and certificates."""
    sys.path.insert(0, str(REPOSITORY / "installer"))
    try:
        from package_sources import pip_of, read_sources
    finally:
        sys.path.pop(0)
    known = read_sources(pip_of(sys.executable), os.environ).settings
    kept = {name: os.environ[name] for name in os.environ if name.lower().endswith("_proxy")}
    kept |= {
        f"PIP_{name.upper().replace('-', '_')}": known[name] for name in ("index-url", "trusted-host") if name in known
    }
    own = Path(known.get("cert", CERTIFICATES))
    if own.exists():
        root.put(CERTIFICATES, own.read_bytes())
        kept |= {"PIP_CERT": CERTIFICATES, "SSL_CERT_FILE": CERTIFICATES}
    return kept


def say(root: DebianRoot, words: str, *, seconds: float = 900) -> subprocess.CompletedProcess[str]:
    """Type a line as the person does, in a shell of hers, without a terminal; others of her group may write."""
    line = f"cd ~ && umask 002 && [ ! -d torchup ] || cd torchup; {words}"
    return root.run("sh", "-c", line, user=ANNA, check=False, seconds=seconds)


def home(root: DebianRoot) -> str:
    """List the home without the checkout and what torchup and the tools keep for themselves."""
    leave = " -o ".join(f"-path ./{name}" for name in ("torchup", ".cache", ".local"))
    script = f"cd ~ && find . \\( {leave} \\) -prune -o -printf '%P %M %u %l\\n' | LC_ALL=C sort"
    return root.run("sh", "-c", script, user=ANNA).stdout


@pytest.fixture
def index() -> Iterator[WheelIndex]:
    """PyTorch's index, with stand-ins that are no gigabyte."""
    with WheelIndex() as server:
        for python in ("cp311", "cp313"):
            tags = (python, python, "manylinux_2_28_x86_64")
            server.pytorch("cpu").add("torch", "2.15.0+cpu", tags=tags).add("torchvision", "0.30.0+cpu", tags=tags)
        yield server


def test_the_words_of_the_readme(root: DebianRoot, index: WheelIndex) -> None:
    cloned = say(root, "git clone --quiet /srv/torchup.bundle torchup")
    assert cloned.returncode == 0, cloned.stderr
    before = home(root)
    # A stand-in passes no tensor test.
    flags = f"--set source.mirror={index.url('whl')} --set verify.level=none"
    shown = say(root, f"make dry-run SETUP_FLAGS={shlex.quote(flags)}")
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.startswith("#!/bin/sh")
    assert home(root) == before
    done = say(root, f"make setup SETUP_FLAGS={shlex.quote(flags)}")
    assert done.returncode == 0, done.stderr
    version = say(root, "~/.venvs/torch/bin/python -c 'import torch; print(torch.__version__)'")
    assert version.stdout == "2.15.0+cpu\n", version.stderr
    status = say(root, ".venv/bin/torchup status")
    assert status.returncode == 0, status.stderr
    again = say(root, f"make setup SETUP_FLAGS={shlex.quote(flags)}")
    assert again.returncode == 0, again.stderr
    yes = "--yes" if "--yes" in say(root, ".venv/bin/torchup undo --help").stdout else ""
    undone = say(root, f".venv/bin/torchup undo {yes}")
    assert undone.returncode == 0, undone.stdout + undone.stderr
    assert home(root) == before


PARTS = {"bookworm": "tests/unit/cli tests/unit/detect tests/unit/verify tests/unit/wizard", "trixie": "tests/unit"}
"""What of the quick tests is run: all in the newer system, in the older one what looks at the machine or starts it."""


def test_the_quick_tests_pass_or_skip(root: DebianRoot, request: pytest.FixtureRequest) -> None:
    part = PARTS[request.node.callspec.params["root"]]
    assert say(root, "git clone --quiet /srv/torchup.bundle torchup").returncode == 0
    command = "make test-quick" if part == "tests/unit" else f"make .venv/dev.stamp && .venv/bin/pytest -n 2 -q {part}"
    done = say(root, command, seconds=2400)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr


def test_a_checkout_below_letters_that_the_locale_lacks(root: DebianRoot, index: WheelIndex) -> None:
    root.environment["LC_ALL"] = "C"
    root.environment.pop("LANG")
    inside = "mkdir üben && cd üben && git clone --quiet /srv/torchup.bundle torchup && cd torchup"
    flags = f"--set source.mirror={index.url('whl')}"
    done = say(root, f"{inside} && make dry-run SETUP_FLAGS={shlex.quote(flags)}")
    assert done.returncode == 0, done.stderr
    assert "/üben/torchup/.venv/bin/torchup" in done.stdout


def test_without_python3_venv_the_missing_package_is_named_once(root: DebianRoot) -> None:
    root.run("sh", "-c", "dpkg --remove $(dpkg-query --show --showformat '${Package} ' 'python3*-venv')")
    assert say(root, "git clone --quiet /srv/torchup.bundle torchup").returncode == 0
    done = say(root, "make setup")
    assert done.returncode == 2
    assert (done.stdout + done.stderr).count("python3-venv") == 1
    assert "ensurepip" not in done.stdout + done.stderr
    assert len(done.stderr.splitlines()) <= 5


def test_without_a_network_the_reason_is_said_in_a_few_lines(tmp_path: Path) -> None:
    with debian_root("trixie", tmp_path, packages=FRESH, network=False) as root:
        root.run("useradd", "--create-home", "--skel", "/nonexistent", ANNA)
        bundle = tmp_path / "torchup.bundle"
        subprocess.run(["git", "-C", str(REPOSITORY), "bundle", "create", "--quiet", str(bundle), "HEAD"], check=True)
        root.put("/srv/torchup.bundle", bundle.read_bytes())
        assert say(root, "git clone --quiet /srv/torchup.bundle torchup").returncode == 0
        done = say(root, "make setup")
    assert done.returncode == 2
    assert "The name of the package index could not be looked up" in done.stderr
    assert "hatchling" not in done.stdout + done.stderr
    assert len(done.stderr.splitlines()) <= 8
