"""nushell, for real: Debian has no package of it, but npm serves its own release."""

from __future__ import annotations

import json
import os
import subprocess
import tarfile
from pathlib import Path

import pytest

from support.command import SHARED_UV_CACHE, Person
from support.tools import require
from torchup.shell.block_body import block_body
from torchup.shell.env_files import ShellEnvironment, render_env_file
from torchup.shell.kinds import CONFIGURED, SPOKEN
from torchup.shell.kinds.kind import StartMode
from torchup.verify.shell_start import ShellReading, ask_profile, read_variables
from torchup.verify.shell_syntax import parse_check

RELEASE = "0.115.1"
QUOTE = SPOKEN["nushell"].quote
ROOTS = (
    "/opt/cuda",
    "/opt/my cuda",
    "/opt/it's",
    "/opt/a$HOME `id` (pwd) b",
    "/opt/q\"u\\o'te",
    "/opt/ünï",
    "/opt/-e#{}",
)


@pytest.fixture(scope="module", autouse=True)
def nu(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Put the release on PATH, from the cache of the tests."""
    kept = SHARED_UV_CACHE.parent / f"nushell-{RELEASE}"
    program = kept / "package/bin/nu"
    if not program.exists():
        folder = tmp_path_factory.mktemp("nushell")
        pack = [require("npm"), "pack", f"@nushell/linux-x64@{RELEASE}", "--pack-destination", str(folder)]
        subprocess.run(pack, check=True, capture_output=True)
        (archive,) = folder.glob("*.tgz")
        with tarfile.open(archive) as packed:
            packed.extractall(kept, filter="data")
        program.chmod(0o755)
    os.environ["PATH"] = f"{program.parent}:{os.environ['PATH']}"
    return program


def read(home: Path, mode: StartMode, before: str = "", **extra: str) -> ShellReading:
    reading = read_variables("nushell", mode, home=str(home), extra=extra, before=before, timeout=60)
    assert reading.problem is None, (reading.problem, reading.complaint)
    return reading


def env_file(home: Path, known: ShellEnvironment) -> Path:
    path = home / "env file.nu"
    path.write_text(render_env_file("nu", known), encoding="utf-8")
    return path


def toolkit(root: str, **more: bool) -> ShellEnvironment:
    return ShellEnvironment(
        cuda_home=root, bin_dirs=(f"{root}/bin",), library_dirs=(f"{root}/lib64",), environment=f"{root}/env", **more
    )


@pytest.mark.parametrize("root", ROOTS)
def test_the_values_are_exact_and_reading_twice_adds_nothing(root: str, tmp_path: Path) -> None:
    path = QUOTE(str(env_file(tmp_path, toolkit(root))))
    twice = f"source {path}; source {path}"
    reading = read(tmp_path, "script", twice, PATH=f"/usr/bin:{root}/bin:/bin", LD_LIBRARY_PATH="/x")
    assert reading.get("CUDA_HOME") == root
    assert reading.get("TORCHUP_ENVIRONMENT") == f"{root}/env"
    assert reading.get("PATH") == f"{root}/bin:/usr/bin:/bin"
    assert reading.get("LD_LIBRARY_PATH") == f"/x:{root}/lib64"


@pytest.mark.parametrize(
    ("earlier", "wanted"), [(None, "/opt/cuda/lib64"), ("", "/opt/cuda/lib64"), ("/x::/y:", "/x::/y::/opt/cuda/lib64")]
)
def test_no_empty_element_comes_from_us(earlier: str | None, wanted: str, tmp_path: Path) -> None:
    path = QUOTE(str(env_file(tmp_path, toolkit("/opt/cuda"))))
    extra = {} if earlier is None else {"LD_LIBRARY_PATH": earlier}
    assert read(tmp_path, "script", f"source {path}", **extra).get("LD_LIBRARY_PATH") == wanted


def test_an_earlier_toolkit_goes_and_nothing_else_does(tmp_path: Path) -> None:
    old = {
        "PATH": "/old/bin:/usr/bin:/bin",
        "TORCHUP_PATH_ENTRIES": "/old/bin",
        "LD_LIBRARY_PATH": "/old/lib64",
        "TORCHUP_LIBRARY_ENTRIES": "/old/lib64",
        "CUDA_HOME": "/old",
        "TORCHUP_CUDA_HOME": "/old",
    }
    reading = read(tmp_path, "script", f"source {QUOTE(str(env_file(tmp_path, ShellEnvironment())))}", **old)
    assert reading.get("PATH") == "/usr/bin:/bin"
    left = {name for name in old if reading.get(name) is not None}
    assert left == {"PATH"}


def test_the_environment_is_active_where_that_was_wished_for(tmp_path: Path) -> None:
    folder = tmp_path / ".config/nushell/autoload"
    folder.mkdir(parents=True)
    (folder / "x.nu").write_text(block_body("nu", str(env_file(tmp_path, toolkit("/opt/c", activate=True)))))
    reading = read(tmp_path, "interactive")
    assert reading.get("VIRTUAL_ENV") == "/opt/c/env"
    assert (reading.get("PATH") or "").startswith("/opt/c/env/bin:/opt/c/bin:")


@pytest.mark.parametrize("mode", ["interactive", "login", "script"])
def test_a_missing_env_file_is_no_error(mode: StartMode, tmp_path: Path) -> None:
    folder = tmp_path / ".config/nushell/autoload"
    folder.mkdir(parents=True)
    (folder / "torchup.nu").write_text(block_body("nu", "/nowhere/env.nu"))
    assert read(tmp_path, mode).complaint == ""


def test_its_own_parser_judges_a_file_without_running_it(tmp_path: Path) -> None:
    assert parse_check("nushell", render_env_file("nu", toolkit("/opt/it's")).encode()) is None
    assert parse_check("nushell", f"touch {QUOTE(str(tmp_path / 'ran'))}\n".encode()) is None
    assert not (tmp_path / "ran").exists()
    assert parse_check("nushell", b"let x = (\n") is not None


def test_it_names_its_folder_itself(tmp_path: Path) -> None:
    assert ask_profile(CONFIGURED["nushell"], str(tmp_path)) == str(tmp_path / ".config/nushell/autoload")


def test_apply_check_and_remove_through_the_command_line(tmp_path: Path, nu: Path) -> None:
    person = Person(home=tmp_path / "home")
    person.environ["PATH"] = f"{nu.parent}:/usr/bin:/bin"
    (tmp_path / "cu da/bin").mkdir(parents=True)
    (tmp_path / "cu da/lib64").mkdir()
    read(person.home, "interactive")  # a first start makes nu's own files
    before = person.tree()
    options = ("--shell", "nushell", "--cuda-home", str(tmp_path / "cu da"))
    applied = person.torchup("shell", "apply", *options, "--yes")
    assert applied.returncode == 0, applied.stdout + applied.stderr
    for mode in ("interactive", "login"):
        assert f"pass  shell.nushell.{mode}" in applied.stdout
    ours = person.home / ".config/nushell/autoload/torchup.nu"
    assert ours.read_text().count("source") == 1
    again = person.torchup("shell", "apply", *options, "--yes", "--json")
    assert json.loads(again.stdout)["changed"] == []
    removed = person.torchup("shell", "remove", "--yes")
    assert removed.returncode == 0, removed.stderr
    assert person.tree() == before
