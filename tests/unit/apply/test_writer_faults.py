"""Every call of the file writer fails once, or is the last one: the file is then the old one or the new one."""

from __future__ import annotations

import errno
import os
import resource
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.faulty_calls import CountedCalls
from torchup.apply.atomic_write import FileWriter
from torchup.apply.backups import Backups
from torchup.apply.torn import torn_between
from torchup.errors import StepError

OLD = b"# the person's own file\nexport EDITOR=vi\n" * 20
NEW = OLD + b"# >>> torchup\nmore\n"
ERRORS = (errno.ENOSPC, errno.EIO, errno.EROFS, errno.EACCES, errno.EBUSY, errno.EDQUOT)

Layout = Callable[[Path], Path]


def plain(folder: Path) -> Path:
    (folder / "file").write_bytes(OLD)
    (folder / "file").chmod(0o640)
    return folder / "file"


def linked(folder: Path) -> Path:
    plain(folder)
    (folder / "link").symlink_to("file")
    return folder / "link"


def twice_named(folder: Path) -> Path:
    plain(folder)
    (folder / "second").hardlink_to(folder / "file")
    return folder / "file"


def absent(folder: Path) -> Path:
    return folder / "file"


def lay_out(tmp_path: Path, layout: Layout) -> tuple[Path, Path]:
    folder = tmp_path / "place"
    folder.mkdir()
    return folder, layout(folder)


def calls_of(tmp_path: Path, layout: Layout) -> list[str]:
    """Count the calls of a whole write, backup included."""
    rehearsal = tmp_path / "rehearsal"
    rehearsal.mkdir()
    _, path = lay_out(rehearsal, layout)
    counted = CountedCalls()
    writer(rehearsal, counted).write(str(path), NEW, mode=None, create=True)
    assert path.read_bytes() == NEW
    return counted.seen


def writer(tmp_path: Path, calls: CountedCalls) -> FileWriter:
    return FileWriter(backups=Backups(tmp_path / "backups", calls), calls=calls)


def content(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None


@pytest.mark.parametrize("layout", [plain, linked, twice_named, absent])
def test_each_call_may_fail_and_the_file_is_old_or_new(tmp_path: Path, layout: Layout) -> None:
    names = calls_of(tmp_path, layout)
    assert len(names) > 5
    for number, name in enumerate(names, start=1):
        for error in ERRORS:
            around = tmp_path / f"{number}-{error}"
            around.mkdir()
            folder, path = lay_out(around, layout)
            before = content(path)
            calls = CountedCalls(at=number, error=error)
            problem: StepError | None = None
            try:
                writer(around, calls).write(str(path), NEW, mode=None, create=True)
            except StepError as caught:
                problem = caught
            after = content(path)
            assert after in (before, NEW), (name, errno.errorcode[error])
            if problem is None:
                assert after == NEW, (name, errno.errorcode[error])
            else:
                assert problem.hint, problem
                assert problem.code != "in-place-write-failed", (name, error)
            if before is not None:
                assert stat.S_IMODE(path.stat().st_mode) == 0o640, (name, error)
            # The next run cleans up whatever could not be removed.
            writer(around, CountedCalls()).write(str(path), NEW, mode=None, create=True)
            assert content(path) == NEW
            assert not [entry for entry in folder.iterdir() if "torchup-" in entry.name]


@pytest.mark.parametrize("layout", [plain, twice_named, absent])
def test_short_writes_are_gone_on_with(tmp_path: Path, layout: Layout) -> None:
    _, path = lay_out(tmp_path, layout)
    writer(tmp_path, CountedCalls(short=True)).write(str(path), NEW, mode=None, create=True)
    assert path.read_bytes() == NEW


@pytest.mark.parametrize("layout", [plain, twice_named, absent])
def test_the_process_may_die_at_each_call(tmp_path: Path, layout: Layout) -> None:
    for number, name in enumerate(calls_of(tmp_path, layout), start=1):
        around = tmp_path / f"{number}"
        around.mkdir()
        folder, path = lay_out(around, layout)
        before = content(path)
        child = os.fork()
        if child == 0:
            try:
                writer(around, CountedCalls(at=number)).write(str(path), NEW, mode=None, create=True)
            finally:
                os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
        after = content(path)
        if layout is twice_named:
            # In place there is a moment in between, which is recognised, and for which the old bytes are kept.
            assert after is not None
            assert torn_between(after, OLD, NEW), name
            assert after == OLD or any(kept.read_bytes() == OLD for kept in (around / "backups").iterdir())
        else:
            assert after in (before, NEW), name
        writer(around, CountedCalls()).write(str(path), NEW, mode=None, create=True)
        assert content(path) == NEW
        assert not [entry for entry in folder.iterdir() if "torchup-" in entry.name]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a file system of 64 KiB."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount")
    place = tmp_path / "disk"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", place], check=False).returncode:
        pytest.skip("this machine does not let us mount")
    try:
        yield place
    finally:
        subprocess.run(["umount", place], check=True)


@pytest.mark.parametrize("layout", [plain, twice_named])
def test_a_disk_that_is_really_full_leaves_the_old_file(small_disk: Path, tmp_path: Path, layout: Layout) -> None:
    path = layout(small_disk)
    with pytest.raises(StepError) as caught:
        writer(tmp_path, CountedCalls()).write(str(path), NEW + b"x" * 100_000, mode=None, create=True)
    assert caught.value.code == "disk-full"
    assert path.read_bytes() == OLD
    assert not [entry for entry in small_disk.iterdir() if "torchup-" in entry.name]


@pytest.mark.parametrize("layout", [plain, twice_named])
def test_a_limit_on_file_sizes_leaves_the_old_file(tmp_path: Path, layout: Layout) -> None:
    _, path = lay_out(tmp_path, layout)
    program = (
        "import sys; from pathlib import Path\n"
        "from torchup.apply.atomic_write import FileWriter; from torchup.apply.backups import Backups\n"
        "from torchup.errors import StepError\n"
        "try:\n"
        "    FileWriter(backups=Backups(Path(sys.argv[2]))).write(sys.argv[1], b'y' * 9000, mode=None, create=True)\n"
        "except StepError as error:\n"
        "    print(error.code)\n"
    )

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))

    done = subprocess.run(
        [sys.executable, "-c", program, path, tmp_path / "backups"],
        preexec_fn=limit,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "file-limit"
    assert path.read_bytes() == OLD


@pytest.mark.parametrize(
    ("current", "torn"),
    [
        (b"old!", True),
        (b"newold", False),
        (b"ne", False),
        (b"newer", True),
        (b"new!", True),
        (b"neXd", False),
        (b"ned!", True),
        (b"", False),
    ],
)
def test_a_torn_file_is_told_from_an_edited_one(current: bytes, torn: bool) -> None:
    """Old is `old!`, new is `newer`: a cut-off write leaves a beginning of new and the rest of old."""
    assert torn_between(current, b"old!", b"newer") is torn
