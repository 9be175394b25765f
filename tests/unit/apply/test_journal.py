"""The journal on disk: what it keeps, what it survives, and how what it says is used."""

from __future__ import annotations

import errno
import json
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from support.faulty_calls import CountedCalls
from support.sandbox import Sandbox, passing, tree
from torchup.apply.backups import Backups
from torchup.apply.change import FileChange
from torchup.apply.history import last_run, made_environments, read_run, read_runs
from torchup.apply.journal import Journal
from torchup.apply.run import apply_plan, resume_run, undo_run
from torchup.apply.status import read_status
from torchup.errors import RefusedError, StepError
from torchup.model.context import Context
from torchup.model.outcome import Outcome
from torchup.model.plan import EditManagedBlock, Plan, WriteFile
from torchup.plan.target import TargetState


def plan_of(*steps: object) -> Plan:
    return Plan(tool_version="0", facts_digest="f", request_digest="r", steps=steps)  # type: ignore[arg-type]


def file_step(path: Path, content: str = "new\n", step_id: str = "file") -> WriteFile:
    return WriteFile(id=step_id, summary="Write it", why="w", path=str(path), content=content)


def block_step(path: Path, expected: str | None) -> EditManagedBlock:
    return EditManagedBlock(  # noqa: S604 - the language of the file, no shell is run
        id="block",
        summary="Block",
        why="w",
        path=str(path),
        shell="sh",
        body="true\n",
        expected_sha256=expected,
        create=True,
    )


def digest_of(path: Path) -> str:
    from torchup.apply.backups import sha256

    return sha256(path.read_bytes())


def run(box: Sandbox, *steps: object) -> None:
    apply_plan(plan_of(*steps), box.machine, verifier=None)


def test_a_journal_holds_the_plan_and_what_was_before_and_after(box: Sandbox) -> None:
    plan = box.plan()
    apply_plan(plan, box.machine, verifier=passing)
    (record,) = read_runs(box.context)
    assert record.plan == plan
    change = record.steps[f"block:{box.home}/.bashrc"].change
    assert isinstance(change, FileChange)
    backups = Backups(box.context.places.backups)
    assert backups.read(change.before_sha256 or "") == b"# mine\n"
    assert backups.read(change.after_sha256 or "") == (box.home / ".bashrc").read_bytes()
    assert record.path.stat().st_mode & 0o777 == 0o600
    lines = [json.loads(line) for line in record.path.read_text().splitlines()]
    assert lines[0]["record"] == "head"
    assert {line["schema"] for line in lines} == {1}
    assert made_environments(box.context) == {str(box.environment)}


@pytest.mark.parametrize("keep", [1, 10, 60])
def test_a_torn_last_line_is_left_out_and_then_cut_off(box: Sandbox, keep: int) -> None:
    path = box.home / "file"
    journal = Journal.create(box.context, plan_of(file_step(path)))
    change = FileChange(path=str(path), before_sha256=None, after_sha256="0" * 64, after_mode=0o644)
    journal.started("file", change, at=box.context.now())
    whole = journal.path.read_bytes()
    journal.end("done", at=box.context.now())
    end = journal.path.read_bytes()[len(whole) :]
    journal.path.write_bytes(whole + end[:keep])
    record = read_run(journal.path)
    assert (record.status, record.steps["file"].outcome) == (None, None)
    Journal.reopen(box.context, journal.path).end("undone", at=box.context.now())
    record = read_run(journal.path)
    assert record.status == "undone"


def test_a_journal_of_a_later_version_is_refused_and_unknown_lines_are_not(box: Sandbox) -> None:
    journal = Journal.create(box.context, plan_of())
    journal.write("a later kind", box.context.now(), more=1)
    journal.end("done", at=box.context.now())
    record = read_run(journal.path)
    assert record.status == "done"
    journal.path.write_text(
        journal.path.read_text().replace('"schema": 1, "record": "head"', '"schema": 2, "record": "head"')
    )
    with pytest.raises(RefusedError) as caught:
        read_run(journal.path)
    assert caught.value.code == "journal-unreadable"


def test_damage_in_the_middle_is_named(box: Sandbox) -> None:
    run(box, file_step(box.home / "file"))
    record = last_run(box.context)
    assert record is not None
    lines = record.path.read_text().splitlines(keepends=True)
    record.path.write_text("".join([lines[0], "{damaged\n", *lines[2:]]))
    with pytest.raises(RefusedError) as caught:
        read_status(box.context)
    assert "line 2" in caught.value.evidence[0]


def at(box: Sandbox, moment: str) -> Context:
    """The context of the box, with the clock set to a moment."""
    return replace(box.context, now=lambda: datetime.fromisoformat(moment))


@pytest.mark.parametrize(
    "clock",
    [
        ("2026-11-30T12:00:00+00:00", "2026-11-30T12:00:00+00:00", "2026-11-30T12:00:00+00:00"),
        ("2026-11-30T12:00:00+00:00", "1970-01-01T00:00:00+00:00", "2001-09-09T01:46:40+00:00"),
        ("2099-01-01T00:00:00+00:00", "2026-11-30T12:00:00+00:00", "2038-01-19T03:14:07+00:00"),
    ],
    ids=["stopped", "set back", "set forward and back"],
)
def test_runs_are_ordered_by_number_whatever_the_clock_says(box: Sandbox, clock: tuple[str, ...]) -> None:
    names = ["one", "two", "three"]
    for name, moment in zip(names, clock, strict=True):
        apply_plan(plan_of(file_step(box.home / name)), replace(box.machine, context=at(box, moment)), verifier=None)
    assert [run.run for run in read_runs(box.context)] == ["run-0003", "run-0002", "run-0001"]
    for name in reversed(names):
        status = read_status(box.context)
        assert status is not None
        assert status.run == f"run-000{names.index(name) + 1}"
        undo_run(box.machine)
        assert [other for other in names if (box.home / other).exists()] == names[: names.index(name)]


def test_runs_with_a_time_for_a_name_come_before_those_with_a_number(box: Sandbox) -> None:
    """torchup 0.1.0 named its journals by the clock; they stay readable and are older, whatever they are called."""
    for name in ("old", "older"):
        run(box, file_step(box.home / name))
    folder = box.context.places.journal
    (folder / "run-0001.jsonl").rename(folder / "20991231T235959-002.jsonl")
    (folder / "run-0002.jsonl").rename(folder / "20991231T235959-001.jsonl")
    run(box, file_step(box.home / "new"))
    assert [record.run for record in read_runs(box.context)] == [
        "run-0003",
        "20991231T235959-002",
        "20991231T235959-001",
    ]
    undo_run(box.machine)
    assert not (box.home / "new").exists()
    assert (box.home / "old").exists()


def test_a_number_is_never_given_twice(box: Sandbox) -> None:
    """Also not below one that was given, nor to two runs that begin at the same moment."""
    Journal.create(box.context, plan_of())
    second = Journal.create(box.context, plan_of())
    second.path.with_name("run-0001.jsonl").unlink()
    assert Journal.create(box.context, plan_of()).run == "run-0003"
    with ThreadPoolExecutor(8) as pool:
        runs = [made.run for made in pool.map(lambda _: Journal.create(box.context, plan_of()), range(40))]
    assert sorted(runs) == [f"run-{number:04}" for number in range(4, 44)]
    assert len(read_runs(box.context)) == 42


def test_after_ten_thousand_runs_the_order_is_still_that_of_the_numbers(box: Sandbox) -> None:
    first = Journal.create(box.context, plan_of())
    first.path.rename(first.path.with_name("run-9999.jsonl"))
    Journal.create(box.context, plan_of())
    assert [record.run for record in read_runs(box.context)] == ["run-10000", "run-9999"]


@pytest.mark.parametrize("links", [True, False], ids=["hard links", "no hard links"])
def test_a_journal_has_a_head_or_no_name(box: Sandbox, *, links: bool) -> None:
    """Every call that beginning a run makes is once its last one, and fails once."""
    number = 0
    seen = 1
    while number < seen:
        number += 1
        for error in (None, errno.EIO):
            calls = CountedCalls(at=number, error=error)
            if not links:
                setattr(calls, "link", refuse_links)  # noqa: B010 - the protocol has methods, not attributes
            begun(box, calls)
            for path in box.context.places.journal.glob("*.jsonl"):
                assert read_run(path).plan == plan_of()
                path.unlink()
            seen = max(seen, len(calls.seen))
    assert seen > 4


def refuse_links(source: str, target: str) -> None:
    raise OSError(errno.EPERM, "no hard links here", source, None, target)


def begun(box: Sandbox, calls: CountedCalls) -> None:
    if calls.error is not None:
        with suppress(StepError):
            Journal.create(box.context, plan_of(), calls)
        return
    child = os.fork()
    if child == 0:
        try:
            Journal.create(box.context, plan_of(), calls)
        finally:
            os._exit(0)
    os.waitpid(child, 0)


# --- Undo, when the files are not as torchup left them --------------------------------------------------------


def test_lines_that_were_added_around_the_block_stay(box: Sandbox) -> None:
    rc = box.home / ".bashrc"
    run(box, block_step(rc, digest_of(rc)))
    rc.write_bytes(b"above\n" + rc.read_bytes() + b"below\n")
    assert not undo_run(box.machine).left
    assert rc.read_bytes() == b"above\n# mine\nbelow\n"


def test_a_block_that_was_edited_is_left_with_a_difference(box: Sandbox) -> None:
    rc = box.home / ".bashrc"
    run(box, block_step(rc, digest_of(rc)), file_step(box.home / "file"))
    edited = rc.read_bytes().replace(b"true\n", b"true\nexport MINE=1\n")
    rc.write_bytes(edited)
    result = undo_run(box.machine)
    assert result.left[0].text.startswith(f"{rc}: ")
    assert any("export MINE=1" in line for line in result.left[0].diff)
    assert rc.read_bytes() == edited
    assert not (box.home / "file").exists()
    status = read_status(box.context)
    assert status is not None
    assert (status.ended, status.can_resume) == ("partly-undone", False)
    run(box, file_step(box.home / "file"))


def test_what_could_not_be_undone_does_not_block_earlier_runs(box: Sandbox) -> None:
    run(box, file_step(box.home / "one"))
    run(box, file_step(box.home / "two"))
    (box.home / "two").write_text("edited\n")
    assert undo_run(box.machine).left
    assert not undo_run(box.machine).left
    assert not (box.home / "one").exists()


def test_a_file_of_ours_that_was_edited_is_left_with_a_difference(box: Sandbox) -> None:
    run(box, file_step(box.home / "file"))
    (box.home / "file").write_text("edited\n")
    (left,) = undo_run(box.machine).left
    assert "-new" in left.diff
    assert "+edited" in left.diff
    assert (box.home / "file").read_text() == "edited\n"


def test_a_file_that_was_removed_since_is_no_problem(box: Sandbox) -> None:
    (box.home / "old").write_text("old\n")
    run(box, file_step(box.home / "new", step_id="1"), file_step(box.home / "old", step_id="2"))
    (box.home / "new").unlink()
    (box.home / "old").unlink()
    (left,) = undo_run(box.machine).left
    assert "was removed since" in left.text
    kept = left.text.rpartition(" ")[2].rstrip(".")
    assert Path(kept).read_text() == "old\n"


def test_folders_that_hold_something_else_by_now_stay(box: Sandbox) -> None:
    apply_plan(box.plan(), box.machine, verifier=passing)
    (box.home / ".config/mine").write_text("x")
    undo_run(box.machine)
    assert set(tree(box.home)) == {".bashrc", ".profile", ".config", ".config/mine"}


def test_a_lost_backup_is_said(box: Sandbox) -> None:
    rc = box.home / ".bashrc"
    run(box, block_step(rc, digest_of(rc)))
    for kept in box.context.places.backups.iterdir():
        kept.write_bytes(b"damaged")
    (left,) = undo_run(box.machine).left
    assert "backup" in left.text
    assert b"true" in rc.read_bytes()


def test_an_older_block_goes_back_to_what_it_was(box: Sandbox) -> None:
    rc = box.home / ".bashrc"
    run(box, block_step(rc, digest_of(rc)))
    first = rc.read_bytes()
    newer = block_step(rc, digest_of(rc))
    run(box, type(newer)(**{**{n: getattr(newer, n) for n in newer.__dataclass_fields__}, "body": "false\n"}))
    assert b"false" in rc.read_bytes()
    undo_run(box.machine)
    assert rc.read_bytes() == first
    undo_run(box.machine)
    assert rc.read_bytes() == b"# mine\n"


def test_a_file_torn_by_a_killed_write_in_place_is_put_right(box: Sandbox) -> None:
    """Written in place because of its second name; the process dies in the middle, then resume or undo comes."""
    path, old, new = box.home / "file", b"old bytes\n", "NEW BYTES, and more\n"
    for then in (resume_run, undo_run):
        path.write_bytes(old)
        (box.home / "second").hardlink_to(path)
        journal = Journal.create(box.context, plan_of(file_step(path, new)))
        before, after = journal.backups.keep(old), journal.backups.keep(new.encode())
        change = FileChange(
            path=str(path), before_sha256=before, before_mode=0o644, after_sha256=after, after_mode=0o644
        )
        journal.started("file", change, at=box.context.now())
        with path.open("r+b") as torn:
            torn.write(new.encode()[:6])
        assert path.read_bytes() == b"NEW BYes\n\n"[:6] + old[6:]
        if then is resume_run:
            resume_run(box.machine, verifier=None)
            assert path.read_bytes() == new.encode()
            undo_run(box.machine)
        else:
            assert not undo_run(box.machine).left
        assert path.read_bytes() == old
        (box.home / "second").unlink()


def test_status_tells_each_step(box: Sandbox) -> None:
    journal = Journal.create(
        box.context,
        plan_of(
            file_step(box.home / "a", step_id="a"),
            file_step(box.home / "b", step_id="b"),
            file_step(box.home / "c", step_id="c"),
        ),
    )
    change = FileChange(path=str(box.home / "a"), before_sha256=None, after_sha256="0" * 64, after_mode=0o644)
    journal.started("a", change, at=box.context.now())
    journal.finished("a", Outcome(step_id="a", status="changed", detail="written"), change, at=box.context.now())
    journal.started("b", change, at=box.context.now())
    status = read_status(box.context)
    assert status is not None
    assert [(step.id, step.state) for step in status.steps] == [("a", "done"), ("b", "half-done"), ("c", "not-reached")]
    assert status.steps[0].detail == "written"


def test_the_environment_of_an_undone_run_is_not_ours_any_more(box: Sandbox) -> None:
    apply_plan(box.plan(), box.machine, verifier=passing)
    target = box.plan().steps
    undo_run(box.machine)
    assert made_environments(box.context) == frozenset()
    assert target
    assert TargetState(path="x", kind="absent").made_by_torchup is False
