"""`torchup verify`, and the tensor test as the last step of a run."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from torchup.app.commandline import CommandLine
from torchup.children import NEUTRAL_FOLDER
from torchup.errors import ExitStatus
from torchup.model.context import Context
from torchup.model.facts import MachineFacts
from torchup.model.outcome import Check, Report
from torchup.model.plan import CreateEnvironment, InstallPackages, Plan, Verify
from torchup.model.proof import ShellProof
from torchup.model.request import VerifyLevel
from torchup.words import mark, tr

if TYPE_CHECKING:
    from torchup.ui.check_progress import Expected
    from torchup.verify.doctor.subject import Subject

_USUAL = (".profile", ".bash_profile", ".bashrc", ".zshenv", ".zprofile", ".zshrc", ".tcshrc", ".cshrc")


_LIST_SECONDS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """What the last run set up: the interpreter, the build of torch, and the shells that are to know it.

    `variant` is None where a journal of torchup 0.1 does not tell it: then it is not compared.
    """

    python: str
    version: str
    variant: str | None
    shells: ShellProof | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyOptions:
    """What `torchup verify` was asked for."""

    python: str | None
    level: VerifyLevel
    html: Path | None = None
    script: Path | None = None
    force: bool = False
    no_scrub: bool = False
    timeout_scale: float = 1.0


def run_verify(line: CommandLine, options: VerifyOptions) -> ExitStatus:
    """Test PyTorch as the chosen interpreter imports it, and print the report."""
    from torchup.app.examination import choose, subject_of
    from torchup.detect.collect import detect
    from torchup.verify.verdict import exit_status

    if options.script is not None:
        from torchup.app.script_file import give_script

        return give_script(line, options.script, force=options.force)
    if options.html is not None:
        from torchup.app.report_file import refuse_to_replace

        refuse_to_replace(line.context, options.html, force=options.force)
    facts = detect(line.context)
    planned = planned_build(line)
    choice = choose(line, options.python, planned.python if planned else None, facts)
    same = planned is not None and Path(planned.python) == Path(choice.python)
    wanted = planned if same else None
    line.console.say(
        tr(
            "Testing {python} ({source}), level {level}.",
            python=choice.python,
            source=choice.source,
            level=options.level,
        )
    )
    if wanted is not None and wanted.variant is None:
        line.console.say(
            tr(
                "Which build of torch {version} was planned is not recorded, so builds are not compared.",
                version=wanted.version,
            )
        )
    subject = subject_of(line, facts, choice.python, wanted.variant if wanted else None)
    report = run_test(line, subject, choice.python, options.level, wanted, timeout_scale=options.timeout_scale)
    report = replace(report, environment={**report.environment, "chosen_by": choice.source})
    if options.html is not None:
        from torchup.app.report_file import write_html

        write_html(line, options.html, _shareable(line, report, options))
        line.console.say(tr("The report is in {file}.", file=options.html))

    def show() -> None:
        from torchup.ui.report_view import render

        line.console.show(render(report))

    line.console.answer(_shareable(line, report, options), show)
    return exit_status(report.verdict)


def run_test(
    line: CommandLine,
    subject: Subject,
    python: str,
    level: VerifyLevel,
    planned: Planned | None,
    *,
    timeout_scale: float = 1.0,
) -> Report:
    """Run the probe and what is asked beside it, and name the most particular cause of whatever did not pass.

    The report is as the machine says it: whoever passes it on scrubs it.
    """
    from torchup.ui.check_progress import CheckProgress
    from torchup.verify.refine import refine
    from torchup.verify.run import complete, verify

    facts = subject.facts
    for_cpu = planned is not None and planned.variant == "cpu"
    with CheckProgress(line.console, expected=lambda: _expected(python, level)) as show:
        report = verify(
            python=python,
            level=level,
            expected_version=planned.version if planned else None,
            expected_variant=planned.variant if planned else None,
            environ={**line.context.environ},
            gpu_expected=bool(subject.gpus) and not for_cpu,
            on_progress=show,
            timeout_scale=timeout_scale,
            scrub=False,
        )
        report = refine(report, subject)
        report = replace(report, checks=(*report.checks, *_beside(line, subject, report, planned, show)))
    shells, shell_check = read_own_shells(line.context, facts)
    report = replace(
        report,
        checks=(*report.checks, *shell_check),
        environment={**report.environment, "machine": _machine(facts), "shells": shells},
        warnings=(*report.warnings, *_only_cpu(report, subject)),
    )
    return complete(report, facts)


def _beside(
    line: CommandLine, subject: Subject, report: Report, planned: Planned | None, show: Callable[[Check], None]
) -> tuple[Check, ...]:
    """Run what the probe cannot: the trials with one variable changed, and the shells that were set up."""
    from torchup.verify.prove import prove_by_trial, prove_library_path

    checks = (
        *prove_library_path(subject, report),
        *prove_by_trial(subject, report),
        *shell_checks(planned.shells if planned else None, line.context),
    )
    for check in checks:
        show(check)
    return checks


def _only_cpu(report: Report, subject: Subject) -> tuple[str, ...]:
    """Say at the top that nothing was computed on the GPU that the machine has."""
    names = [gpu.name or f"{gpu.vendor} GPU" for gpu in subject.gpus]
    if not names or report.devices not in ((), ("cpu",)):
        return ()
    text = (
        mark("This machine has a GPU ({names}), and only the CPU was tested.")
        if report.devices
        else mark("This machine has a GPU ({names}), and nothing was computed on it.")
    )
    return (tr(text, names=", ".join(names)),)


def _machine(facts: MachineFacts) -> dict[str, object]:
    """Pick what a reader of a ticket asks first."""
    from torchup.model.serial import dump

    data = dump(facts)
    kept = {name: data[name] for name in ("os", "context", "gpus", "nvidia", "toolkits", "space", "findings")}
    return {**kept, "environment": data["environment"]}


def _expected(python: str, level: VerifyLevel) -> tuple[Expected, ...]:
    from torchup.ui.check_progress import parse_list
    from torchup.verify.probe_archive import archive_file

    try:
        with archive_file() as archive:
            command = (python, str(archive), "--level", level, "--list")
            done = subprocess.run(
                command,
                cwd=NEUTRAL_FOLDER,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=_LIST_SECONDS,
                check=False,
            )
    except (OSError, subprocess.TimeoutExpired):
        return ()
    return parse_list(done.stdout) if done.returncode == 0 else ()


def _shareable(line: CommandLine, report: Report, options: VerifyOptions) -> Report:
    from torchup.app.examination import scrubber
    from torchup.model.serial import dump, load

    return load(Report, scrubber(line.context, only_secrets=options.no_scrub).scrub(dump(report)))


def verifier_for(line: CommandLine, on_progress: Callable[[Check], None] | None = None) -> Callable[[Verify], Report]:
    """Give what the executor calls for a `Verify` step."""
    from torchup.verify.run import complete, verify

    def run(step: Verify) -> Report:
        report = verify(
            python=step.python,
            level=step.level,
            expected_version=step.expected_version,
            expected_variant=step.expected_variant,
            environ={**line.context.environ},
            gpu_expected=step.expected_variant != "cpu",
            on_progress=on_progress,
        )
        checks = (*_library_path_check(line, step, report), *shell_checks(step.shells, line.context, step.python))
        return complete(replace(report, checks=(*report.checks, *checks)))

    return run


def _library_path_check(line: CommandLine, step: Verify, report: Report) -> tuple[Check, ...]:
    """With LD_LIBRARY_PATH set, load torch with and without it; the machine is only looked at where that differs."""
    if not line.context.environ.get("LD_LIBRARY_PATH"):
        return ()
    from torchup.app.examination import subject_of
    from torchup.detect.collect import detect
    from torchup.verify.prove import prove_library_path

    subject = subject_of(line, detect(line.context), step.python, step.expected_variant)
    return prove_library_path(subject, report)


def shell_checks(proof: ShellProof | None, context: Context, python: str | None = None) -> tuple[Check, ...]:
    """Start the shells that were configured and compare what they know with what they should.

    The toolkit that they name is looked at too, and what a start-up file's LD_LIBRARY_PATH changes for the torch of
    `python`.
    """
    from torchup.app.examination import ask
    from torchup.app.shell_findings import in_files, where_set
    from torchup.app.shell_guard import ShellGuard
    from torchup.verify.conda_scripts import check_conda_scripts
    from torchup.verify.library_path import check_library_path
    from torchup.verify.toolkit import check_toolkit

    if proof is None:
        return ()
    seen = ShellGuard.look(proof, context, before=False).again()
    checks = [*seen.checks]
    if proof.cuda_home is not None:
        checks.append(check_toolkit(proof.cuda_home))
    inherited = context.environ.get("LD_LIBRARY_PATH")
    if seen.library_path and not inherited and python is not None and Path(python).exists():
        files = [str(context.home / name) for name in _USUAL] + [file.path for file in proof.files]
        where = where_set("LD_LIBRARY_PATH", in_files(files))
        checks.append(check_library_path(python, seen.library_path, environ=context.environ, where=where, ask=ask))
    return (*checks, *(check_conda_scripts(proof.conda) if proof.conda is not None else ()))


def read_own_shells(context: Context, facts: MachineFacts) -> tuple[dict[str, object], tuple[Check, ...]]:
    """Start the person's own shell as a terminal and a login do, and read what matters for CUDA and Python."""
    from torchup.verify.own_shell import read_own_shell

    return read_own_shell(facts.shells, home=str(context.home))


def planned_build(line: CommandLine) -> Planned | None:
    """Find which build the last run whose changes are still there put into an environment."""
    from torchup.apply.history import read_runs

    for run in read_runs(line.context):
        made = any(isinstance(step, InstallPackages | CreateEnvironment) for step in run.plan.steps)
        if made and run.environment_stands and (planned := _planned(run.plan)):
            return planned
    return None


def _planned(plan: Plan) -> Planned | None:
    """Read the build from the plan's own record; plans of torchup 0.1 have it in their test, or in a pin."""
    if plan.build is not None:
        build = plan.build
        return Planned(python=build.python, version=build.version, variant=build.variant, shells=plan.shells)
    tests = [step for step in plan.steps if isinstance(step, Verify)]
    if tests:
        test = tests[-1]
        return Planned(
            python=test.python, version=test.expected_version, variant=test.expected_variant, shells=test.shells
        )
    for step in (step for step in plan.steps if isinstance(step, InstallPackages)):
        for item in step.distributions:
            name, _, version = item.partition("==")
            if name == "torch" and version:
                return Planned(python=step.python, version=version, variant=_labelled(version))
    return None


def _labelled(version: str) -> str | None:
    """Read the variant from a version's label; without one it is unknown, not the one of some default."""
    from torchup.knowledge.variants import parse_variant

    try:
        return parse_variant(version.partition("+")[2]).name
    except ValueError:
        return None
