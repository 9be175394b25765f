"""Make the plan: everything that is to be done, in order, as data."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePath

from torchup import __version__
from torchup.errors import NoSolutionError
from torchup.model.context import Context
from torchup.model.facts import MachineFacts
from torchup.model.offer import IndexSettings
from torchup.model.plan import Command, CreateEnvironment, InstallPackages, MakeDirectory, Plan, Step, Verify, WriteFile
from torchup.model.request import Request
from torchup.model.resolution import Resolution, ToolkitDecision, TorchPick
from torchup.plan.child_environment import installer_environment
from torchup.plan.conda import conda_environment, conda_prefix, create_conda, find_conda, python_specs, torch_specs
from torchup.plan.conda_file import conda_file_step
from torchup.plan.conda_layout import nvcc_below
from torchup.plan.conda_toolkit import conda_toolkit_steps, place_conda_toolkit, toolkit_specs
from torchup.plan.digests import facts_digest, request_digest
from torchup.plan.installers import Installer
from torchup.plan.kernel import kernel_steps
from torchup.plan.pins import all_satisfied
from torchup.plan.requirements import pins, requirement_lines, requirements_text
from torchup.plan.secrets import find_links_are_secret, index_names
from torchup.plan.shell_steps import ShellPlan, plan_shell
from torchup.plan.sources import package_sources
from torchup.plan.space import check_space, download_bytes
from torchup.plan.target import TargetState, check_home, check_target

ANSWERS_MODE = 0o600
REQUIREMENTS = "torchup-requirements.txt"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanInput:
    """Everything that a plan is made from, beside the resolution.

    `target` is what `apply.survey` saw at `environment_path`. `files` gives the bytes of start-up files as
    the person saw them. `answers_text` is the complete answers file, None to keep none. `unreachable` are
    package sources that did not answer. `torchup` is how to call this program.
    """

    facts: MachineFacts
    request: Request
    settings: IndexSettings
    context: Context
    target: TargetState
    uv: str
    answers_text: str | None = None
    files: Callable[[str], bytes | None] | Mapping[str, bytes] = lambda _path: None
    unreachable: Collection[str] = ()
    torchup: tuple[str, ...] = ("torchup",)


def environment_path(request: Request, facts: MachineFacts, context: Context) -> str:
    """Tell where on disk the environment is or will be; `~` is the home, and --root counts."""
    wished = request.environment.path
    if request.environment.kind == "conda":
        wished = conda_prefix(request, facts, context)
    if wished == "~" or wished.startswith("~/"):
        wished = str(context.home / wished[2:])
    return str(context.below_root(context.cwd / wished))


def make_plan(*, resolution: Resolution, given: PlanInput) -> Plan:
    """Turn a resolution into ordered steps.

    Raises RefusedError for a place that must not be used (see `check_target`, `check_space`,
    `check_home`), and NoSolutionError when there is no build to install.
    """
    pick = resolution.torch
    if resolution.status != "ok" or pick is None:
        raise NoSolutionError(
            "There is no build of PyTorch that can be installed now.",
            code="nothing-to-install",
            evidence=tuple(step.text for step in resolution.next_steps),
            hint="`torchup resolve` says what has to be done first.",
        )
    toolkit = _conda_toolkit(given, resolution)
    wanted = pins(pick)
    check_home(given.facts, given.target)
    check_target(given.target, wish=given.request.environment, wanted=wanted, python=pick.python)
    if not all_satisfied(wanted, given.target.distributions):
        check_space(pick, given.facts, given.target)
    python = given.target.python or _python_in(given.target.path, given)
    shell = _shell(given, toolkit, pick)
    steps = (
        *_answers(given),
        *_conda_toolkit_steps(given, toolkit),
        *_environment(given, pick, toolkit),
        *_packages(given, pick, python, wanted),
        *shell.steps,
        *_verification(given, pick, python, shell),
    )
    return Plan(
        tool_version=__version__,
        facts_digest=facts_digest(given.facts),
        request_digest=request_digest(given.request),
        steps=steps,
        warnings=(*(warning.text for warning in resolution.warnings), *shell.warnings),
    )


def _answers(given: PlanInput) -> list[Step]:
    config = given.context.places.config
    folder = MakeDirectory(
        id="config-folder", summary=f"Make {config}", why="torchup's own files go there.", path=str(config)
    )
    if given.answers_text is None:
        return [folder]
    answers = WriteFile(
        id="answers",
        summary="Keep the complete answers",
        why="The same set-up can be made again from them: torchup setup --answers FILE.",
        path=str(config / "answers.yaml"),
        content=given.answers_text,
        mode=ANSWERS_MODE,
    )
    return [folder, answers]


def _conda_toolkit(given: PlanInput, resolution: Resolution) -> ToolkitDecision:
    return place_conda_toolkit(
        resolution.cuda_toolkit,
        request=given.request,
        facts=given.facts,
        context=given.context,
        environment=given.target.path,
    )


def _conda_toolkit_steps(given: PlanInput, toolkit: ToolkitDecision) -> list[Step]:
    return conda_toolkit_steps(
        toolkit, request=given.request, facts=given.facts, context=given.context, settings=_settings(given)
    )


def _environment(given: PlanInput, pick: TorchPick, toolkit: ToolkitDecision) -> list[Step]:
    path = given.target.path
    if given.request.environment.kind == "existing":
        return []
    by_conda = given.request.environment.kind == "conda"
    specs: tuple[str, ...] = ()
    if by_conda:
        specs = (
            *python_specs(pick.python),
            *torch_specs(pick),
            *toolkit_specs(toolkit, cudnn=given.request.cuda_toolkit.cudnn),
        )
    commands = _creation(given, pick, specs)
    parent = str(PurePath(path).parent)
    interpreter = pick.python if by_conda else pick.python_path or pick.python
    why = f"PyTorch gets an environment of its own, with Python {pick.python}, and changes nothing else."
    steps: list[Step] = [
        MakeDirectory(
            id="environment-folder", summary=f"Make {parent}", why="The environment goes there.", path=parent
        ),
        CreateEnvironment(
            id="environment",
            summary=f"Make the environment {path}",
            why=why,
            path=path,
            python=interpreter,
            provides=(nvcc_below(given.facts.os),) if by_conda and toolkit.source == "conda" else (),
            commands=commands,
        ),
    ]
    if by_conda:
        installer = _installer(given, pick)
        # Folders that hold a login travel in the environment of the installer only.
        sources = replace(installer.sources, find_links=()) if installer.find_links_secret else installer.sources
        channels = given.request.source.conda_channels
        lines = requirement_lines(pick)
        builds = tuple(line.split()[0] for line in lines) if pick.source != "conda" else ()
        steps.append(conda_file_step(path, channels=channels, specs=specs, sources=sources, pins=builds))
    return steps


def _creation(given: PlanInput, pick: TorchPick, specs: tuple[str, ...]) -> tuple[Command, ...]:
    path = given.target.path
    if specs:
        environment = conda_environment(_settings(given), given.context)
        return create_conda(find_conda(given.facts), path, specs, wish=given.request.source, environment=environment)
    return _installer(given, pick).create_venv(path, pick.python, pick.python_path)


def _packages(given: PlanInput, pick: TorchPick, python: str, wanted: tuple[str, ...]) -> list[Step]:
    installer = _installer(given, pick)
    lines = requirement_lines(pick)
    path = f"{given.target.path}/{REQUIREMENTS}"
    names = ", ".join(wanted)
    wheels: list[Step] = [
        WriteFile(
            id="requirements",
            summary="Name the exact builds",
            why="The installer checks each wheel against the hashes in this file where the source gives them.",
            path=path,
            content=requirements_text(lines),
        ),
        InstallPackages(
            id="packages",
            summary=f"Install {names}",
            why=f"They were chosen for this machine; they come from {pick.index}.",
            python=python,
            distributions=wanted,
            commands=installer.install_file(python, path, lines),
            download_bytes=download_bytes(pick),
        ),
    ]
    # From a conda channel they came with the environment.
    steps = [] if pick.source == "conda" else wheels
    extras = (*given.request.environment.extras, *(["ipykernel"] if given.request.environment.jupyter_kernel else []))
    if extras:
        steps.append(
            InstallPackages(
                id="extras",
                summary=f"Install {', '.join(extras)}",
                why="You asked for them; PyTorch stays the build that was chosen.",
                python=python,
                distributions=extras,
                commands=installer.install(python, (*wanted, *extras)),
            )
        )
    if given.request.environment.jupyter_kernel:
        name = PurePath(given.target.path).name
        steps += kernel_steps(name=name, python=python, facts=given.facts, context=given.context)
    return steps


def _settings(given: PlanInput) -> IndexSettings:
    settings, wish = given.settings, given.request.source
    return replace(settings, proxy=wish.proxy or settings.proxy, ca_bundle=wish.ca_bundle or settings.ca_bundle)


def _installer(given: PlanInput, pick: TorchPick) -> Installer:
    settings, wish = _settings(given), given.request.source
    kind = given.request.environment.installer
    return Installer(
        kind=kind,
        uv=given.uv,
        sources=package_sources(pick, settings, wish, unreachable=given.unreachable),
        names=index_names(settings),
        find_links_secret=find_links_are_secret(settings),
        environment=installer_environment(settings, given.context, pip=kind == "pip"),
    )


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
    )


def _verification(given: PlanInput, pick: TorchPick, python: str, shell: ShellPlan) -> list[Step]:
    wish = given.request.verify
    if wish.level == "none":
        return []
    command = Command(argv=(*given.torchup, "verify", "--python", python, "--level", wish.level))
    version = next((offer.pin.partition("==")[2] for offer in pick.wheels if offer.package == "torch"), pick.version)
    step = Verify(
        id="verify",
        summary=f"Test PyTorch {version} ({wish.level})",
        why="Only a computation that comes out right proves that the set-up works.",
        python=python,
        level=wish.level,
        expected_version=version,
        expected_variant=pick.variant,
        on_failure=wish.on_failure,
        # Below another root the shells would read other files.
        shells=shell.proof if given.context.root == Path("/") else None,
        commands=(command,),
    )
    return [step]


def _python_in(path: str, given: PlanInput) -> str:
    windows = given.facts.os.system == "windows"
    if windows and given.request.environment.kind == "conda":
        return f"{path}\\python.exe"
    return str(Path(path) / ("Scripts/python.exe" if windows else "bin/python"))
