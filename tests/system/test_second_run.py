"""What is said after a second run is true: what `undo` takes back, and what is left for another one."""

from __future__ import annotations

import json

from support.command import Person
from support.wheel_index import WheelIndex


def test_undo_goes_run_by_run_and_says_so(person: Person, index: WheelIndex) -> None:
    before = person.tree()
    wanted = person.answers(
        f"schema: 1\nsource: {{mirror: '{index.url('whl')}'}}\nshell: {{shells: none}}\nverify: {{level: none}}\n"
    )
    first = person.torchup("setup", "--answers", wanted)
    assert first.returncode == 0, first.stderr
    assert "Undo all of it" in first.stdout
    set_up = person.tree()

    second = person.torchup("setup", "--answers", wanted, "--set", "verify.on_failure=warn")
    assert second.returncode == 0, second.stderr
    assert "wrote" in second.stdout
    assert "Undo all of it" not in second.stdout
    assert "Undo this run" in second.stdout
    assert "run-0001" in second.stdout
    assert json.loads(person.torchup("status", "--json").stdout)["run"]["run"] == "run-0002"

    undone = person.torchup("undo", "--yes")
    assert undone.returncode == 0, undone.stderr
    assert "run-0001" in undone.stdout
    assert "`torchup undo`" in undone.stdout
    assert person.tree() == set_up
    last = json.loads(person.torchup("undo", "--yes", "--json").stdout)
    assert last["runs_with_changes"] == []
    assert person.tree() == before
    assert person.torchup("undo", "--yes").returncode == 6
