"""Every Python and platform finds wheels for all that is locked, so that nobody has to compile."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from uv import find_uv_bin

LOCKS = Path(__file__).parents[2] / "installer" / "locks"
PLATFORMS = (
    *("x86_64-manylinux_2_28", "aarch64-manylinux_2_28", "x86_64-unknown-linux-musl"),
    *("aarch64-apple-darwin", "x86_64-apple-darwin", "x86_64-pc-windows-msvc"),
)


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13", "3.14"])
@pytest.mark.parametrize("platform", PLATFORMS)
def test_there_is_a_wheel_for_everything(platform: str, python: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [
            *(find_uv_bin(), "pip", "install", "--dry-run", "--target", str(tmp_path), "--python", sys.executable),
            *("--python-version", python, "--python-platform", platform, "--only-binary", ":all:"),
            *("--require-hashes", "-r", str(LOCKS / "run.txt"), "-r", str(LOCKS / "build.txt")),
        ],
        env={"UV_SYSTEM_CERTS": "1", **os.environ},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Would install" in done.stderr


def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Load installer/locks.py so that it works on a copy of the locks."""
    spec = importlib.util.spec_from_file_location("locks", LOCKS.with_name("locks.py"))
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    shutil.copytree(LOCKS, tmp_path / "locks")
    monkeypatch.setattr(made, "LOCKS", tmp_path / "locks")
    monkeypatch.setattr(made, "moved", lambda: None)
    return made


def pins(folder: Path) -> dict[str, list[str]]:
    texts = {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()}
    return {name: re.findall(r"^[a-z0-9.-]+==\S+", text, re.MULTILINE) for name, text in texts.items()}


def test_locking_again_moves_nothing_and_a_new_dependency_brings_only_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    locks = copied(tmp_path, monkeypatch)
    assert locks.lock(upgrade=False) == 0
    assert pins(tmp_path / "locks") == pins(LOCKS)
    wanted = locks.requirements()
    more = {**wanted, "run": [*wanted["run"], "six"], "dev": [*wanted["dev"], "six"]}
    monkeypatch.setattr(locks, "requirements", lambda: more)
    assert locks.lock(upgrade=False) == 0
    found = pins(tmp_path / "locks")
    assert [line for line in found["run.txt"] if line not in pins(LOCKS)["run.txt"]] == [
        line for line in found["run.txt"] if line.startswith("six==")
    ]


def test_where_no_index_answers_the_locks_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    locks = copied(tmp_path, monkeypatch)
    for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL"):
        monkeypatch.setenv(name, "http://127.0.0.1:9/simple")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    before = {path.name: path.read_bytes() for path in (tmp_path / "locks").iterdir()}
    assert locks.lock(upgrade=True) == 3
    assert {path.name: path.read_bytes() for path in (tmp_path / "locks").iterdir()} == before
    assert "all stay as they were" in capsys.readouterr().err
