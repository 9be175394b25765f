"""A plan carried out for real: real uv and pip, stub wheels, a home of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from uv import find_uv_bin

from support.sandbox import Sandbox, offer_of, passing, stamps, tree
from support.wheel_index import WheelIndex, stub_wheel
from torchup.apply.run import apply_plan, predict, undo_run
from torchup.apply.script import dry_run
from torchup.apply.status import read_status
from torchup.errors import ExitStatus, RefusedError, StepError
from torchup.model.offer import IndexSettings
from torchup.model.outcome import Report
from torchup.model.plan import Verify
from torchup.model.request import EnvironmentWish, Request, VerifyWish
from torchup.plan.digests import require_fresh
from torchup.plan.secrets import secret_environment


def installed(box: Sandbox) -> str:
    """Ask the environment's own interpreter what it imports."""
    program = "import torch, sympy; print(torch.__version__, sympy.__version__)"
    return subprocess.run(
        [box.environment / "bin/python", "-c", program], capture_output=True, text=True, check=True
    ).stdout.strip()


def test_everything_is_there_afterwards(box: Sandbox) -> None:
    result = apply_plan(box.plan(), box.machine, verifier=passing)
    assert result.changed
    assert result.exit_status is ExitStatus.DONE
    assert installed(box) == "2.13.0+cpu 1.14.0"
    answers = box.context.places.config / "answers.yaml"
    assert answers.read_text() == "schema: 1\n"
    assert answers.stat().st_mode & 0o777 == 0o600
    assert (box.home / ".bashrc").read_bytes().startswith(b"# mine\n# >>> torchup ")
    shell = subprocess.run(
        ["bash", "-ic", 'printf %s "$TORCHUP_ENVIRONMENT"'],
        env={"HOME": str(box.home), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=True,
    )
    assert shell.stdout == str(box.environment)


def test_a_second_run_writes_nothing(box: Sandbox) -> None:
    apply_plan(box.plan(), box.machine, verifier=passing)
    before = stamps(box.home)
    journals = sorted(box.context.places.journal.iterdir())
    result = apply_plan(box.plan(), box.machine, verifier=passing)
    assert {outcome.status for outcome in result.outcomes} == {"unchanged"}
    assert not result.changed
    assert result.journal is None
    assert result.report is not None
    assert stamps(box.home) == before
    assert sorted(box.context.places.journal.iterdir()) == journals


def test_undo_gives_back_exactly_what_was_there(box: Sandbox) -> None:
    (box.home / ".zshrc").symlink_to("dotfiles/zshrc")
    (box.home / "dotfiles").mkdir()
    (box.home / "dotfiles/zshrc").write_bytes(b"no final newline \xff\r")
    (box.home / "dotfiles/zshrc").chmod(0o604)
    before = tree(box.home)
    apply_plan(box.plan(), box.machine, verifier=passing)
    assert tree(box.home) != before
    result = undo_run(box.machine)
    assert not result.left
    assert tree(box.home) == before
    with pytest.raises(RefusedError) as caught:
        undo_run(box.machine)
    assert caught.value.code == "nothing-to-undo"


def test_a_dry_undo_changes_nothing(box: Sandbox) -> None:
    apply_plan(box.plan(), box.machine, verifier=passing)
    before = tree(box.home, leave_out=())
    dry = undo_run(box.machine, dry_run=True)
    assert tree(box.home, leave_out=()) == before
    wet = undo_run(box.machine)
    assert [(outcome.step_id, outcome.status) for outcome in dry.outcomes] == [
        (outcome.step_id, outcome.status) for outcome in wet.outcomes
    ]


def test_an_empty_folder_that_was_there_comes_back(box: Sandbox) -> None:
    box.environment.mkdir(parents=True)
    box.environment.chmod(0o750)
    before = tree(box.home)
    apply_plan(box.plan(), box.machine, verifier=passing)
    undo_run(box.machine)
    assert tree(box.home) == before


def test_pip_installs_the_same(box: Sandbox) -> None:
    box.wish(installer="pip")
    before = tree(box.home)
    apply_plan(box.plan(), box.machine, verifier=passing)
    assert installed(box) == "2.13.0+cpu 1.14.0"
    assert not apply_plan(box.plan(), box.machine, verifier=passing).changed
    undo_run(box.machine)
    assert tree(box.home) == before


LIBRARY = {"torch/lib/libtorch_cpu.so": "of a thousand bytes" * 100}


def cut_short(path: Path) -> None:
    """Cut a file where it lies, so that every hard link to it is cut too."""
    with path.open("r+b") as file:
        file.truncate(10)


@pytest.mark.parametrize("installer", ["uv", "pip"])
@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("torch/__init__.py", Path.unlink),
        ("torch/lib/libtorch_cpu.so", cut_short),
        ("sympy/__init__.py", Path.unlink),
    ],
)
def test_what_is_no_longer_whole_is_installed_again(
    box: Sandbox, installer: str, name: str, damage: Callable[[Path], None]
) -> None:
    """Also where the installer's cache has the very same damaged file, by a hard link."""
    box.torch = stub_wheel("torch", "2.13.0+cpu", requires=["sympy>=1.13"], files=LIBRARY)
    box.torch.write(box.wheels)
    box.offers = (offer_of(box.torch, box.wheels),)
    box.wish(installer=installer)
    apply_plan(box.plan(), box.machine, verifier=passing)
    (packages,) = box.environment.glob("lib/python3*/site-packages")
    content = (packages / name).read_bytes()
    damage(packages / name)
    dry = dry_run(box.plan(), box.machine.system(), box.context, root_by=())
    package = name.partition("/")[0]
    assert ("--force-reinstall" if installer == "pip" else f"--reinstall-package {package}") in dry.script
    (outcome,) = [found for found in predict(box.plan(), box.machine) if found.step_id == "packages"]
    assert outcome.detail == f"{package} installed again, because {packages / name} is missing or cut short"
    result = apply_plan(box.plan(), box.machine, verifier=passing)
    assert {found.step_id for found in result.outcomes if found.status == "changed"} == {"packages"}
    assert (packages / name).read_bytes() == content
    assert installed(box) == "2.13.0+cpu 1.14.0"
    assert not apply_plan(box.plan(), box.machine, verifier=passing).changed


@pytest.mark.parametrize("installer", ["uv", "pip"])
def test_a_wheel_with_another_hash_is_not_installed(box: Sandbox, installer: str) -> None:
    assert box.torch is not None
    box.wish(installer=installer)
    box.offers = (offer_of(box.torch, box.wheels, sha256="0" * 64),)
    before = tree(box.home)
    with pytest.raises(StepError) as caught:
        apply_plan(box.plan(), box.machine, verifier=passing)
    assert caught.value.code == "hash-mismatch"
    assert caught.value.exit_status is ExitStatus.FAILED_ROLLED_BACK
    assert any("0" * 20 in line for line in caught.value.evidence)
    assert tree(box.home) == before
    status = read_status(box.context)
    assert status is not None
    assert (status.ended, status.can_resume, status.can_undo) == ("rolled-back", False, False)


@pytest.mark.parametrize("installer", ["uv", "pip"])
def test_torch_comes_from_the_picked_source_and_dependencies_from_the_others(box: Sandbox, installer: str) -> None:
    """The default index has a newer and another torch and wants a login, PyTorch's index an sympy that is too old."""
    with WheelIndex() as index:
        picked = stub_wheel("torch", "2.13.0+cu126", requires=["sympy>=1.13"])
        pytorch = index.pytorch("cu126").put(picked).add("sympy", "1.0")
        default = index.simple().add("torch", "2.13.0").add("torch", "2.14.0").add("sympy", "1.14.0")
        index.require_login("/simple", "ann", "canary-7Q")
        box.variant = "cu126"
        box.wish(installer=installer)
        box.offers = (replace(offer_of(picked, pytorch.url), source="pytorch"),)
        box.settings = IndexSettings(default_index=default.url, credentials={default.url: ("ann", "canary-7Q")})
        box.secrets = secret_environment(box.settings)
        plan = box.plan()
        assert "canary" not in repr(plan)
        apply_plan(plan, box.machine, verifier=passing)
    assert installed(box) == "2.13.0+cu126 1.14.0"
    for path in box.home.rglob("*"):
        if path.is_file() and not path.is_relative_to(box.home / ".cache"):
            assert b"canary-7Q" not in path.read_bytes(), path


def test_a_find_links_page_may_want_a_login(box: Sandbox) -> None:
    with WheelIndex() as index:
        wheel = stub_wheel("torch", "2.13.0+cpu", requires=["sympy>=1.13"])
        page = index.links().put(wheel)
        index.require_login("/", "ann", "canary-7Q")
        box.offers = (offer_of(wheel, page.url),)
        links = (page.url, str(box.wheels))
        box.settings = IndexSettings(no_index=True, find_links=links, credentials={page.url: ("ann", "canary-7Q")})
        box.secrets = secret_environment(box.settings)
        apply_plan(box.plan(), box.machine, verifier=passing)
    assert installed(box) == "2.13.0+cpu 1.14.0"


def test_an_unlabelled_pick_is_not_replaced_by_a_labelled_one(box: Sandbox) -> None:
    plain = stub_wheel("torch", "2.13.0", requires=["sympy>=1.13"])
    plain.write(box.wheels)
    stub_wheel("torch", "2.13.0+cu126", requires=["sympy>=1.13"]).write(box.wheels)
    box.offers = (offer_of(plain, box.wheels, hashed=False),)
    apply_plan(box.plan(), box.machine, verifier=passing)
    assert installed(box) == "2.13.0 1.14.0"


def test_settings_in_the_environment_do_not_change_what_is_installed(box: Sandbox) -> None:
    box.environ = {
        "UV_SYSTEM_PYTHON": "1",
        "UV_TORCH_BACKEND": "cu126",
        "UV_OVERRIDE": "/nowhere",
        "UV_NO_VERIFY_HASHES": "1",
        "UV_PYTHON": "/nowhere/python",
        "PYTHONHOME": "/nowhere",
    }
    apply_plan(box.plan(), box.machine, verifier=passing)
    assert installed(box) == "2.13.0+cpu 1.14.0"


def test_an_existing_environment_gets_only_what_was_asked_for_and_gives_it_back(box: Sandbox) -> None:
    uv = find_uv_bin()
    environment = box.home / "work/env"
    stub_wheel("numpy", "2.0.0", tags=("py3", "none", "any")).write(box.wheels)
    subprocess.run(
        [uv, "venv", "-q", "--no-config", "--no-project", "--python", sys.executable, environment], check=True
    )
    python = environment / "bin/python"
    offline: list[str | Path] = ["--no-config", "--no-index", "--find-links", box.wheels, "--python", python]
    subprocess.run([uv, "pip", "install", "-q", *offline, "numpy"], check=True)
    box.wish(path=str(environment))
    with pytest.raises(RefusedError) as caught:
        box.plan()
    assert caught.value.code == "environment-exists"
    box.wish(path=str(environment), kind="existing")
    before = tree(box.home)
    apply_plan(box.plan(), box.machine, verifier=passing)
    assert installed(box) == "2.13.0+cpu 1.14.0"
    assert not apply_plan(box.plan(), box.machine, verifier=passing).changed
    result = undo_run(box.machine)
    assert not result.left
    assert {name for name in tree(box.home) if "__pycache__" not in name} == set(before)


def test_an_environment_of_ours_may_be_brought_to_another_build(box: Sandbox) -> None:
    apply_plan(box.plan(), box.machine, verifier=passing)
    newer = stub_wheel("torch", "2.14.0+cpu", requires=["sympy>=1.13"])
    newer.write(box.wheels)
    box.offers = (offer_of(newer, box.wheels),)
    result = apply_plan(box.plan(), box.machine, verifier=passing)
    assert [outcome.step_id for outcome in result.outcomes if outcome.status == "changed"] == [
        "requirements",
        "packages",
        "lock",
    ]
    assert installed(box) == "2.14.0+cpu 1.14.0"
    undone = undo_run(box.machine)
    assert undone.restored
    assert not undone.left
    assert installed(box) == "2.13.0+cpu 1.14.0"
    undo_run(box.machine)
    assert not box.environment.exists()


def test_extras_and_a_kernel_come_beside_the_chosen_build(box: Sandbox) -> None:
    stub_wheel("ipykernel", "7.0.0", tags=("py3", "none", "any")).write(box.wheels)
    stub_wheel("einops", "0.8.0", tags=("py3", "none", "any"), requires=["torch"]).write(box.wheels)
    stub_wheel("torch", "2.99.0").write(box.wheels)
    box.wish(extras=("einops>=0.7",), jupyter_kernel=True)
    before = tree(box.home)
    apply_plan(box.plan(), box.machine, verifier=passing)
    assert installed(box) == "2.13.0+cpu 1.14.0"
    kernel = json.loads((box.home / ".local/share/jupyter/kernels/torchup-torch/kernel.json").read_text())
    assert kernel["argv"][0] == str(box.environment / "bin/python")
    assert not apply_plan(box.plan(), box.machine, verifier=passing).changed
    undo_run(box.machine)
    assert tree(box.home) == before


def test_everything_goes_below_another_root(box: Sandbox, tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / box.home.relative_to("/")).mkdir(parents=True)
    box.root = root
    before = tree(box.home, leave_out=())
    apply_plan(box.plan(), box.machine, verifier=passing)
    assert tree(box.home, leave_out=()) == before
    below = root / box.home.relative_to("/")
    assert (below / ".venvs/torch/bin/python").exists()
    assert b"torchup" in (below / ".zshrc").read_bytes()
    system = box.machine.system()
    with pytest.raises(RefusedError) as caught:
        system.write_file(str(box.home / "file"), b"", mode=None, create=True)
    assert caught.value.code == "outside-root"


@pytest.mark.parametrize(
    ("verdict", "on_failure", "status"),
    [("pass", "fail", 0), ("degraded", "fail", 4), ("fail", "fail", 4), ("fail", "warn", 0)],
)
def test_a_test_that_fails_keeps_the_set_up_and_tells(box: Sandbox, verdict: str, on_failure: str, status: int) -> None:
    box.request = Request(verify=VerifyWish(on_failure=on_failure), environment=EnvironmentWish())  # type: ignore[arg-type]

    def test(step: Verify) -> Report:
        return Report(python=step.python, level=step.level, checks=(), verdict=verdict)  # type: ignore[arg-type]

    result = apply_plan(box.plan(), box.machine, verifier=test)
    assert result.exit_status == status
    assert box.environment.exists()


def test_a_plan_for_another_machine_or_other_answers_is_stale(box: Sandbox) -> None:
    plan = box.plan()
    require_fresh(plan, facts=box.facts, request=box.request)
    apply_plan(plan, box.machine, verifier=passing)
    require_fresh(plan, facts=replace(box.facts, environment={"X": "1"}), request=box.request)
    other = replace(box.facts, os=replace(box.facts.os, version="99"))
    for facts, request in ((other, box.request), (box.facts, Request(verify=VerifyWish(level="full")))):
        with pytest.raises(RefusedError) as caught:
            require_fresh(plan, facts=facts, request=request)
        assert caught.value.code == "plan-stale"


def test_a_start_up_file_that_changed_since_the_review_is_left_alone(box: Sandbox) -> None:
    plan = box.plan()
    (box.home / ".bashrc").write_bytes(b"# edited in between\n")
    before = tree(box.home)
    with pytest.raises(StepError) as caught:
        apply_plan(plan, box.machine, verifier=passing)
    assert caught.value.code == "file-changed"
    assert tree(box.home) == before


def test_a_prediction_is_what_then_happens(box: Sandbox) -> None:
    plan = box.plan()
    predicted = predict(plan, box.machine)
    result = apply_plan(plan, box.machine, verifier=None)
    assert [(outcome.step_id, outcome.status, outcome.detail) for outcome in predicted] == [
        (outcome.step_id, outcome.status, outcome.detail) for outcome in result.outcomes
    ]
