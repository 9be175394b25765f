"""The closing screen: what changed, what was proved, how to use it now, how to undo it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePath

from rich.console import Group, RenderableType
from rich.text import Text

from torchup.apply.change import Change, FileChange
from torchup.apply.result import RunResult
from torchup.model.outcome import Report, Verdict
from torchup.model.plan import (
    CreateEnvironment,
    EditManagedBlock,
    InstallPackages,
    MakeLink,
    Plan,
    WriteFile,
    WriteLock,
)
from torchup.shell.kinds import language_named, named
from torchup.shell.quoting import quote
from torchup.ui.report_view import status_word
from torchup.words import mark, tr

_VERDICTS: dict[Verdict, str] = {
    "pass": mark("The tensor test passed on {devices}: {passed} of {tests} checks passed{rest}."),
    "degraded": mark("The tensor test passed with warnings on {devices}: {passed} of {tests} checks passed{rest}."),
    "fail": mark("The tensor test FAILED on {devices}: {passed} of {tests} checks passed{rest}."),
    "not-run": mark("The tensor test did not run on {devices}: {passed} of {tests} checks passed{rest}."),
}


def render_closing(
    result: RunResult, plan: Plan, *, shell: str | None, program: str, log: Path, earlier: Sequence[str] = ()
) -> RenderableType:
    """Show the end of a run.

    `shell` is the one torchup was started from, `program` how to call torchup, `earlier` the runs before this one
    whose changes are still there.
    """
    parts: list[RenderableType] = []
    if result.status == "restart-needed":
        parts += _section(tr("Restart the machine"), [tr("then go on with:"), f"  {program} resume"])
    changed = _changes(result, plan)
    parts += _section(tr("What changed"), changed or [tr("nothing: everything was in place already")])
    if result.report is not None:
        parts += _section(tr("What was proved"), _proof(result.report))
    use = _use_now(plan, shell)
    if use and result.status == "done":
        parts += _section(tr("Use it now"), use)
    if changed:
        parts += _section(
            tr("Undo this run") if earlier else tr("Undo all of it"), [f"{program} undo", *_earlier(earlier)]
        )
    kept = [step.path for step in plan.steps if isinstance(step, WriteFile) and step.id == "answers"]
    details = [tr("answers  {path}", path=path) for path in kept]
    details += [tr("journal  {path}", path=result.journal), tr("log      {path}", path=log)] if result.journal else []
    parts += _section(tr("Where to look"), details)
    return Group(*parts)


def _earlier(runs: Sequence[str]) -> list[str]:
    if not runs:
        return []
    return [
        tr("That takes this run back. Earlier runs have changes too: {runs}.", runs=", ".join(runs)),
        tr("Repeat it for each of them; it takes the newest first."),
    ]


def _section(title: str, lines: list[str]) -> list[RenderableType]:
    if not lines:
        return []
    # Paths and commands are there to be copied, so no line is ever broken by us.
    text = "".join(f"  {line}\n" for line in lines)
    return [Text(title, style="bold"), Text(text, no_wrap=True, overflow="ignore")]


def _changes(result: RunResult, plan: Plan) -> list[str]:
    changed = {outcome.step_id for outcome in result.outcomes if outcome.status == "changed"}
    outcomes = {outcome.step_id: outcome for outcome in result.outcomes}
    lines = []
    for step in plan.steps:
        if step.id not in changed:
            continue
        match step:
            case CreateEnvironment():
                lines.append(tr("new environment  {path}", path=step.path))
            case InstallPackages():
                lines.append(tr("installed        {packages}", packages=", ".join(step.distributions)))
            case MakeLink():
                lines.append(tr("linked           {path} to {target}", path=step.path, target=step.target))
            case WriteLock():
                lines.append(tr("locked           {detail}", detail=outcomes[step.id].detail))
            case WriteFile():
                lines.append(tr("wrote            {path}", path=step.path))
            case EditManagedBlock():
                lines.append(_edited(step, result.changes.get(step.id)))
            case _:
                if step.kind != "MakeDirectory":
                    lines.append(step.summary)
    return lines


def _edited(step: EditManagedBlock, change: Change | None) -> str:
    """Say what became of a start-up file; by what the journal keeps, it may not have been there before."""
    if isinstance(change, FileChange) and change.before_sha256 is None:
        return tr("created          {path} (one block)", path=step.path)
    if step.body is None:
        return tr("edited           {path} (block out)", path=step.path)
    return tr("edited           {path} (one block)", path=step.path)


def _proof(report: Report) -> list[str]:
    shells = [check for check in report.checks if check.id.startswith("shell.")]
    tests = [check for check in report.checks if check not in shells]
    passed = sum(check.status == "pass" for check in tests)
    skipped = [check.id for check in tests if check.status == "skip"]
    rest = tr("; not run: {skipped}", skipped=", ".join(skipped)) if skipped else ""
    devices = ", ".join(report.devices) or "cpu"
    lines = [
        tr(
            _VERDICTS[report.verdict],
            devices=devices,
            passed=passed,
            tests=len(tests),
            rest=rest,
        )
    ]
    started = list(dict.fromkeys(check.id.split(".")[1] for check in shells if check.status == "pass"))
    if started:
        lines.append(tr("New shells were started and know the set-up: {started}.", started=", ".join(started)))
    bad = [check for check in report.checks if check.status in ("fail", "warn", "error", "timeout")]
    lines += [f"{status_word(check.status)}: {check.id}: {check.sentence()}" for check in bad]
    return lines


def _use_now(plan: Plan, shell: str | None) -> list[str]:
    created = [step for step in plan.steps if isinstance(step, CreateEnvironment) and step.id == "environment"]
    if not created:
        return []
    program = PurePath(created[-1].commands[0].argv[0]).stem if created[-1].commands else ""
    if program in ("conda", "mamba", "micromamba"):
        # A path, because a name is found only in the folders that conda is configured with.
        return [f"{program} activate {_word(created[-1].path)}"]
    environments = [step.path for step in created]
    kind = named(shell or "")
    language = (kind.language if kind is not None else None) or language_named("sh")
    script = f"{environments[-1]}/bin/{language.activate}"
    return [f"{language.enters or language.reads} {language.quote(script) if _odd(script) else script}"]


def _word(path: str) -> str:
    return str(quote("sh", path)) if _odd(path) else path


def _odd(path: str) -> bool:
    return not all(letter.isalnum() or letter in "/._-+" for letter in path)
