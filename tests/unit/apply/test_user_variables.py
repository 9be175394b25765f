"""Variables of the Windows user's account: set, kept beside other people's changes, and taken back."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.fake_registry import FakeRegistry
from support.sandbox import Sandbox
from support.tools import require
from torchup.apply.executor import execute
from torchup.apply.history import read_runs
from torchup.apply.journal import Journal
from torchup.apply.real_system import RealSystem
from torchup.apply.script import dry_run
from torchup.apply.undo import UndoResult, undo
from torchup.apply.windows_variables import RegistryVariables, user_variables
from torchup.errors import RefusedError, StepError
from torchup.model.plan import Plan, SetUserVariable
from torchup.plan.windows_shell_steps import variable_steps, windows_environment

CUDA = r"C:\Program Files\NVIDIA GPU Computing Toolkit\CUDA\v13.0"
BIN = rf"{CUDA}\bin"
SZ, EXPAND = FakeRegistry.REG_SZ, FakeRegistry.REG_EXPAND_SZ
MINE = r"%USERPROFILE%\bin;C:\Tools"


class Windows:
    """An account on Windows with a registry, and torchup's journal in a folder."""

    def __init__(self, folder: Path, **values: tuple[str, int]) -> None:
        self.box = Sandbox.create(folder)
        self.registry = FakeRegistry(**values)
        self.announced = 0

    def system(self) -> RealSystem:
        variables = RegistryVariables(registry=self.registry, announce=self._announce)
        return replace(self.box.machine.system(), variables=lambda: variables)

    def _announce(self) -> None:
        self.announced += 1

    def plan(self, cuda: str | None = CUDA) -> Plan:
        steps = variable_steps(windows_environment(cuda, r"C:\Users\ann\.venvs\torch", activate=False))
        return Plan(tool_version="0", facts_digest="", request_digest="", steps=steps)

    def apply(self, cuda: str | None = CUDA) -> tuple[str, ...]:
        plan = self.plan(cuda)
        journal = Journal.create(self.box.context, plan)
        result = execute(plan, self.system(), journal=journal, context=self.box.context, verifier=None)
        return tuple(outcome.step_id for outcome in result.outcomes if outcome.status == "changed")

    def undo(self) -> UndoResult:
        run = next(run for run in read_runs(self.box.context) if run.has_changes)
        journal = Journal.reopen(self.box.context, run.path)
        return undo(run, self.system(), context=self.box.context, journal=journal)


def test_path_keeps_its_kind_and_its_entries_and_ours_is_first(tmp_path: Path) -> None:
    account = Windows(tmp_path, Path=(MINE, EXPAND), TEMP=("x", SZ))
    before = dict(account.registry.values)
    assert len(account.apply()) == 5
    assert account.registry.values["Path"] == (f"{BIN};{MINE}", EXPAND)
    assert account.registry.values["CUDA_HOME"] == (CUDA, SZ)
    assert account.announced == 5
    assert account.apply() == ()
    assert account.announced == 5
    assert account.undo().left == ()
    assert account.registry.values == before


@pytest.mark.parametrize(
    "entry", [BIN, BIN.lower(), BIN + "\\", BIN.replace("\\", "/")], ids=["same", "case", "slash at the end", "slashes"]
)
def test_an_entry_is_known_again_as_windows_knows_it(tmp_path: Path, entry: str) -> None:
    account = Windows(tmp_path, Path=(rf"C:\a;{entry};C:\b;{BIN}-old", SZ))
    account.apply()
    assert account.registry.values["Path"] == (rf"{BIN};C:\a;C:\b;{BIN}-old", SZ)


@pytest.mark.parametrize("value", [None, ("", EXPAND), ("", SZ), ("C:\\a;;C:\\b;", EXPAND)])
def test_no_path_an_empty_one_and_empty_entries_come_back(tmp_path: Path, value: tuple[str, int] | None) -> None:
    account = Windows(tmp_path, **({} if value is None else {"Path": value}))
    before = dict(account.registry.values)
    account.apply()
    assert account.registry.values["Path"][0].split(";")[0] == BIN
    account.undo()
    assert account.registry.values == before


def test_another_toolkit_takes_the_place_of_ours_and_none_takes_it_out(tmp_path: Path) -> None:
    account = Windows(tmp_path, Path=(MINE, EXPAND), CUDA_HOME=(r"C:\mine", SZ))
    account.apply(r"C:\cuda\v12.6")
    account.apply()
    assert account.registry.values["Path"][0] == f"{BIN};{MINE}"
    account.apply(None)
    assert account.registry.values["Path"] == (MINE, EXPAND)
    assert {"CUDA_HOME", "TORCHUP_CUDA_HOME", "TORCHUP_PATH_ENTRIES"}.isdisjoint(account.registry.values)
    for _ in range(3):
        assert account.undo().left == ()
    assert account.registry.values == {"Path": (MINE, EXPAND), "CUDA_HOME": (r"C:\mine", SZ)}


def test_a_cuda_home_that_somebody_set_is_not_deleted(tmp_path: Path) -> None:
    account = Windows(tmp_path, Path=(MINE, EXPAND))
    account.apply()
    account.registry.values["CUDA_HOME"] = (r"C:\mine", SZ)
    account.apply(None)
    assert account.registry.values["CUDA_HOME"] == (r"C:\mine", SZ)


def test_undo_leaves_what_others_changed_and_says_so(tmp_path: Path) -> None:
    account = Windows(tmp_path, Path=(MINE, EXPAND))
    account.apply()
    account.registry.values["Path"] = (rf"C:\new;{BIN};{MINE};C:\last", EXPAND)
    account.registry.values["CUDA_HOME"] = (r"C:\mine", SZ)
    left = account.undo().left
    assert account.registry.values["Path"] == (rf"C:\new;{MINE};C:\last", EXPAND)
    assert account.registry.values["CUDA_HOME"] == (r"C:\mine", SZ)
    assert [item.text for item in left] == [r"The variable CUDA_HOME is C:\mine by now, and was left as it is."]


ENTRY = st.text(st.sampled_from("abAB%\\/ .:~ü"), max_size=6)


@given(
    path=st.none() | st.lists(ENTRY).map(";".join),
    expand=st.booleans(),
    inserted=st.lists(st.tuples(st.integers(0, 9), ENTRY), max_size=3),
)
def test_undo_takes_out_our_entry_and_nothing_else(
    path: str | None, expand: bool, inserted: list[tuple[int, str]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    given_values = {} if path is None else {"Path": (path, EXPAND if expand else SZ)}
    account = Windows(tmp_path_factory.mktemp("account"), **given_values)
    account.apply()
    value, kind = account.registry.values["Path"]
    entries, expected = value.split(";"), (path or "").split(";") if path else []
    assert entries == [BIN, *expected]
    for at, entry in inserted:
        place = min(at, len(expected))
        entries.insert(place + 1, entry)
        expected.insert(place, entry)
    account.registry.values["Path"] = (";".join(entries), kind)
    assert account.undo().left == ()
    if not inserted:
        assert account.registry.values == given_values
    elif ";".join(expected) or path is not None:
        assert account.registry.values["Path"] == (";".join(expected), kind)


def test_refusals(tmp_path: Path) -> None:
    account = Windows(tmp_path, Path=(MINE, EXPAND))
    with pytest.raises(RefusedError) as percent:
        account.apply(r"C:\100%real%")
    assert percent.value.code == "path-has-percent"
    account.registry.denied = True
    with pytest.raises(StepError) as denied:
        account.apply()
    assert denied.value.code == "variable-not-read"
    with pytest.raises(StepError) as elsewhere:
        user_variables().write("CUDA_HOME", None)
    assert user_variables().read("Path") is None
    assert elsewhere.value.code == "no-user-variables"
    below = replace(account.system(), root=tmp_path / "image")
    with pytest.raises(RefusedError) as outside:
        below.write_variable("A", None)
    assert outside.value.code == "outside-root"


def test_the_dry_run_writes_powershell_that_changes_only_what_it_saw(tmp_path: Path) -> None:
    account = Windows(tmp_path, Path=(MINE, EXPAND), CUDA_HOME=("it's", SZ))
    before = dict(account.registry.values)
    script = dry_run(account.plan(), account.system(), account.box.context).script
    assert account.registry.values == before
    shell = tmp_path / "bin" / "powershell.exe"
    shell.parent.mkdir()
    shell.write_text('#!/bin/sh\nprintf "%s\\n" "$4" >>"$SEEN"\n')
    shell.chmod(0o755)
    seen = tmp_path / "seen"
    done = subprocess.run(
        [require("dash"), "-s"],
        input=script,
        env={"PATH": f"{shell.parent}:/usr/bin:/bin", "SEEN": str(seen), "HOME": str(tmp_path)},
        text=True,
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    commands = seen.read_text().splitlines()
    assert len(commands) == 5
    path = next(line for line in commands if "$n = 'Path'" in line)
    assert f"-cne '{MINE}'" in path
    assert f"-PropertyType ExpandString -Value '{BIN};{MINE}' -Force" in path
    assert "-cne 'it''s'" in next(line for line in commands if "$n = 'CUDA_HOME'" in line)
    assert all("SetEnvironmentVariable('TORCHUP_ANNOUNCE', $null, 'User')" in line for line in commands)


def test_only_windows_gets_such_steps() -> None:
    assert all(
        isinstance(step, SetUserVariable) for step in variable_steps(windows_environment(None, None, activate=False))
    )
