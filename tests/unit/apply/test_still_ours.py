"""What the journals know of our files: for removal, and for closing the books after it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support.sandbox import context_in, tree
from torchup.apply.backups import sha256
from torchup.apply.history import read_runs
from torchup.apply.run import Machine, apply_plan, undo_run
from torchup.apply.status import read_status
from torchup.apply.still_ours import files_still_ours, removal_steps, settle_removal
from torchup.errors import RefusedError, StepError
from torchup.model.plan import EditManagedBlock, MakeDirectory, Plan, Step, WriteFile


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    home = tmp_path / "home"
    home.mkdir()
    (home / ".bashrc").write_bytes(b"# mine")
    (home / ".zshrc").write_bytes(b"setopt autocd\n")
    return Machine(context=context_in(home))


def plan_of(*steps: Step) -> Plan:
    return Plan(tool_version="0", facts_digest="", request_digest="", steps=steps)


def block(machine: Machine, name: str, body: str = "true\n") -> EditManagedBlock:
    path = machine.context.home / name
    seen = sha256(path.read_bytes()) if path.exists() else None
    return EditManagedBlock(  # noqa: S604 - the language of the file, no shell is run
        id=f"block:{path}",
        summary="s",
        why="w",
        path=str(path),
        shell="bash",
        body=body,
        expected_sha256=seen,
        create=True,
    )


def apply_some(machine: Machine, *names: str) -> None:
    config = machine.context.places.config
    steps: list[Step] = [
        MakeDirectory(id="folder", summary="s", why="w", path=str(config)),
        WriteFile(id="env-file:env.sh", summary="s", why="w", path=str(config / "env.sh"), content="true\n"),
        WriteFile(
            id="answers", summary="s", why="w", path=str(machine.context.home / "answers"), content="schema: 1\n"
        ),
        *(block(machine, name) for name in names),
    ]
    apply_plan(plan_of(*steps), machine, verifier=None)


def take_out(machine: Machine) -> tuple[str, ...]:
    steps = removal_steps(files_still_ours(machine.context), planned=())
    if steps:
        apply_plan(plan_of(*steps), machine, verifier=None)
    return settle_removal(machine.context, machine.system())


def forms(machine: Machine) -> dict[str, str]:
    return {Path(file.path).name: file.form for file in files_still_ours(machine.context)}


def test_every_file_of_every_run_is_listed_once(machine: Machine) -> None:
    apply_some(machine, ".bashrc")
    apply_some(machine, ".zshrc", ".profile")
    assert forms(machine) == {"env.sh": "env-file", ".bashrc": "block", ".zshrc": "block", ".profile": "block"}


def test_what_was_undone_removed_or_taken_out_by_hand_is_not(machine: Machine) -> None:
    apply_some(machine, ".bashrc")
    apply_some(machine, ".zshrc", ".profile")
    undo_run(machine)
    (machine.context.home / ".bashrc").write_bytes(b"all new\n")
    assert forms(machine) == {"env.sh": "env-file"}
    (machine.context.places.config / "env.sh").unlink()
    assert forms(machine) == {}


def test_a_damaged_or_edited_block_is_still_ours(machine: Machine) -> None:
    apply_some(machine, ".bashrc", ".zshrc")
    for name in (".bashrc", ".zshrc"):
        rc = machine.context.home / name
        rc.write_bytes(rc.read_bytes().replace(b"true\n", b"" if name == ".bashrc" else b"true\nmine\n"))
    rc = machine.context.home / ".bashrc"
    rc.write_bytes(rc.read_bytes().replace(b"# <<< torchup <<<\n", b""))
    assert forms(machine) == {"env.sh": "env-file", ".bashrc": "block", ".zshrc": "block"}


def test_a_removal_leaves_no_folder_no_backup_and_nothing_to_undo(machine: Machine) -> None:
    home = machine.context.home
    before = tree(home)
    apply_some(machine, ".bashrc", ".profile")
    assert any(machine.context.places.backups.iterdir())
    went = take_out(machine)
    assert str(machine.context.places.config) in went
    # What is no part of the shells' configuration stays, and can be undone.
    assert tree(home).keys() - before.keys() == {"answers"}
    kept = {path.read_bytes() for path in machine.context.places.backups.iterdir()}
    assert kept == {b"schema: 1\n"}
    undo_run(machine)
    assert tree(home) == before
    assert not machine.context.places.backups.exists()
    with pytest.raises(RefusedError) as caught:
        undo_run(machine)
    assert caught.value.code == "nothing-to-undo"


def test_the_status_of_a_removal_is_that_it_is_done(machine: Machine) -> None:
    apply_some(machine, ".bashrc")
    undo_run(machine)
    apply_plan(plan_of(block(machine, ".bashrc")), machine, verifier=None)
    take_out(machine)
    status = read_status(machine.context)
    assert status is not None
    assert {step.state for step in status.steps} == {"done"}
    assert not status.can_undo
    earlier = read_runs(machine.context)[1]
    assert [record.settled for record in earlier.steps.values()] == [True]


def test_a_folder_that_holds_something_else_stays(machine: Machine) -> None:
    apply_some(machine, ".bashrc")
    (machine.context.places.config / "notes").write_bytes(b"mine\n")
    take_out(machine)
    assert (machine.context.places.config / "notes").exists()
    (machine.context.places.config / "notes").unlink()
    undo_run(machine)
    assert not machine.context.places.config.exists()


def test_a_folder_that_was_made_anew_stays(machine: Machine) -> None:
    config = machine.context.places.config
    apply_some(machine, ".bashrc")
    config.rename(config.with_name("old"))
    config.mkdir()
    assert str(config) not in take_out(machine)
    assert config.is_dir()


def test_removing_twice_does_nothing(machine: Machine) -> None:
    apply_some(machine, ".bashrc")
    take_out(machine)
    runs = len(read_runs(machine.context))
    assert take_out(machine) == ()
    assert len(read_runs(machine.context)) == runs


def test_a_journal_that_cannot_be_read_keeps_every_backup(machine: Machine) -> None:
    apply_some(machine, ".bashrc")
    kept = {path.name for path in machine.context.places.backups.iterdir()}
    journal = read_runs(machine.context)[0].path
    later = journal.with_name("run-0099.jsonl")
    head = json.loads(journal.read_text().splitlines()[0])
    head["plan"]["tool_version"] = "9.1"
    later.write_text(json.dumps({**head, "schema": 2}) + "\n")
    with pytest.raises(RefusedError) as caught:
        undo_run(machine)
    assert caught.value.code == "journal-unreadable"
    assert "torchup 9.1 wrote it" in caught.value.message
    assert "torchup 9.1" in (caught.value.hint or "")
    assert {path.name for path in machine.context.places.backups.iterdir()} == kept
    later.unlink()
    undo_run(machine)
    assert not machine.context.places.backups.exists()


def test_a_rolled_back_run_leaves_no_backups(machine: Machine) -> None:
    home = machine.context.home
    (home / ".zshrc").chmod(0o444)
    with pytest.raises(StepError) as caught:
        apply_some(machine, ".bashrc", ".zshrc")
    assert caught.value.code == "read-only-file"
    assert (home / ".bashrc").read_bytes() == b"# mine"
    assert not machine.context.places.backups.exists()
