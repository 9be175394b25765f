"""The journal on disk: what it keeps, what it survives, and how what it says is used."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support.sandbox import Sandbox, passing, tree
from torchup.apply.backups import Backups
from torchup.apply.change import FileChange
from torchup.apply.history import last_run, made_environments, read_run, read_runs
from torchup.apply.journal import Journal
from torchup.apply.run import apply_plan, resume_run, undo_run
from torchup.apply.status import read_status
from torchup.errors import RefusedError
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
    assert record is not None
    assert (record.status, record.steps["file"].outcome) == (None, None)
    Journal.reopen(box.context, journal.path).end("undone", at=box.context.now())
    record = read_run(journal.path)
    assert record is not None
    assert record.status == "undone"


def test_a_torn_head_is_no_run(box: Sandbox) -> None:
    journal = Journal.create(box.context, plan_of())
    journal.path.write_bytes(journal.path.read_bytes()[:30])
    assert read_runs(box.context) == ()
    assert read_status(box.context) is None


def test_a_journal_of_a_later_version_is_refused_and_unknown_lines_are_not(box: Sandbox) -> None:
    journal = Journal.create(box.context, plan_of())
    journal.write("a later kind", box.context.now(), more=1)
    journal.end("done", at=box.context.now())
    record = read_run(journal.path)
    assert record is not None
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


def test_two_runs_in_one_second_have_two_journals(box: Sandbox) -> None:
    now = box.context.now()
    context = box.context
    frozen = type(context)(**{**{n: getattr(context, n) for n in context.__dataclass_fields__}, "now": lambda: now})
    one, two = Journal.create(frozen, plan_of()), Journal.create(frozen, plan_of())
    assert one.path != two.path
    assert one.path < two.path


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
