"""What is no small text file is refused, quickly and by name."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from support.patience import little_work, soon
from torchup.answers.facts_file import read_facts
from torchup.answers.files import LARGEST_BYTES
from torchup.answers.read import read_answers
from torchup.errors import ExitStatus, UsageError


def refusal(path: Path) -> str:
    with pytest.raises(UsageError) as caught:
        read_answers(path)
    assert caught.value.code == "file-unreadable"
    assert caught.value.exit_status == ExitStatus.USAGE
    return caught.value.message


def test_a_missing_file(tmp_path: Path) -> None:
    path = tmp_path / "none.yaml"
    assert refusal(path) == f"The answers file {path} cannot be read: No such file or directory."


def test_a_folder(tmp_path: Path) -> None:
    assert refusal(tmp_path) == f"The answers file {tmp_path} cannot be read: it is a folder."


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root and Windows read everything")
def test_a_file_without_permission(tmp_path: Path) -> None:
    path = tmp_path / "secret.yaml"
    path.write_text("schema: 1")
    path.chmod(0)
    assert refusal(path).endswith("cannot be read: Permission denied.")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such pipes")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    with soon():
        assert (
            refusal(path) == f"The answers file {path} cannot be read: it is a pipe, a socket or a device, not a file."
        )


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="needs /dev/zero")
def test_a_device_is_not_read() -> None:
    assert (
        refusal(Path("/dev/zero"))
        == "The answers file /dev/zero cannot be read: it is a pipe, a socket or a device, not a file."
    )


def test_a_path_with_a_nul() -> None:
    assert "null" in refusal(Path("answers\0.yaml"))


def test_ten_megabytes_are_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "junk.yaml"
    path.write_bytes(os.urandom(10 * 1024 * 1024))
    with little_work(1):
        assert refusal(path) == (f"The answers file {path} cannot be read: it has more than {LARGEST_BYTES:,} bytes.")


@pytest.mark.parametrize(
    "junk", [b"- " * 130_000, b"{a: " * 60_000, b"word\n" * 50_000, b"k: [a, b, {c: d}]\n" * 14_000]
)
def test_the_largest_file_is_answered_within_seconds(tmp_path: Path, junk: bytes) -> None:
    path = tmp_path / "junk.yaml"
    path.write_bytes(junk[:LARGEST_BYTES])
    with little_work(10), pytest.raises(UsageError):
        read_answers(path)


def test_a_facts_file_is_held_to_the_same(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        read_facts(tmp_path / "none.json")
    assert caught.value.message.startswith("The facts file ")
