"""What torchup writes has the modes that it is to have, whatever the umask is; the script of a dry run makes the same."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.command import TORCHUP, Person

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")

UMASKS = ["000", "002", "022", "077"]


def by(person: Person, umask: str, *arguments: str) -> str:
    """Run torchup under a umask and give what it printed."""
    done = subprocess.run(
        ["sh", "-c", f'umask {umask}; exec "$@"', "sh", TORCHUP, *arguments],
        cwd=person.home,
        env=person.environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def modes(folder: Path) -> Iterator[tuple[str, int]]:
    for path in (folder, *sorted(folder.rglob("*"))):
        yield str(path.relative_to(folder)), path.lstat().st_mode & 0o7777


@pytest.mark.parametrize("umask", UMASKS)
def test_what_torchup_keeps_is_private(tmp_path: Path, umask: str) -> None:
    person = Person(home=tmp_path / "home")
    (person.home / "environment").mkdir()
    apply = ("shell", "apply", "--shell", "bash", "--environment", "environment", "--yes")
    by(person, umask, *apply)
    state = person.home / ".local/state/torchup"
    for name, mode in modes(state):
        assert mode == (0o700 if (state / name).is_dir() else 0o600), name
    for name in (".local", ".local/state", ".config"):
        assert (person.home / name).stat().st_mode & 0o022 == 0, name


@pytest.mark.parametrize("umask", UMASKS)
def test_a_whole_set_up_and_its_script_end_in_the_same_modes(person: Person, wanted: str, umask: str) -> None:
    script = by(person, umask, "setup", "--answers", wanted, "--dry-run")
    by(person, umask, "setup", "--answers", wanted)
    applied = dict(seen(person))
    assert applied[".config/torchup/answers.yaml"] == 0o600
    assert applied[".config/torchup"] == 0o700
    state = person.home / ".local/state/torchup"
    for name, mode in modes(state):
        assert mode == (0o700 if (state / name).is_dir() else 0o600), name
    by(person, umask, "undo", "--yes")
    subprocess.run(
        ["sh", "-c", f"umask {umask}; exec sh -s"],
        input=script,
        text=True,
        check=True,
        env=person.environ,
        cwd=person.home,
    )
    assert dict(seen(person)) == applied


def seen(person: Person) -> Iterator[tuple[str, int]]:
    for name, mode in modes(person.home):
        # A script is no run, so the environment that it makes has no marker of one.
        left_out = name.startswith((".local", ".cache", ".rustup")) or name.endswith(".torchup-run")
        if not left_out and "__pycache__" not in name:
            yield name, mode


def test_what_an_earlier_version_left_open_is_closed(tmp_path: Path) -> None:
    person = Person(home=tmp_path / "home")
    (person.home / "environment").mkdir()
    log = person.home / ".local/state/torchup/log"
    log.mkdir(parents=True)
    for name in (".local/state/torchup", ".local/state/torchup/log"):
        (person.home / name).chmod(0o755)
    from torchup.apply.private_files import append_private

    (log / "2026-11-30.log").write_text("of an earlier run\n")
    (log / "2026-11-30.log").chmod(0o666)
    append_private(log / "2026-11-30.log", b"more\n")
    assert (log / "2026-11-30.log").read_text() == "of an earlier run\nmore\n"
    assert dict(modes(log)) == {".": 0o700, "2026-11-30.log": 0o600}
    by(person, "022", "shell", "apply", "--shell", "bash", "--environment", "environment", "--yes")
    assert (person.home / ".local/state/torchup").stat().st_mode & 0o7777 == 0o700
