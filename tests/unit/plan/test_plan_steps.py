"""The plan as data: which steps, in which order, with which commands; and the places that are refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from support.sandbox import Sandbox, offer_of
from support.wheel_index import stub_wheel
from torchup.errors import NoSolutionError, RefusedError
from torchup.model.facts import CondaInstall, MachineFacts, Space, Toolkit
from torchup.model.plan import (
    CreateEnvironment,
    EditManagedBlock,
    InstallPackages,
    Plan,
    RemoveFile,
    Verify,
    WriteFile,
)
from torchup.model.request import EnvironmentWish, Request, ShellWish, SourceWish, VerifyWish
from torchup.model.resolution import ToolkitDecision
from torchup.model.serial import dump, load
from torchup.plan.build import PlanInput, environment_path, make_plan
from torchup.plan.digests import facts_digest
from torchup.plan.shell_steps import plan_shell_removal
from torchup.plan.target import TargetState

UV = "/opt/uv"
FILES = {".bashrc": b"# mine\n"}


@pytest.fixture
def box(tmp_path: Path) -> Sandbox:
    return Sandbox.create(tmp_path)


def planned(
    box: Sandbox, *, facts: MachineFacts | None = None, target: TargetState | None = None, **more: object
) -> Plan:
    """Make a plan from values alone, the disk unseen."""
    facts = facts or box.facts
    place = environment_path(box.request, facts, box.context)
    given = PlanInput(
        facts=facts,
        request=box.request,
        settings=box.settings,
        context=box.context,
        target=target or TargetState(path=place, kind="absent"),
        uv=UV,
        answers_text="schema: 1\n",
        files={str(box.home / name): content for name, content in FILES.items()},
        **more,  # type: ignore[arg-type]
    )
    return make_plan(resolution=box.resolution, given=given)


def step(plan: Plan, step_id: str) -> object:
    return next(step for step in plan.steps if step.id == step_id)


def commands(plan: Plan, step_id: str) -> list[tuple[str, ...]]:
    found = step(plan, step_id)
    assert isinstance(found, CreateEnvironment | InstallPackages)
    return [command.argv for command in found.commands]


def test_the_order_is_answers_environment_packages_shell_test(box: Sandbox) -> None:
    plan = planned(box)
    assert [step.id.partition(":")[0] for step in plan.steps] == [
        *("config-folder", "answers", "environment-folder", "environment", "requirements", "packages", "lock"),
        *("env-file", "block", "block", "block", "verify"),
    ]
    assert len({step.id for step in plan.steps}) == len(plan.steps)
    answers = step(plan, "answers")
    assert isinstance(answers, WriteFile)
    assert answers.mode == 0o600
    assert all(step.summary and step.why for step in plan.steps)


def test_a_plan_is_the_same_for_the_same_input_and_survives_json(box: Sandbox) -> None:
    plan = planned(box)
    assert planned(box) == plan
    assert load(Plan, json.loads(json.dumps(dump(plan)))) == plan


def test_uv_gets_the_index_explicitly_and_reads_no_configuration(box: Sandbox) -> None:
    plan = planned(box)
    (create,) = commands(plan, "environment")
    (install,) = commands(plan, "packages")
    environment = str(box.home / ".venvs/torch")
    python = box.resolution.torch.python_path if box.resolution.torch else ""
    assert create == (
        UV,
        "venv",
        "--no-config",
        "--no-project",
        "--no-python-downloads",
        "--python",
        python,
        environment,
    )
    assert install == (
        *(UV, "pip", "install", "--no-config", "--python", f"{environment}/bin/python", "--no-index"),
        *("--find-links", str(box.wheels), "--requirements", f"{environment}/torchup-requirements.txt"),
    )


def test_the_requirements_name_the_build_with_its_hash(box: Sandbox) -> None:
    assert box.torch is not None
    vision = stub_wheel("torchvision", "0.28.0")
    box.offers = (*box.offers, offer_of(vision, box.wheels, hashed=False))
    requirements = step(planned(box), "requirements")
    assert isinstance(requirements, WriteFile)
    assert requirements.content.splitlines()[1:] == [
        f"torch==2.13.0+cpu --hash=sha256:{box.torch.sha256}",
        "torchvision===0.28.0",
    ]
    install = step(planned(box), "packages")
    assert isinstance(install, InstallPackages)
    assert install.distributions == ("torch==2.13.0+cpu", "torchvision==0.28.0")


def test_a_python_that_is_missing_is_fetched_by_uv_and_refused_with_pip(box: Sandbox) -> None:
    pick = box.resolution.torch
    assert pick is not None
    for python, asked in (("3.12", "3.12"), ("3.13t", "3.13+freethreaded")):
        resolution = replace(box.resolution, torch=replace(pick, python=python, python_path=None))
        given = PlanInput(
            facts=box.facts,
            request=box.request,
            settings=box.settings,
            context=box.context,
            target=TargetState(path="/e", kind="absent"),
            uv=UV,
        )
        (argv,) = commands(make_plan(resolution=resolution, given=given), "environment")
        assert argv[-3:] == ("--python", asked, "/e")
        assert "--no-python-downloads" not in argv
        for request in (
            Request(environment=EnvironmentWish(installer="pip")),
            Request(source=SourceWish(offline=True)),
        ):
            with pytest.raises(RefusedError) as caught:
                make_plan(resolution=resolution, given=replace(given, request=request))
            assert caught.value.code == "no-interpreter"


def test_pip_takes_the_wheels_alone_first_because_of_their_hashes(box: Sandbox) -> None:
    box.wish(installer="pip")
    plan = planned(box)
    python = f"{box.home}/.venvs/torch/bin/python"
    pip = (python, "-m", "pip", "--disable-pip-version-check", "--no-input", "install")
    sources = ("--no-index", "--find-links", str(box.wheels))
    file = f"{box.home}/.venvs/torch/torchup-requirements.txt"
    assert commands(plan, "packages") == [
        (*pip, *sources, "--no-deps", "--require-hashes", "--requirement", file),
        (*pip, *sources, "torch==2.13.0+cpu"),
    ]
    install = step(plan, "packages")
    assert isinstance(install, InstallPackages)
    assert install.commands[0].environment["PIP_CONFIG_FILE"] == "/dev/null"


def test_pip_does_not_demand_hashes_that_are_not_there(box: Sandbox) -> None:
    box.wish(installer="pip")
    box.offers = (*box.offers, offer_of(stub_wheel("torchvision", "0.28.0"), box.wheels, hashed=False))
    first, *_ = commands(planned(box), "packages")
    assert "--require-hashes" not in first


def test_certificates_and_proxies_are_passed_on(box: Sandbox) -> None:
    box.settings = replace(
        box.settings, ca_bundle="/ca.pem", proxy="http://proxy:3128", no_proxy="localhost", no_index=False
    )
    box.request = Request(source=SourceWish(proxy="http://other:1"))
    found = step(planned(box), "packages")
    assert isinstance(found, InstallPackages)
    assert found.commands[0].environment == {
        "SSL_CERT_FILE": "/ca.pem",
        "HTTPS_PROXY": "http://other:1",
        "HTTP_PROXY": "http://other:1",
        "NO_PROXY": "localhost",
    }


def test_a_toolkit_goes_into_the_env_file_and_the_block_only_reads_it(box: Sandbox) -> None:
    box.toolkit = ToolkitDecision(source="existing", version="13.0", path="/usr/local/cuda-13.0")
    facts = replace(box.facts, toolkits=(Toolkit(path="/usr/local/cuda-13.0", nvcc=True, source="path"),))
    plan = planned(box, facts=facts)
    env_file = step(plan, "env-file:env.sh")
    assert isinstance(env_file, WriteFile)
    assert "/usr/local/cuda-13.0/bin" in env_file.content
    assert "/usr/local/cuda-13.0/lib64" in env_file.content
    block = step(plan, f"block:{box.home}/.bashrc")
    assert isinstance(block, EditManagedBlock)
    assert "cuda" not in (block.body or "")
    assert env_file.path in (block.body or "")
    box.variant = "cu130"
    env_file = step(planned(box, facts=facts), "env-file:env.sh")
    assert isinstance(env_file, WriteFile)
    assert "/usr/local/cuda-13.0/lib64" not in env_file.content


def test_a_start_up_file_is_expected_as_it_was_seen(box: Sandbox) -> None:
    plan = planned(box)
    seen, missing = (step(plan, f"block:{box.home}/{name}") for name in (".bashrc", ".zshrc"))
    assert isinstance(seen, EditManagedBlock)
    assert isinstance(missing, EditManagedBlock)
    assert seen.expected_sha256 is not None
    assert not seen.create
    assert missing.expected_sha256 is None
    assert missing.create


def test_fish_gets_a_file_of_its_own(box: Sandbox) -> None:
    box.request = Request(shell=ShellWish(shells=("fish",)))
    facts = replace(box.facts, shells=replace(box.facts.shells, installed=("fish",)))
    ids = [step.id.partition(":")[0] for step in planned(box, facts=facts).steps]
    assert ids[7:-1] == ["env-file", "folder", "own-file"]


def test_no_shell_part_and_no_test_when_not_wished_for(box: Sandbox) -> None:
    box.request = Request(shell=ShellWish(shells="none"), verify=VerifyWish(level="none"))
    assert planned(box).steps[-1].id == "lock"


def test_taking_the_shell_part_out_again(box: Sandbox) -> None:
    files = {str(box.home / ".bashrc"): b"x"}
    removal = plan_shell_removal(
        wish=ShellWish(), facts=box.facts, context=box.context, files=files.get, env_files=["/c/env.sh"]
    )
    block, env_file = removal.steps
    assert isinstance(block, EditManagedBlock)
    assert block.body is None
    assert isinstance(env_file, RemoveFile)
    assert env_file.path == "/c/env.sh"


def test_the_test_names_the_build_that_must_be_found(box: Sandbox) -> None:
    verify = step(planned(box, torchup=("/bin/python", "-m", "torchup")), "verify")
    assert isinstance(verify, Verify)
    assert (verify.expected_version, verify.expected_variant) == ("2.13.0+cpu", "cpu")
    assert verify.commands[0].argv[:4] == ("/bin/python", "-m", "torchup", "verify")


def test_conda_makes_the_environment_and_uv_fills_it(box: Sandbox) -> None:
    box.request = Request(environment=EnvironmentWish(kind="conda", name="deep"))
    with pytest.raises(RefusedError) as caught:
        planned(box)
    assert caught.value.code == "conda-missing"
    facts = replace(
        box.facts,
        conda=(CondaInstall(kind="conda", path="/c/bin/conda"), CondaInstall(kind="mamba", path="/c/bin/mamba")),
    )
    plan = planned(box, facts=facts)
    (create,) = commands(plan, "environment")
    assert create[:2] == ("/c/bin/mamba", "create")
    assert create[-4:] == ("--prefix", "/c/envs/deep", f"python={box.resolution.torch.python}", "pip")  # type: ignore[union-attr]
    (install,) = commands(plan, "packages")
    assert "/c/envs/deep/bin/python" in install
    box.wish(kind="conda", path="~/here")
    assert str(box.home / "here") in commands(planned(box, facts=facts), "environment")[0]


def refused(box: Sandbox, **target: object) -> str:
    with pytest.raises(RefusedError) as caught:
        planned(box, target=TargetState(path="/e", **target))  # type: ignore[arg-type]
    assert caught.value.hint
    return caught.value.code


def test_places_that_hold_something_else_are_refused(box: Sandbox) -> None:
    assert refused(box, kind="file") == "target-is-a-file"
    assert refused(box, kind="dangling-link") == "target-is-a-file"
    assert refused(box, kind="directory") == "target-not-empty"
    assert refused(box, kind="absent", writable=False) == "target-not-writable"
    found = {"kind": "environment", "python": "/e/bin/python"}
    version = f"{box.resolution.torch.python if box.resolution.torch else ''}.1"
    assert refused(box, **found, python_version=version) == "environment-exists"
    assert refused(box, **found, python_version="3.4.0", made_by_torchup=True) == "python-differs"
    box.wish(kind="existing")
    assert refused(box, kind="absent") == "environment-missing"
    assert refused(box, **found, externally_managed=True) == "externally-managed"


def test_an_environment_that_holds_exactly_the_wanted_is_fine(box: Sandbox) -> None:
    version = f"{box.resolution.torch.python if box.resolution.torch else ''}.1"
    target = TargetState(
        path="/e",
        kind="environment",
        writable=False,
        python="/e/bin/python",
        python_version=version,
        distributions={"torch": "2.13.0+cpu"},
    )
    planned(box, target=target)
    with pytest.raises(RefusedError):
        planned(box, target=replace(target, distributions={"torch": "2.13.0+cu126"}))


def test_a_disk_that_is_too_small_is_refused_with_numbers(box: Sandbox) -> None:
    box.offers = (replace(box.offers[0], size=200 * 1024 * 1024),)
    facts = replace(box.facts, space=Space(home_mib=829))
    with pytest.raises(RefusedError) as caught:
        planned(box, facts=facts)
    assert caught.value.code == "not-enough-space"
    assert "829 MiB" in caught.value.message
    planned(box, facts=replace(facts, space=Space(home_mib=830)))
    with pytest.raises(RefusedError):
        planned(box, target=TargetState(path="/e", kind="absent", free_mib=100))


def test_nothing_is_planned_without_a_pick(box: Sandbox) -> None:
    given = PlanInput(
        facts=box.facts,
        request=box.request,
        settings=box.settings,
        context=box.context,
        target=TargetState(path="/e", kind="absent"),
        uv=UV,
    )
    with pytest.raises(NoSolutionError):
        make_plan(resolution=replace(box.resolution, status="action_needed"), given=given)


def test_what_changes_by_itself_is_not_in_the_digest(box: Sandbox) -> None:
    facts = box.facts
    same = replace(facts, space=Space(home_mib=1), environment={"CUDA_VISIBLE_DEVICES": "0"})
    assert facts_digest(same) == facts_digest(facts)
    assert facts_digest(replace(facts, os=replace(facts.os, kernel="7"))) != facts_digest(facts)
