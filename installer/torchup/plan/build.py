"""Make the plan: everything that is to be done, in order, as data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePath
from typing import Literal

from torchup import __version__
from torchup.errors import NoSolutionError
from torchup.model.plan import (
    Command,
    CreateEnvironment,
    InstallPackages,
    Plan,
    PlannedBuild,
    Step,
    Verify,
    WriteFile,
)
from torchup.model.resolution import Resolution, ToolkitDecision, TorchPick
from torchup.plan.conda_toolkit import conda_toolkit_steps, place_conda_toolkit
from torchup.plan.config_folder import config_folder
from torchup.plan.digests import facts_digest, request_digest
from torchup.plan.environments import environment_steps
from torchup.plan.given import PlanInput, environment_path, python_in, settings_of
from torchup.plan.inherited import left_out_sentence
from torchup.plan.kernel import kernel_steps
from torchup.plan.packages import package_steps
from torchup.plan.pins import all_satisfied
from torchup.plan.requirements import pins
from torchup.plan.shell_steps import ShellPlan, plan_shell
from torchup.plan.space import check_space
from torchup.plan.system.driver_steps import plan_driver
from torchup.plan.system.readiness import can_be_planned
from torchup.plan.system.refusals import refuse_below_root
from torchup.plan.system.toolkit_steps import plan_toolkit
from torchup.plan.target import check_target
from torchup.plan.toolkit_steps import wheel_home
from torchup.words import tr

__all__ = ["PlanInput", "environment_path", "make_plan"]

ANSWERS_MODE = 0o600


def make_plan(*, resolution: Resolution, given: PlanInput) -> Plan:
    """Turn a resolution into ordered steps.

    Raises RefusedError for a place that must not be used (see `check_target`, `check_space`)
    or a driver that torchup does not install (see `plan_driver`), and NoSolutionError when there is
    no build to install.
    """
    pick = resolution.torch
    if pick is None or not can_be_planned(resolution, given.request):
        raise NoSolutionError(
            tr("There is no build of PyTorch that can be installed now."),
            code="nothing-to-install",
            evidence=tuple(step.text for step in resolution.next_steps),
            hint=tr("`torchup resolve` says what has to be done first."),
        )
    wanted = pins(pick)
    check_target(given.target, wish=given.request.environment, wanted=wanted, python=pick.python)
    if not all_satisfied(wanted, given.target.distributions):
        check_space(pick, given.facts, given.target)
    python = given.target.python or python_in(given.target.path, given)
    driver = plan_driver(given.facts, resolution.driver)
    system_toolkit = plan_toolkit(
        given.facts,
        resolution.cuda_toolkit,
        given.request.cuda_toolkit,
        done=[step.id for step in driver.steps],
    )
    if given.context.root != Path("/"):
        refuse_below_root((*driver.steps, *system_toolkit.steps))
    toolkit = _placed(system_toolkit.decision, given, pick)
    shell = _shell(given, toolkit, pick)
    build = _build(pick, python)
    steps = (
        *_answers(given),
        *driver.steps,
        *system_toolkit.steps,
        *_conda_toolkit_steps(given, toolkit),
        *environment_steps(given, pick, toolkit),
        *package_steps(given, pick, toolkit, python, wanted),
        *_kernel(given, python, shell),
        *shell.steps,
        *_verification(given, build, shell),
    )
    return Plan(
        tool_version=__version__,
        facts_digest=facts_digest(given.facts),
        request_digest=request_digest(given.request),
        steps=steps,
        warnings=(
            *(warning.text for warning in resolution.warnings),
            *driver.warnings,
            *shell.warnings,
            *_left_out(given, steps),
        ),
        left_out=shell.choice.left_out,
        # Below another root the shells would read other files.
        shells=shell.proof if given.context.root == Path("/") else None,
        build=build,
    )


def _left_out(given: PlanInput, steps: Sequence[Step]) -> list[str]:
    """Name the settings that an installer of this plan runs without."""
    if not any(isinstance(step, CreateEnvironment | InstallPackages) for step in steps):
        return []
    wish = given.request.environment
    tools: list[Literal["uv", "pip", "conda"]] = [wish.installer]
    if wish.kind == "conda":
        tools.insert(0, "conda")
    return [text for tool in tools if (text := left_out_sentence(given.context.environ, tool))]


def _answers(given: PlanInput) -> list[Step]:
    config = given.context.places.config
    folder = config_folder(str(config), why=tr("torchup's own files go there."))
    if given.answers_text is None:
        return [folder]
    answers = WriteFile(
        id="answers",
        summary=tr("Keep the complete answers"),
        why=tr("The same set-up can be made again from them: torchup setup --answers FILE."),
        path=str(config / "answers.yaml"),
        content=given.answers_text,
        mode=ANSWERS_MODE,
    )
    return [folder, answers]


def _placed(toolkit: ToolkitDecision, given: PlanInput, pick: TorchPick) -> ToolkitDecision:
    """Say where a toolkit of wheels or of conda will be, which only the environment tells."""
    if toolkit.source == "wheel":
        windows = given.facts.os.system == "windows"
        return replace(toolkit, path=wheel_home(given.target.path, pick.python, windows=windows))
    return place_conda_toolkit(
        toolkit, request=given.request, facts=given.facts, context=given.context, environment=given.target.path
    )


def _conda_toolkit_steps(given: PlanInput, toolkit: ToolkitDecision) -> list[Step]:
    return conda_toolkit_steps(
        toolkit, request=given.request, facts=given.facts, context=given.context, settings=settings_of(given)
    )


def _kernel(given: PlanInput, python: str, shell: ShellPlan) -> tuple[Step, ...]:
    if not given.request.environment.jupyter_kernel:
        return ()
    name = PurePath(given.target.path).name
    return kernel_steps(name=name, python=python, facts=given.facts, context=given.context, known=shell.known)


def _shell(given: PlanInput, toolkit: ToolkitDecision, pick: TorchPick) -> ShellPlan:
    files = given.files
    return plan_shell(
        wish=given.request.shell,
        facts=given.facts,
        context=given.context,
        files=files.get if isinstance(files, Mapping) else files,
        toolkit=toolkit,
        environment=given.target.path,
        wheel_brings_cuda=pick.variant.startswith("cu"),
        is_conda=given.request.environment.kind == "conda",
        asked=given.asked,
    )


def _build(pick: TorchPick, python: str) -> PlannedBuild:
    version = next((offer.pin.partition("==")[2] for offer in pick.wheels if offer.package == "torch"), pick.version)
    return PlannedBuild(python=python, version=version, variant=pick.variant, source=pick.source, index=pick.index)


def _verification(given: PlanInput, build: PlannedBuild, shell: ShellPlan) -> list[Step]:
    wish = given.request.verify
    if wish.level == "none":
        return []
    command = Command(argv=(*given.torchup, "verify", "--python", build.python, "--level", wish.level))
    step = Verify(
        id="verify",
        summary=tr("Test PyTorch {version} ({level})", version=build.version, level=wish.level),
        why=tr("Only a computation that comes out right proves that the set-up works."),
        python=build.python,
        level=wish.level,
        expected_version=build.version,
        expected_variant=build.variant,
        on_failure=wish.on_failure,
        # Below another root the shells would read other files.
        shells=shell.proof if given.context.root == Path("/") else None,
        commands=(command,),
    )
    return [step]
