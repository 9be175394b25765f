from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from support.sandbox import Sandbox, offer_of
from support.wheel_index import stub_wheel
from torchup.model.facts import OperatingSystem
from torchup.model.markers import marker_environment
from torchup.model.plan import InstallPackages, MakeLink, Plan, WriteFile
from torchup.model.request import EnvironmentWish, Request, ShellWish
from torchup.model.resolution import ToolkitDecision
from torchup.plan.extras import SETS, wanted_extras
from torchup.plan.toolkit_steps import wheel_home


@pytest.fixture
def box(tmp_path: Path) -> Sandbox:
    box = Sandbox.create(tmp_path)
    wheels = tuple(
        offer_of(stub_wheel(name, "13.0.88", tags=("py3", "none", "any")), box.wheels)
        for name in ("nvidia-cuda-nvcc", "nvidia-nvvm")
    )
    box.toolkit = ToolkitDecision(source="wheel", version="13.0", wheels=wheels)
    return box


def written(plan: Plan, name: str) -> str:
    (content,) = [step.content for step in plan.steps if isinstance(step, WriteFile) and step.path.endswith(name)]
    return content


def test_the_toolkit_goes_in_after_pytorch_with_pins_and_within_constraints(box: Sandbox) -> None:
    plan = box.plan()
    ids = [step.id for step in plan.steps]
    assert ids.index("packages") < ids.index("constraints") < ids.index("cuda-toolkit") < ids.index("lock")
    (step,) = [step for step in plan.steps if step.id == "cuda-toolkit"]
    assert isinstance(step, InstallPackages)
    assert step.distributions == ("nvidia-cuda-nvcc==13.0.88", "nvidia-nvvm==13.0.88")
    (command,) = step.commands
    at = command.argv.index("--constraint")
    assert command.argv[at + 1].endswith("torchup-constraints.txt")
    assert written(plan, "torchup-constraints.txt").splitlines()[-1] == "torch==2.13.0+cpu"
    lines = written(plan, "torchup-cuda-requirements.txt").splitlines()[1:]
    assert [line.split(" --hash=sha256:")[0] for line in lines] == [
        "nvidia-cuda-nvcc===13.0.88",
        "nvidia-nvvm===13.0.88",
    ]


def test_cuda_home_is_the_folder_of_the_wheels_with_the_links_it_lacks(box: Sandbox) -> None:
    plan = box.plan()
    python = f"{box.resolution.torch.python}" if box.resolution.torch else ""
    home = f"{box.environment}/lib/python{python}/site-packages/nvidia/cu13"
    links = {step.path: step.target for step in plan.steps if isinstance(step, MakeLink)}
    assert links == {f"{home}/lib64": "lib", f"{home}/lib/libcudart.so": "libcudart.so.13"}
    env = written(plan, "env.sh")
    assert f"CUDA_HOME='{home}'" in env
    assert f"'{home}/lib'" in env  # LD_LIBRARY_PATH, beside a build without CUDA libraries
    assert "lib64" not in env


def test_on_windows_there_are_no_links(box: Sandbox) -> None:
    facts = replace(box.facts, os=replace(box.facts.os, system="windows"))
    plan = box.plan(facts=facts)
    assert not [step for step in plan.steps if isinstance(step, MakeLink)]
    assert wheel_home("/e", "3.12", windows=True) == "/e/Lib/site-packages/nvidia/cu13"


def test_a_free_threaded_python_has_a_folder_of_its_own() -> None:
    assert wheel_home("/e", "3.14t", windows=False) == "/e/lib/python3.14t/site-packages/nvidia/cu13"


def test_with_pip_the_wheels_go_in_alone_first(box: Sandbox) -> None:
    box.wish(installer="pip")
    (step,) = [step for step in box.plan().steps if step.id == "cuda-toolkit"]
    assert isinstance(step, InstallPackages)
    first, second = step.commands
    assert "--no-deps" in first.argv
    assert "--require-hashes" in first.argv
    assert "--constraint" not in first.argv
    assert "--constraint" in second.argv


def test_without_a_toolkit_and_extras_nothing_of_it_is_planned(box: Sandbox) -> None:
    box.toolkit = ToolkitDecision(source="none")
    ids = [step.id for step in box.plan().steps]
    assert not {"constraints", "cuda-toolkit", "extras"} & set(ids)


LINUX = OperatingSystem(system="linux", arch="x86_64")


def test_a_set_is_its_packages_and_a_requirement_is_itself() -> None:
    wish = EnvironmentWish(extras=("notebook", "numpy>=2", "transformers>=5", "ipywidgets"), jupyter_kernel=True)
    assert wanted_extras(wish, marker_environment(LINUX, "3.12")) == (
        "notebook",
        "ipywidgets",
        "matplotlib",
        "numpy>=2",
        "transformers>=5",
        "ipykernel",
    )
    assert all(name in packages for name, packages in SETS.items())


def test_the_kernel_starts_with_what_shells_know(box: Sandbox) -> None:
    box.request = Request(environment=EnvironmentWish(jupyter_kernel=True), shell=ShellWish(shells="none"))
    box.environ["JUPYTER_DATA_DIR"] = str(box.home / "jupyter")
    plan = box.plan()
    kernel = json.loads(written(plan, "kernel.json"))
    home = wheel_home(str(box.environment), box.resolution.torch.python if box.resolution.torch else "", windows=False)
    assert kernel["argv"][0] == f"{box.environment}/bin/python"
    assert kernel["env"] == {
        "CUDA_HOME": home,
        "PATH": f"{home}/bin:{box.environment}/bin:${{PATH}}",
        "LD_LIBRARY_PATH": f"{home}/lib",
    }
    box.toolkit = ToolkitDecision(source="none")
    assert set(json.loads(written(box.plan(), "kernel.json"))["env"]) == {"PATH"}
