"""What is planned around conda: where a toolkit goes, what conda is told, and what is kept out of PATH."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from support.sandbox import Sandbox, context_in
from torchup.errors import RefusedError
from torchup.model.facts import CondaInstall, MachineFacts, OperatingSystem
from torchup.model.offer import IndexSettings
from torchup.model.plan import CreateEnvironment, Plan, WriteFile
from torchup.model.request import EnvironmentWish, Request, ShellWish, ToolkitWish
from torchup.model.resolution import ToolkitDecision
from torchup.plan.build import PlanInput, environment_path, make_plan
from torchup.plan.conda import conda_environment, conda_prefix, python_specs
from torchup.plan.conda_layout import cuda_home_in, include_dir, library_dir, nvcc_below
from torchup.plan.conda_toolkit import PACKAGES, toolkit_specs
from torchup.plan.target import TargetState

CONDA = CondaInstall(kind="conda", path="/c/bin/conda")
MICROMAMBA = CondaInstall(kind="micromamba", path="/u/bin/micromamba")
LINUX = OperatingSystem(system="linux", arch="x86_64")
WINDOWS = OperatingSystem(system="windows", arch="x86_64")


@pytest.fixture
def box(tmp_path: Path) -> Sandbox:
    return Sandbox.create(tmp_path)


def planned(box: Sandbox, kind: str, toolkit: ToolkitDecision, *, cudnn: bool = False, **settings: object) -> Plan:
    facts = replace(box.facts, conda=(CONDA,))
    request = Request(
        environment=EnvironmentWish(kind=kind, name="deep"),  # type: ignore[arg-type]
        cuda_toolkit=ToolkitWish(source=toolkit.source, cudnn=cudnn),
        shell=ShellWish(shells=("bash", "conda")),
    )
    target = TargetState(path=environment_path(request, facts, box.context), kind="absent")
    given = PlanInput(
        facts=facts,
        request=request,
        settings=replace(box.settings, **settings),  # type: ignore[arg-type]
        context=box.context,
        target=target,
        uv="/uv",
    )
    return make_plan(resolution=replace(box.resolution, cuda_toolkit=toolkit), given=given)


def created(plan: Plan) -> dict[str, CreateEnvironment]:
    return {step.id: step for step in plan.steps if isinstance(step, CreateEnvironment)}


def written(plan: Plan) -> dict[str, str]:
    return {step.path: step.content for step in plan.steps if isinstance(step, WriteFile)}


def test_the_toolkit_is_solved_together_with_python(box: Sandbox) -> None:
    plan = planned(box, "conda", ToolkitDecision(source="conda", version="13.0"), cudnn=True)
    (environment,) = created(plan).values()
    (command,) = environment.commands
    assert set(command.argv[command.argv.index("/c/envs/deep") + 1 :]) == {
        *(f"python={box.resolution.torch.python}", "pip", "cuda-version=13.0", "cudnn", *PACKAGES),  # type: ignore[union-attr]
    }
    assert environment.provides == ("bin/nvcc",)
    files = written(plan)
    assert "CUDA_HOME='/c/envs/deep'" in files["/c/envs/deep/etc/conda/activate.d/torchup.sh"]
    # What is inside of a conda environment is no matter of a start-up file: its bin holds a python too.
    env_file = next(text for path, text in files.items() if path.endswith("/env.sh"))
    assert "/c/envs/deep/bin" not in env_file
    assert "CUDA_HOME='" not in env_file


def test_another_toolkit_is_told_to_shells_and_to_conda(box: Sandbox) -> None:
    plan = planned(box, "conda", ToolkitDecision(source="existing", version="13.0", path="/usr/local/cuda-13.0"))
    script = written(plan)["/c/envs/deep/etc/conda/activate.d/torchup.sh"]
    assert "CUDA_HOME='/usr/local/cuda-13.0'" in script
    assert "CUDA_INC_PATH='" not in script
    assert any("/usr/local/cuda-13.0/bin" in text for path, text in written(plan).items() if path.endswith("/env.sh"))


def test_without_a_toolkit_conda_has_nothing_to_set(box: Sandbox) -> None:
    plan = planned(box, "conda", ToolkitDecision(source="none"))
    assert not [path for path in written(plan) if "etc/conda" in path]
    assert any("conda has nothing to set" in warning for warning in plan.warnings)


def test_a_venv_says_that_it_is_no_conda_environment(box: Sandbox) -> None:
    plan = planned(box, "venv", ToolkitDecision(source="none"))
    assert any("is no conda environment" in warning for warning in plan.warnings)


def test_beside_a_venv_the_toolkit_has_an_environment_without_python(box: Sandbox) -> None:
    plan = planned(box, "venv", ToolkitDecision(source="conda", version="12.6"))
    toolkit = created(plan)["cuda-toolkit"]
    assert toolkit.path == "/c/envs/cuda-12.6"
    assert not [word for word in toolkit.commands[0].argv if word.startswith("python")]
    assert list(created(plan)) == ["cuda-toolkit", "environment"]


def test_a_login_in_an_index_is_in_no_environment_file(box: Sandbox) -> None:
    plan = planned(
        box,
        "conda",
        ToolkitDecision(source="none"),
        extra_indexes=("https://private.example/simple",),
        credentials={"https://private.example/simple": ("ann", "s3cr3t")},
    )
    text = written(plan)["/c/envs/deep/environment.yml"]
    assert "-url https://private.example/simple" in text
    assert "s3cr3t" not in text


def test_the_name_counts_unless_another_folder_was_asked_for(tmp_path: Path) -> None:
    context = context_in(tmp_path)

    def place(conda: CondaInstall, **wish: str) -> str:
        request = Request(environment=EnvironmentWish(kind="conda", **wish), origins={"environment.path": "a.yaml:3"})  # type: ignore[arg-type]
        return conda_prefix(request, MachineFacts(os=LINUX, gpus=(), conda=(conda,)), context)

    assert place(CONDA, name="deep") == "/c/envs/deep"
    assert place(CONDA, name="deep", path="~/.venvs/torch") == "/c/envs/deep"
    assert place(CONDA, path="/data/env") == "/data/env"
    assert place(MICROMAMBA, name="deep") == f"{tmp_path}/micromamba/envs/deep"


def test_refusals_name_what_to_do() -> None:
    with pytest.raises(RefusedError) as old:
        toolkit_specs(ToolkitDecision(source="conda", version="11.8"), cudnn=False)
    with pytest.raises(RefusedError) as free:
        python_specs("3.13t")
    assert (old.value.code, free.value.code) == ("conda-toolkit-too-old", "conda-free-threaded")
    assert old.value.hint
    assert free.value.hint
    assert toolkit_specs(ToolkitDecision(source="wheel", version="13.0"), cudnn=True) == ()


def test_where_conda_forge_puts_cuda() -> None:
    assert (cuda_home_in("/e", LINUX), nvcc_below(LINUX)) == ("/e", "bin/nvcc")
    assert (include_dir("/e", LINUX), library_dir("/e", LINUX)) == (
        "/e/targets/x86_64-linux/include",
        "/e/targets/x86_64-linux/lib",
    )
    assert library_dir("/e", OperatingSystem(system="linux", arch="aarch64")) == "/e/targets/sbsa-linux/lib"
    assert (cuda_home_in("C:\\e", WINDOWS), nvcc_below(WINDOWS)) == ("C:\\e\\Library", "Library\\bin\\nvcc.exe")
    assert include_dir("C:\\e\\Library", WINDOWS) == "C:\\e\\Library\\include"


def test_proxy_certificates_and_another_root_reach_conda(tmp_path: Path) -> None:
    settings = IndexSettings(ca_bundle="/ca.pem", proxy="http://proxy:3128")
    added = conda_environment(settings, context_in(tmp_path, root=tmp_path / "image"))
    assert added["CONDA_SSL_VERIFY"] == added["MAMBA_SSL_VERIFY"] == "/ca.pem"
    assert added["HTTPS_PROXY"] == "http://proxy:3128"
    assert added["CONDA_PKGS_DIRS"].startswith(str(tmp_path))
    assert not [name for name in added if name.startswith("UV_")]
