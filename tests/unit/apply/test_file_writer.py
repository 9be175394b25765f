"""The file writer on real files: what it keeps, what it refuses, and how it gets around what it cannot rename."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from support.faulty_calls import FailingCalls
from torchup.apply.atomic_write import FileWriter
from torchup.apply.backups import Backups
from torchup.errors import StepError

ROOT = os.geteuid() == 0


@pytest.fixture
def writer(tmp_path: Path) -> FileWriter:
    return FileWriter(backups=Backups(tmp_path / "backups"))


@pytest.fixture
def place(tmp_path: Path) -> Path:
    folder = tmp_path / "place"
    folder.mkdir()
    return folder


def write(writer: FileWriter, path: Path, content: bytes, *, mode: int | None = None, create: bool = True) -> None:
    writer.write(str(path), content, mode=mode, create=create)


def test_a_new_file_has_its_bytes_and_mode_and_nothing_stays_beside_it(writer: FileWriter, place: Path) -> None:
    write(writer, place / "new", b"a\x00\xff\r\n", mode=0o600)
    assert (place / "new").read_bytes() == b"a\x00\xff\r\n"
    assert stat.S_IMODE((place / "new").stat().st_mode) == 0o600
    assert [path.name for path in place.iterdir()] == ["new"]


def test_the_mode_stays_unless_another_is_given(writer: FileWriter, place: Path) -> None:
    (place / "file").write_bytes(b"old")
    (place / "file").chmod(0o640)
    write(writer, place / "file", b"new")
    assert stat.S_IMODE((place / "file").stat().st_mode) == 0o640
    write(writer, place / "file", b"new", mode=0o600)
    assert stat.S_IMODE((place / "file").stat().st_mode) == 0o600


def test_a_link_stays_a_link_and_its_target_gets_the_bytes(writer: FileWriter, place: Path) -> None:
    (place / "dotfiles").mkdir()
    (place / "dotfiles/bashrc").write_bytes(b"old")
    (place / "middle").symlink_to("dotfiles/bashrc")
    (place / ".bashrc").symlink_to("middle")
    write(writer, place / ".bashrc", b"new")
    assert (place / ".bashrc").readlink() == Path("middle")
    assert (place / "dotfiles/bashrc").read_bytes() == b"new"
    assert not (place / "dotfiles/bashrc").is_symlink()


def test_extended_attributes_are_kept(writer: FileWriter, place: Path) -> None:
    path = place / "file"
    path.write_bytes(b"old")
    try:
        os.setxattr(path, "user.note", b"mine")
    except OSError as error:
        pytest.skip(f"this file system keeps no extended attributes: {error}")
    inode = path.stat().st_ino
    write(writer, path, b"new")
    assert os.getxattr(path, "user.note") == b"mine"
    assert path.stat().st_ino != inode


@pytest.mark.skipif(not ROOT, reason="only root can give a file to somebody else")
def test_the_owner_is_kept(writer: FileWriter, place: Path) -> None:
    path = place / "file"
    path.write_bytes(b"old")
    os.chown(path, 1234, 2345)
    write(writer, path, b"new")
    assert (path.stat().st_uid, path.stat().st_gid) == (1234, 2345)


def test_a_second_name_of_the_file_gets_the_new_bytes_too(writer: FileWriter, place: Path) -> None:
    (place / "one").write_bytes(b"old and longer than the new")
    (place / "two").hardlink_to(place / "one")
    write(writer, place / "one", b"new")
    assert (place / "two").read_bytes() == b"new"
    assert (place / "one").stat().st_nlink == 2
    assert writer.backups.folder.is_dir()


@pytest.mark.parametrize("code", [errno.EBUSY, errno.EPERM, errno.EACCES, errno.EXDEV])
def test_a_file_that_cannot_be_renamed_over_is_written_in_place(tmp_path: Path, place: Path, code: int) -> None:
    calls = FailingCalls(fail={"replace"}, error=code)
    writer = FileWriter(backups=Backups(tmp_path / "backups"), calls=calls)
    path = place / "file"
    path.write_bytes(b"old")
    inode = path.stat().st_ino
    write(writer, path, b"new bytes")
    assert path.read_bytes() == b"new bytes"
    assert path.stat().st_ino == inode
    assert [entry.read_bytes() for entry in (tmp_path / "backups").iterdir()] == [b"old"]
    assert [entry.name for entry in place.iterdir()] == ["file"]


@pytest.mark.skipif(not ROOT, reason="only root can mount")
def test_a_bind_mounted_file_is_written_in_place(writer: FileWriter, place: Path) -> None:
    (place / "outside").write_bytes(b"old")
    (place / "inside").write_bytes(b"")
    if subprocess.run(["mount", "--bind", place / "outside", place / "inside"], check=False).returncode:
        pytest.skip("this machine does not let us mount")
    try:
        write(writer, place / "inside", b"new")
        assert (place / "outside").read_bytes() == b"new"
    finally:
        subprocess.run(["umount", place / "inside"], check=True)


def test_an_owner_that_cannot_be_given_makes_it_a_write_in_place(
    tmp_path: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = place / "file"
    path.write_bytes(b"old")
    inode = path.stat().st_ino
    real = os.fstat

    def owned_by_us(fd: int) -> os.stat_result:
        values = list(real(fd))
        values[4] += 1
        return os.stat_result(values)

    monkeypatch.setattr(os, "fstat", owned_by_us)
    calls = FailingCalls(fail={"fchown"}, error=errno.EPERM)
    write(FileWriter(backups=Backups(tmp_path / "backups"), calls=calls), path, b"new")
    assert (path.read_bytes(), path.stat().st_ino) == (b"new", inode)


def refusal(writer: FileWriter, path: Path, *, create: bool = True) -> StepError:
    with pytest.raises(StepError) as caught:
        write(writer, path, b"new", create=create)
    assert caught.value.hint
    return caught.value


def test_what_is_no_file_is_refused_by_name(writer: FileWriter, place: Path) -> None:
    (place / "folder").mkdir()
    os.mkfifo(place / "pipe")
    (place / "nowhere").symlink_to("missing")
    (place / "circle").symlink_to("circle")
    codes = {name: refusal(writer, place / name).code for name in ("folder", "pipe", "nowhere", "circle")}
    assert codes == {
        "folder": "is-a-folder",
        "pipe": "not-a-file",
        "nowhere": "dangling-link",
        "circle": "link-loop",
    }
    assert not (place / "missing").exists()


def test_a_device_is_refused(writer: FileWriter) -> None:
    assert refusal(writer, Path("/dev/null")).code == "not-a-file"


def test_a_missing_file_and_a_missing_folder_are_told_apart(writer: FileWriter, place: Path) -> None:
    assert refusal(writer, place / "none", create=False).code == "file-missing"
    assert refusal(writer, place / "none/inside").code == "folder-missing"
    (place / "file").write_bytes(b"")
    assert refusal(writer, place / "file/inside").code == "folder-missing"


def test_a_read_only_file_is_left_alone(writer: FileWriter, place: Path) -> None:
    path = place / "file"
    path.write_bytes(b"old")
    path.chmod(0o444)
    if not ROOT:
        assert refusal(writer, path).code == "read-only-file"
    else:  # root may write everything, so somebody else tries
        for folder in (place, *place.parents):
            if folder.stat().st_mode & 0o777 == 0o700 and folder.is_relative_to(tempfile.gettempdir()):
                folder.chmod(0o755)
        os.chown(place, 65534, 65534)
        os.chown(path, 65534, 65534)
        assert as_nobody(lambda: refusal(writer, path).code == "read-only-file")
    assert path.read_bytes() == b"old"


def as_nobody(holds: Callable[[], bool]) -> bool:
    """Tell whether something holds for an account without rights, in a child process."""
    child = os.fork()
    if child == 0:
        try:
            os.setgid(65534)
            os.setuid(65534)
            os._exit(0 if holds() else 1)
        finally:
            os._exit(2)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_what_a_killed_run_left_beside_the_file_is_removed(writer: FileWriter, place: Path) -> None:
    (place / ".file.torchup-0123456789ab.tmp").write_bytes(b"half")
    (place / ".other.torchup-0123456789ab.tmp").write_bytes(b"another file's")
    (place / ".file.torchup-mine.tmp").write_bytes(b"not ours")
    write(writer, place / "file", b"new")
    assert sorted(path.name for path in place.iterdir()) == [
        ".file.torchup-mine.tmp",
        ".other.torchup-0123456789ab.tmp",
        "file",
    ]


def test_a_file_that_appears_meanwhile_is_not_overwritten(tmp_path: Path, place: Path) -> None:
    path = place / "file"
    calls = FailingCalls(before={"link": lambda: path.write_bytes(b"theirs")})
    writer = FileWriter(backups=Backups(tmp_path / "backups"), calls=calls)
    assert refusal(writer, path).code == "file-changed"
    assert path.read_bytes() == b"theirs"
    assert [entry.name for entry in place.iterdir()] == ["file"]


def test_a_file_that_changes_meanwhile_is_not_overwritten(tmp_path: Path, place: Path) -> None:
    path = place / "file"
    path.write_bytes(b"old")
    calls = FailingCalls(before={"fsync": lambda: path.write_bytes(b"an editor saved")})
    writer = FileWriter(backups=Backups(tmp_path / "backups"), calls=calls)
    assert refusal(writer, path).code == "file-changed"
    assert path.read_bytes() == b"an editor saved"
    assert [entry.name for entry in place.iterdir()] == ["file"]


def test_without_hard_links_a_new_file_is_still_made(tmp_path: Path, place: Path) -> None:
    calls = FailingCalls(fail={"link"}, error=errno.EPERM)
    write(FileWriter(backups=Backups(tmp_path / "backups"), calls=calls), place / "file", b"new", mode=0o600)
    assert (place / "file").read_bytes() == b"new"
    assert [entry.name for entry in place.iterdir()] == ["file"]


def test_a_backup_that_did_not_arrive_stops_the_write_in_place(tmp_path: Path, place: Path) -> None:
    (place / "one").write_bytes(b"old")
    (place / "two").hardlink_to(place / "one")
    backups = Backups(tmp_path / "backups", FailingCalls(fail={"fsync"}, error=errno.EIO))
    with pytest.raises(StepError) as caught:
        FileWriter(backups=backups).write(str(place / "one"), b"new", mode=None, create=True)
    assert caught.value.code == "disk-error"
    assert (place / "one").read_bytes() == b"old"
