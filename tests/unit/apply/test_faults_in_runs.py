"""Every call that a whole run of file steps makes fails once, or is its last one: then resume and undo work.

The calls of the writer, of the backups and of the journal are counted together.
"""

from __future__ import annotations

import errno
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from support.faulty_calls import NAMES, CountedCalls
from support.sandbox import context_in, tree
from support.tools import NIGHTLY
from torchup.apply.backups import sha256
from torchup.apply.history import read_runs
from torchup.apply.os_calls import REAL_CALLS
from torchup.apply.run import Machine, apply_plan, resume_run, undo_run
from torchup.errors import StepError, StoppedError, TorchupError
from torchup.model.plan import EditManagedBlock, MakeDirectory, Plan, RemoveFile, Step, WriteFile

ERRORS = (errno.ENOSPC, errno.EIO, errno.EROFS, errno.EACCES, errno.EBUSY, errno.EDQUOT, errno.EINTR, errno.EPERM)
BASHRC = b"# the person's own file\nexport EDITOR=vi"
HARD = b"# a file with two names\n"


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder in memory, where bringing things to the disk costs nothing."""
    shm = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(dir=shm if os.access(shm, os.W_OK) else None))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(autouse=True)
def healed() -> Iterator[None]:
    yield
    heal()


def break_at(calls: CountedCalls) -> CountedCalls:
    for name in NAMES:
        setattr(REAL_CALLS, name, getattr(calls, name))
    return calls


def heal() -> None:
    vars(REAL_CALLS).clear()


def lay_out(folder: Path) -> Machine:
    """Lay out files of all kinds: ordinary, linked, with two names, ours from before, and a missing one."""
    home = folder / "home"
    (home / "dotfiles").mkdir(parents=True)
    (home / ".bashrc").write_bytes(BASHRC)
    (home / ".bashrc").chmod(0o640)
    (home / "dotfiles/zshrc").write_bytes(b"setopt autocd\n")
    (home / ".zshrc").symlink_to("dotfiles/zshrc")
    (home / ".cshrc").write_bytes(HARD)
    (home / "second-name").hardlink_to(home / ".cshrc")
    (home / "old-env").write_bytes(b"ours, from before\n")
    return Machine(context=context_in(home))


def plan_for(machine: Machine) -> Plan:
    home, config = machine.context.home, machine.context.places.config
    seen = {".bashrc": BASHRC, ".zshrc": b"setopt autocd\n", ".cshrc": HARD, ".profile": None}
    steps: list[Step] = [
        MakeDirectory(id="folder", summary="s", why="w", path=str(config)),
        WriteFile(id="env-file:env.sh", summary="s", why="w", path=str(config / "env.sh"), content="true\n"),
        RemoveFile(id="old", summary="s", why="w", path=str(home / "old-env")),
    ]
    steps += [
        EditManagedBlock(  # noqa: S604 - the language of the file, no shell is run
            id=f"block:{name}",
            summary="s",
            why="w",
            path=str(home / name),
            shell="bash",
            body="true\n",
            expected_sha256=None if content is None else sha256(content),
            create=True,
        )
        for name, content in seen.items()
    ]
    return Plan(tool_version="0", facts_digest="", request_digest="", steps=tuple(steps))


@pytest.fixture
def ends(place: Path) -> tuple[dict[str, str], dict[str, str], list[str]]:
    """Tell what a home is before and after a whole run, and the calls of that run."""
    machine = lay_out(place / "rehearsal")
    before = tree(machine.context.home)
    counted = break_at(CountedCalls())
    apply_plan(plan_for(machine), machine, verifier=None)
    heal()
    return before, tree(machine.context.home), counted.seen


def leftovers(folder: Path) -> list[str]:
    return [str(path) for path in folder.rglob("*") if path.name.endswith(".tmp")]


def without_temporary(machine: Machine) -> dict[str, str]:
    return {name: what for name, what in tree(machine.context.home).items() if not name.endswith(".tmp")}


def old_or_new(machine: Machine, before: dict[str, str], after: dict[str, str], *, number: int) -> None:
    now = without_temporary(machine)
    for name in {*before, *after, *now}:
        assert now.get(name) in (before.get(name), after.get(name)), (number, name)


def end_it(machine: Machine, before: dict[str, str], after: dict[str, str], *, number: int) -> None:
    """Go on after a stop: resume or undo where the run is open, apply anew and undo where it is not."""
    home = machine.context.home
    open_run = next((run for run in read_runs(machine.context) if run.is_open and run.has_changes), None)
    if open_run is not None and number % 2:
        undo_run(machine).raise_if_left()
        assert tree(home) == before, number
        assert not leftovers(home.parent), number
    if open_run is not None and not number % 2:
        resume_run(machine, verifier=None)
    else:
        apply_plan(plan_for(machine), machine, verifier=None)
    assert tree(home) == after, number
    assert not leftovers(home.parent), number
    undo_run(machine).raise_if_left()
    assert tree(home) == before, number
    assert not machine.context.places.backups.exists(), number


def test_each_call_may_fail(place: Path, ends: tuple[dict[str, str], dict[str, str], list[str]]) -> None:
    before, after, names = ends
    assert {"replace", "link", "ftruncate", "fchmod", "unlink"} & set(names)
    assert len(names) > 80
    for number, name in enumerate(names, start=1):
        errors = ERRORS if NIGHTLY else (ERRORS[number % len(ERRORS)],)
        for error in errors:
            machine = lay_out(place / f"{number}-{error}")
            plan = plan_for(machine)
            break_at(CountedCalls(at=number, error=error))
            problem: TorchupError | None = None
            try:
                apply_plan(plan, machine, verifier=None)
            except TorchupError as caught:
                problem = caught
            heal()
            here = (number, name, errno.errorcode[error])
            if problem is None:
                assert without_temporary(machine) == after, here
                undo_run(machine).raise_if_left()
            elif isinstance(problem, StepError):
                assert without_temporary(machine) == before, here
                assert problem.hint, here
            else:
                assert isinstance(problem, StoppedError), here
                old_or_new(machine, before, after, number=number)
            end_it(machine, before, after, number=number)
            shutil.rmtree(machine.context.home.parent)


def test_short_writes_are_gone_on_with(place: Path, ends: tuple[dict[str, str], dict[str, str], list[str]]) -> None:
    before, after, _ = ends
    machine = lay_out(place / "short")
    break_at(CountedCalls(short=True))
    apply_plan(plan_for(machine), machine, verifier=None)
    assert tree(machine.context.home) == after
    undo_run(machine).raise_if_left()
    assert tree(machine.context.home) == before


def killed_at(machine: Machine, number: int, what: str) -> None:
    child = os.fork()
    if child == 0:
        try:
            break_at(CountedCalls(at=number))
            if what == "apply":
                apply_plan(plan_for(machine), machine, verifier=None)
            else:
                undo_run(machine)
        finally:
            os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL, number


def test_the_process_may_die_before_each_call(
    place: Path, ends: tuple[dict[str, str], dict[str, str], list[str]]
) -> None:
    before, after, names = ends
    for number in range(1, len(names) + 1):
        for turn in (0, 1) if NIGHTLY else (0,):
            machine = lay_out(place / f"{number}-{turn}")
            killed_at(machine, number, "apply")
            old_or_new(machine, before, after, number=number)
            end_it(machine, before, after, number=number + turn)
            shutil.rmtree(machine.context.home.parent)


def test_an_undo_may_die_before_each_call(place: Path, ends: tuple[dict[str, str], dict[str, str], list[str]]) -> None:
    before, after, _ = ends
    machine = lay_out(place / "rehearsal-of-undo")
    apply_plan(plan_for(machine), machine, verifier=None)
    counted = break_at(CountedCalls())
    undo_run(machine)
    heal()
    assert len(counted.seen) > 30
    for number in range(1, len(counted.seen) + 1):
        machine = lay_out(place / f"{number}")
        apply_plan(plan_for(machine), machine, verifier=None)
        killed_at(machine, number, "undo")
        old_or_new(machine, before, after, number=number)
        if read_runs(machine.context)[0].has_changes:
            undo_run(machine).raise_if_left()
        assert tree(machine.context.home) == before, number
        assert not leftovers(machine.context.home.parent), number
        shutil.rmtree(machine.context.home.parent)


def test_each_call_of_an_undo_may_fail(place: Path, ends: tuple[dict[str, str], dict[str, str], list[str]]) -> None:
    before, after, _ = ends
    machine = lay_out(place / "rehearsal-of-undo")
    apply_plan(plan_for(machine), machine, verifier=None)
    counted = break_at(CountedCalls())
    undo_run(machine)
    heal()
    for number, name in enumerate(counted.seen, start=1):
        error = ERRORS[number % len(ERRORS)]
        machine = lay_out(place / f"{number}")
        apply_plan(plan_for(machine), machine, verifier=None)
        break_at(CountedCalls(at=number, error=error))
        here = (number, name, errno.errorcode[error])
        with suppress(StoppedError):
            undo_run(machine).raise_if_left()
        heal()
        old_or_new(machine, before, after, number=number)
        if read_runs(machine.context)[0].has_changes:
            undo_run(machine).raise_if_left()
        assert without_temporary(machine) == before, here
        shutil.rmtree(machine.context.home.parent)


@pytest.mark.parametrize("name", [".bashrc", ".zshrc", ".cshrc", ".profile", "old-env"])
def test_what_an_editor_saves_right_before_the_write_is_kept(place: Path, name: str) -> None:
    """For every kind of file: renamed over, linked, with two names, created, and removed."""
    machine = lay_out(place / "home-of-an-editor")
    home = machine.context.home
    before = without_temporary(machine)
    real = REAL_CALLS.write

    def write(fd: int, data: bytes | memoryview) -> int:
        # The note that the step begins is the last thing before its file is written.
        if b'"started"' in bytes(data) and f'"{home / name}"'.encode() in bytes(data):
            (home / name).write_bytes(b"an editor saved this\n")
        return real(fd, data)

    setattr(REAL_CALLS, "write", write)  # noqa: B010 - the protocol has methods, not attributes
    with pytest.raises(StepError) as caught:
        apply_plan(plan_for(machine), machine, verifier=None)
    heal()
    assert caught.value.code == "file-changed"
    assert (home / name).read_bytes() == b"an editor saved this\n"
    changed = {key for key, what in tree(home).items() if before.get(key) != what}
    also = {".zshrc": "dotfiles/zshrc", ".cshrc": "second-name"}.get(name)
    assert changed <= {name, also}
    assert not leftovers(home.parent)
