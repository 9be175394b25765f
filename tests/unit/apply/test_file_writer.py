"""The file writer on real files: what it keeps, what it refuses, and how it gets around what it cannot rename."""

from __future__ import annotations

import errno
import os
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support.faulty_calls import CountedCalls, FailingCalls
from support.tools import require
from torchup.apply.atomic_write import FileWriter
from torchup.apply.backups import Backups, sha256
from torchup.errors import StepError

ROOT = os.geteuid() == 0
ACL = "system.posix_acl_access"


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


class TestFileThatIsNotWhatWasSeen:
    """Between the look that was reviewed and the write, somebody else may write."""

    def test_other_bytes_are_kept(self, writer: FileWriter, place: Path) -> None:
        (place / "file").write_bytes(b"an editor saved")
        with pytest.raises(StepError) as caught:
            writer.write(str(place / "file"), b"new", mode=None, create=False, expected=sha256(b"seen"))
        assert caught.value.code == "file-changed"
        assert (place / "file").read_bytes() == b"an editor saved"

    def test_a_file_where_none_was_is_kept(self, writer: FileWriter, place: Path) -> None:
        (place / "file").write_bytes(b"theirs")
        with pytest.raises(StepError) as caught:
            writer.write(str(place / "file"), b"new", mode=None, create=True, expected=None)
        assert caught.value.code == "file-changed"
        assert (place / "file").read_bytes() == b"theirs"

    def test_a_file_that_is_gone_is_not_made_again(self, writer: FileWriter, place: Path) -> None:
        with pytest.raises(StepError) as caught:
            writer.write(str(place / "file"), b"new", mode=None, create=True, expected=sha256(b"seen"))
        assert caught.value.code == "file-changed"
        assert not (place / "file").exists()

    def test_it_is_not_removed(self, writer: FileWriter, place: Path) -> None:
        (place / "file").write_bytes(b"an editor saved")
        with pytest.raises(StepError) as caught:
            writer.remove(str(place / "file"), expected=sha256(b"seen"))
        assert caught.value.code == "file-changed"
        writer.remove(str(place / "file"), expected=sha256(b"an editor saved"))
        writer.remove(str(place / "file"), expected=sha256(b"an editor saved"))
        assert not (place / "file").exists()

    @pytest.mark.parametrize("what", ["bytes", "mode"])
    def test_a_second_hard_link_is_looked_at_again_too(self, tmp_path: Path, place: Path, what: str) -> None:
        path = place / "one"
        path.write_bytes(b"old")
        (place / "two").hardlink_to(path)
        change = {"bytes": lambda: path.write_bytes(b"saved"), "mode": lambda: path.chmod(0o600)}[what]
        # The backup's first call comes between the look and the write.
        backups = Backups(tmp_path / "backups", FailingCalls(before={"open": change}))
        with pytest.raises(StepError) as caught:
            FileWriter(backups=backups).write(str(path), b"new", mode=None, create=False)
        assert caught.value.code == "file-changed"
        assert path.read_bytes() == (b"saved" if what == "bytes" else b"old")


def set_acl(path: Path, *entries: str) -> None:
    setfacl = require("setfacl")
    for entry in entries:
        if subprocess.run([setfacl, "-m", entry, path], capture_output=True, check=False).returncode:
            pytest.skip("this file system keeps no access lists")


def acl(path: Path) -> bytes | None:
    return os.getxattr(path, ACL) if ACL in os.listxattr(path) else None


class Watched(CountedCalls):
    """Notes before each call how the temporary file may be read: its mode, and whether it has an access list."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder
        self.instants: set[tuple[int, bool]] = set()

    def _before(self, name: str, real: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
        try:
            return super()._before(name, real, arguments)
        finally:
            for path in self.folder.glob(".*.tmp"):
                self.instants.add((stat.S_IMODE(path.stat().st_mode), acl(path) is not None))


@pytest.mark.skipif(sys.platform != "linux", reason="access lists are read as Linux keeps them")
class TestAccessList:
    def test_it_is_kept_and_there_is_no_instant_without_it(self, tmp_path: Path, place: Path) -> None:
        path = place / "file"
        path.write_bytes(b"old")
        path.chmod(0o600)
        set_acl(path, "u:1:r--", "g::---")
        before = acl(path)
        assert stat.S_IMODE(path.stat().st_mode) == 0o640  # what a mode alone would give to the group
        watched = Watched(place)
        write(FileWriter(backups=Backups(tmp_path / "backups"), calls=watched), path, b"new")
        assert acl(path) == before
        assert watched.instants
        assert all(mode & 0o077 == 0 or has_list for mode, has_list in watched.instants)

    def test_one_that_the_folder_hands_down_does_not_stay(self, tmp_path: Path, place: Path) -> None:
        path = place / "file"
        path.write_bytes(b"old")
        path.chmod(0o640)
        set_acl(place, "d:u:1:rw-")
        watched = Watched(place)
        write(FileWriter(backups=Backups(tmp_path / "backups"), calls=watched), path, b"new")
        assert acl(path) is None
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
        assert all(mode & 0o077 == 0 or not has_list for mode, has_list in watched.instants)

    def test_one_that_cannot_be_given_makes_it_a_write_in_place(self, tmp_path: Path, place: Path) -> None:
        path = place / "file"
        path.write_bytes(b"old")
        set_acl(path, "u:1:r--")
        before, inode = acl(path), path.stat().st_ino
        calls = FailingCalls(fail={"setxattr"}, error=errno.EPERM)
        write(FileWriter(backups=Backups(tmp_path / "backups"), calls=calls), path, b"new")
        assert (path.read_bytes(), acl(path), path.stat().st_ino) == (b"new", before, inode)
        assert [entry.name for entry in place.iterdir()] == ["file"]


def test_there_is_no_instant_at_which_more_people_may_read(tmp_path: Path, place: Path) -> None:
    path = place / "file"
    path.write_bytes(b"secret")
    path.chmod(0o600)
    old = os.umask(0)
    try:
        watched = Watched(place)
        write(FileWriter(backups=Backups(tmp_path / "backups"), calls=watched), path, b"new")
    finally:
        os.umask(old)
    assert {mode for mode, _ in watched.instants} == {0o600}


def test_a_file_that_is_to_be_private_is_so_before_it_is_written_in_place(tmp_path: Path, place: Path) -> None:
    path = place / "one"
    path.write_bytes(b"old")
    path.chmod(0o644)
    (place / "two").hardlink_to(path)
    modes: list[int] = []
    calls = FailingCalls(before={"write": lambda: modes.append(stat.S_IMODE(path.stat().st_mode))})
    write(FileWriter(backups=Backups(tmp_path / "backups"), calls=calls), path, b"new", mode=0o600)
    assert modes == [0o600]
    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (b"new", 0o600)


def test_a_file_with_no_write_permission_at_all_is_left_alone_even_by_root(writer: FileWriter, place: Path) -> None:
    (place / "file").write_bytes(b"old")
    (place / "file").chmod(0o444)
    problem = refusal(writer, place / "file")
    assert problem.code == "read-only-file"
    assert f"chmod u+w {place / 'file'}" in (problem.hint or "")


@pytest.mark.skipif(not ROOT, reason="only root can give a file to somebody else")
def test_somebody_elses_file_is_named_with_the_commands_that_give_it_back(writer: FileWriter, place: Path) -> None:
    path = place / "file"
    path.write_bytes(b"old")
    for folder in (place, *place.parents):
        if folder.stat().st_mode & 0o777 == 0o700 and folder.is_relative_to(tempfile.gettempdir()):
            folder.chmod(0o755)
    os.chown(place, 65534, 65534)

    def told() -> bool:
        problem = refusal(writer, path)
        hint = f"sudo chown 65534:65534 {path} && chmod u+w {path}"
        return problem.code == "read-only-file" and hint in (problem.hint or "")

    assert as_nobody(told)
    assert (path.read_bytes(), path.stat().st_uid) == (b"old", 0)


@pytest.mark.parametrize("flag", ["i", "a"])
def test_an_immutable_or_append_only_file_is_told_as_such(writer: FileWriter, place: Path, flag: str) -> None:
    path = place / "file"
    path.write_bytes(b"old")
    if subprocess.run([require("chattr"), f"+{flag}", path], capture_output=True, check=False).returncode:
        pytest.skip("this file system or this user has no such flags")
    try:
        problem = refusal(writer, path)
    finally:
        subprocess.run(["chattr", f"-{flag}", path], check=True)
    assert problem.code == "immutable-file"
    assert "chattr -i" in (problem.hint or "")
    assert path.read_bytes() == b"old"


def test_a_socket_is_refused(writer: FileWriter, place: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(place / "socket"))
        assert refusal(writer, place / "socket").code == "not-a-file"


def test_a_link_to_the_null_device_is_refused(writer: FileWriter, place: Path) -> None:
    (place / ".bashrc").symlink_to(os.devnull)
    assert refusal(writer, place / ".bashrc").code == "not-a-file"


def test_a_folder_that_may_be_written_but_not_read_is_no_obstacle(tmp_path: Path, place: Path) -> None:
    calls = FailingCalls()
    real = calls.open

    def no_folders(path: str, flags: int, mode: int = 0o777) -> int:
        if flags & os.O_DIRECTORY:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        return int(real(path, flags, mode))

    calls.open = no_folders  # type: ignore[assignment]
    write(FileWriter(backups=Backups(tmp_path / "backups"), calls=calls), place / "file", b"new")
    assert (place / "file").read_bytes() == b"new"


def test_a_killed_backup_is_cleaned_up_by_the_next(tmp_path: Path) -> None:
    backups = Backups(tmp_path / "state/backups")
    backups.keep(b"one")
    (backups.folder / "0123.77.tmp").write_bytes(b"half")
    backups.keep(b"two")
    assert sorted(path.read_bytes() for path in backups.folder.iterdir()) == [b"one", b"two"]


def test_folders_that_are_made_for_the_backups_are_not_for_everybody(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        Backups(tmp_path / "state/torchup/backups").keep(b"one")
    finally:
        os.umask(old)
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("state", "state/torchup")]
    assert modes == [0o755, 0o755]
    assert stat.S_IMODE((tmp_path / "state/torchup/backups").stat().st_mode) == 0o700
