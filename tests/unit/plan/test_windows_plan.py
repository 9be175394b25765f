"""Plans for Windows, as snapshots: the account's variables, and the PowerShell profile where it is asked for."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from support.machines import MACHINES, read_machine
from support.sandbox import context_in
from torchup.errors import UsageError
from torchup.model.context import Context
from torchup.model.facts import MachineFacts, Shells, User
from torchup.model.plan import EditManagedBlock, SetUserVariable
from torchup.model.request import ShellWish
from torchup.model.resolution import ToolkitDecision
from torchup.model.serial import dump
from torchup.plan.shell_steps import ShellPlan, plan_shell, plan_shell_removal
from torchup.plan.windows_shell_steps import windows_environment

HOME = r"C:\Users\Ann Ünal"
CUDA = ToolkitDecision(
    source="existing", version="13.0", path=r"C:\Program Files\NVIDIA GPU Computing Toolkit\CUDA\v13.0"
)
ENVIRONMENT = rf"{HOME}\.venvs\torch"
PROFILE = rf"{HOME}\Documents\PowerShell\profile.ps1"


@pytest.fixture
def context(tmp_path: Path) -> Context:
    context = context_in(tmp_path)
    return replace(context, places=replace(context.places, config=Path(r"C:\Users\Ann Ünal\AppData\Local\torchup")))


def machine(*files: str) -> MachineFacts:
    facts: MachineFacts = read_machine(MACHINES / "windows-4090-581.yaml").facts
    return replace(
        facts,
        user=User(name="Ann", home=HOME),
        shells=Shells(current="pwsh", installed=("pwsh",), files=files),
    )


def planned(
    context: Context, wish: ShellWish, *, toolkit: ToolkitDecision = CUDA, files: dict[str, bytes] | None = None
) -> ShellPlan:
    seen = files or {}
    return plan_shell(
        wish=wish,
        facts=machine(*seen),
        context=context,
        files=seen.get,
        toolkit=toolkit,
        environment=ENVIRONMENT,
        wheel_brings_cuda=True,
    )


def steps(plan: ShellPlan) -> list[dict[str, Any]]:
    """Give the steps as data, the long texts in lines."""
    return [
        {name: value.splitlines() if name in ("content", "body") and value else value for name, value in step.items()}
        for step in json.loads(json.dumps(dump(plan.steps)))
    ]


def test_the_account_gets_variables_and_no_file_is_touched(context: Context, snapshot: SnapshotAssertion) -> None:
    plan = planned(context, ShellWish())
    assert {type(step) for step in plan.steps} == {SetUserVariable}
    assert steps(plan) == snapshot
    assert plan.library_path.reason.code == "windows"


def test_the_profile_gets_a_block_when_powershell_is_named(context: Context, snapshot: SnapshotAssertion) -> None:
    plan = planned(context, ShellWish(shells=("powershell", "bash")), files={PROFILE: b"Set-Alias ll ls\r\n"})
    assert steps(plan) == snapshot
    assert [skipped.shell for skipped in plan.choice.skipped] == ["bash"]
    assert "Set-ExecutionPolicy" in plan.choice.notes[0]


def test_without_a_profile_each_edition_gets_one(context: Context) -> None:
    plan = planned(context, ShellWish(activate=True))
    edits = [step for step in plan.steps if isinstance(step, EditManagedBlock)]
    assert [step.path for step in edits] == [
        rf"{HOME}\Documents\WindowsPowerShell\profile.ps1",
        rf"{HOME}\Documents\PowerShell\profile.ps1",
    ]
    assert all(step.create and step.expected_sha256 is None for step in edits)


def test_a_named_file_is_the_only_one(context: Context) -> None:
    plan = planned(context, ShellWish(rc=r"D:\profile.ps1"))
    assert [step.path for step in plan.steps if isinstance(step, EditManagedBlock)] == [r"D:\profile.ps1"]


def test_none_means_none(context: Context) -> None:
    assert planned(context, ShellWish(shells="none")).steps == ()


def test_without_a_toolkit_what_an_earlier_run_set_goes(context: Context) -> None:
    plan = planned(context, ShellWish(), toolkit=ToolkitDecision(source="none"))
    wanted = {step.name: step.value for step in plan.steps if isinstance(step, SetUserVariable) and not step.is_list}
    assert wanted == {
        "TORCHUP_PATH_ENTRIES": None,
        "CUDA_HOME": None,
        "TORCHUP_CUDA_HOME": None,
        "TORCHUP_ENVIRONMENT": ENVIRONMENT,
    }


def test_removal_takes_out_variables_and_block(context: Context) -> None:
    files = {PROFILE: b"x"}
    plan = plan_shell_removal(
        wish=ShellWish(shells=("powershell",)),
        facts=machine(PROFILE),
        context=context,
        files=lambda _path: files[PROFILE],
    )
    assert [step.value for step in plan.steps if isinstance(step, SetUserVariable)] == [None] * 5
    assert [step.body for step in plan.steps if isinstance(step, EditManagedBlock)] == [None]


def test_a_conda_environment_gets_its_scripts_on_windows_too(context: Context) -> None:
    plan = plan_shell(
        wish=ShellWish(),
        facts=machine(),
        context=context,
        files=lambda _path: None,
        toolkit=ToolkitDecision(source="conda", version="13.0", path=rf"{ENVIRONMENT}\Library"),
        environment=ENVIRONMENT,
        wheel_brings_cuda=True,
        is_conda=True,
    )
    written = {step.path: step.content for step in plan.steps if step.kind == "WriteFile"}
    script = next(text for path, text in written.items() if path.endswith("activate.d/torchup.ps1"))
    assert "Library" in script
    variables = {step.name: step.value for step in plan.steps if isinstance(step, SetUserVariable)}
    assert variables["CUDA_HOME"] is None


def test_what_path_cannot_hold_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        windows_environment(r"C:\a;b", None, activate=False)
    assert caught.value.code == "path-has-colon"
