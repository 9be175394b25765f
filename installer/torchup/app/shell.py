"""`torchup shell show|apply|remove|check`: only the shell configuration."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from torchup.app.commandline import CommandLine
from torchup.app.shell_findings import Findings, find_all, where_set
from torchup.app.shell_guard import ShellGuard, refuse_taken_away
from torchup.app.shell_wish import ShellOptions, Wanted, as_set_up, wanted_by
from torchup.app.shell_write import Done, carry_out, confirmed
from torchup.app.startup import refuse_other_files, refuse_unreadable_startup_files
from torchup.app.startup_look import read_startup
from torchup.errors import ExitStatus, RefusedError, StepError
from torchup.model.outcome import Check
from torchup.plan.shell_steps import ShellPlan, env_file_path
from torchup.words import tr


def run_show(line: CommandLine, options: ShellOptions) -> ExitStatus:
    """Print what would be written where, and what in the start-up files may get in its way."""
    wanted = wanted_by(line, options)
    planned = wanted.plan()
    refuse_other_files(wanted.steps(planned), read_startup)
    _show(wanted, planned)
    return ExitStatus.DONE


def run_apply(
    line: CommandLine,
    options: ShellOptions,
    *,
    yes: bool,
    dry_run: bool = False,
    exit_code: bool = False,
    all_or_nothing: bool = False,
) -> ExitStatus:
    """Write the env files and the blocks, then start the shells to see that they took effect and broke nothing."""
    wanted = wanted_by(line, options)
    planned = wanted.plan()
    plan = wanted.steps(planned)
    refuse_unreadable_startup_files(plan, read_startup)
    _refuse_unusable(planned, all_or_nothing=all_or_nothing)
    if dry_run:
        changes = _show(wanted, planned)
        return ExitStatus.CHANGES_FOUND if exit_code and changes else ExitStatus.DONE
    with line.console.working(tr("Starting the shells")):
        guard = ShellGuard.look(planned.proof, wanted.context)
    done = carry_out(wanted, yes=yes, question=tr("Write these files?"), all_or_nothing=all_or_nothing)
    if done is None:
        return ExitStatus.DONE
    planned = done.planned
    with line.console.working(tr("Starting the shells")):
        seen = guard.again()
        findings = find_all(planned, wanted.startup.files, wanted.context)
        checks = (*seen.checks, *_more_checks(wanted, planned, seen.library_path, findings))
    if done.changed:
        refuse_taken_away(seen, line)
    _tell(wanted, done, checks, findings)
    return _status(planned, checks)


def run_remove(line: CommandLine, options: ShellOptions, *, yes: bool, dry_run: bool = False) -> ExitStatus:
    """Take the blocks and the env files out; bytes around the blocks stay as they are."""
    from torchup.app.shell_removal import plan_removal, settle, undo_shell_runs
    from torchup.ui.plan_view import file_changes
    from torchup.ui.shell_view import render_removed

    wanted = wanted_by(line, options, needs_something=False)
    removal = plan_removal(wanted)
    changes = file_changes(wanted.steps(removal), read_startup)
    if not dry_run and changes:
        if not confirmed(wanted, wanted.steps(removal), yes=yes, question=tr("Take them out?")):
            return ExitStatus.DONE
        if not options.shells and options.rc is None:
            undo_shell_runs(wanted)
        carry_out(wanted, yes=True, question="", planned=plan_removal(wanted))
        settle(wanted)
    line.console.answer(
        {"dry_run": dry_run, "changed": list(changes), "changes": changes},
        lambda: line.console.show(render_removed(changes, dry_run=dry_run)),
    )
    return ExitStatus.DONE


def run_check(line: CommandLine, options: ShellOptions) -> ExitStatus:
    """Start real shells and compare what they know with what was set up."""
    from torchup.ui.plan_view import file_changes
    from torchup.ui.shell_view import render_check

    wanted = wanted_by(line, as_set_up(line, options))
    planned = wanted.plan()
    with line.console.working(tr("Starting the shells")):
        seen = ShellGuard.look(planned.proof, wanted.context, before=False).again()
        findings = find_all(planned, wanted.startup.files, wanted.context)
        checks = (
            _written(list(file_changes(wanted.steps(planned), read_startup))),
            *seen.checks,
            *_more_checks(wanted, planned, seen.library_path, findings),
        )
    line.console.answer(
        {"checks": checks, **_finding_data(findings)},
        lambda: line.console.show(render_check(checks, findings.found, findings.changes)),
    )
    return _status(planned, checks)


def _written(changes: list[str]) -> Check:
    if not changes:
        return Check(id="shell.files", status="pass", detail=tr("every file is as torchup writes it"))
    detail = tr("not there, or not as torchup would write it now: {files}", files=", ".join(changes))
    return Check(id="shell.files", status="warn", detail=detail, hint=tr("`torchup shell apply` writes them."))


def _refuse_unusable(planned: ShellPlan, *, all_or_nothing: bool) -> None:
    """Stop where no file can be edited, or where the person wants all of them or none."""
    left_out = planned.choice.left_out
    if not left_out or (planned.choice.files and not all_or_nothing):
        return
    lines = [f"    {text}" for item in planned.by_hand for text in item.lines]
    hint = tr("Or add these lines yourself:\n") + "\n".join(dict.fromkeys(lines))
    if all_or_nothing:
        raise StepError(
            tr("Not every start-up file can be edited, so none was."),
            code="not-every-file",
            evidence=left_out,
            hint=hint,
        )
    raise RefusedError(
        tr("No start-up file can be edited, so nothing was changed."),
        code="no-usable-startup-file",
        evidence=left_out,
        hint=hint,
    )


def _more_checks(wanted: Wanted, planned: ShellPlan, library_path: str, findings: Findings) -> tuple[Check, ...]:
    """Check that the toolkit is one toolkit, and that LD_LIBRARY_PATH does not change PyTorch."""
    from torchup.app.examination import ask
    from torchup.verify.conda_scripts import check_conda_scripts
    from torchup.verify.library_path import check_library_path
    from torchup.verify.toolkit import check_toolkit

    cuda_home = planned.known.cuda_home
    checks = [check_toolkit(cuda_home)] if cuda_home else []
    python = Path(wanted.environment or "", "bin", "python")
    value = wanted.context.environ.get("LD_LIBRARY_PATH") or library_path
    if value and wanted.environment and os.access(python, os.X_OK):
        environ = {**wanted.context.environ}
        where = where_set("LD_LIBRARY_PATH", findings.found)
        checks.append(check_library_path(str(python), value, environ=environ, where=where, ask=ask))
    proof = planned.proof
    return (*checks, *(check_conda_scripts(proof.conda) if proof is not None and proof.conda is not None else ()))


def _show(wanted: Wanted, planned: ShellPlan) -> dict[str, tuple[str, ...]]:
    from torchup.ui.plan_view import file_changes
    from torchup.ui.shell_view import render_show

    changes = file_changes(wanted.steps(planned), read_startup)
    findings = find_all(planned, wanted.startup.files, wanted.context)
    console = wanted.line.console
    links = wanted.links(planned)
    console.answer(
        {
            "files": planned.choice.files,
            "skipped": planned.choice.skipped,
            "notes": [*planned.choice.notes, *links],
            "left_out": planned.choice.left_out,
            "by_hand": planned.by_hand,
            "ld_library_path": planned.library_path,
            "changes": changes,
            **_finding_data(findings),
        },
        lambda: console.show(render_show(planned, changes, findings.found, findings.changes, links)),
    )
    return changes


def _finding_data(findings: Findings) -> dict[str, Any]:
    return {"findings": findings.found, "suggested_changes": findings.changes}


def _tell(wanted: Wanted, done: Done, checks: tuple[Check, ...], findings: Findings) -> None:
    from torchup.ui.shell_view import render_done

    planned = done.planned
    console = wanted.line.console
    use = _use_now(wanted, planned)
    console.answer(
        {
            "changed": done.changed,
            "details": done.details,
            "checks": checks,
            "left_out": planned.choice.left_out,
            "by_hand": planned.by_hand,
            "notes": planned.choice.notes,
            "ld_library_path": planned.library_path,
            "use_now": use,
            **_finding_data(findings),
        },
        lambda: console.show(render_done(planned, checks, done.details, findings.found, findings.changes, use)),
    )


def _use_now(wanted: Wanted, planned: ShellPlan) -> str | None:
    """Give the command that brings the settings into the shell that is in use now."""
    from torchup.shell.kinds import language_named, named

    known = planned.known
    if known.cuda_home is None and known.environment is None:
        return None
    current = named(wanted.facts.shells.current or "")
    language = (current.language if current is not None else None) or language_named("sh")
    env_file = env_file_path(language.name, wanted.context)
    if not Path(env_file).exists():
        language, env_file = language_named("sh"), env_file_path("sh", wanted.context)
    return f"{language.reads} {language.quote(env_file)}" if Path(env_file).exists() else None


def _status(planned: ShellPlan, checks: tuple[Check, ...]) -> ExitStatus:
    """Give 4 where a shell does not know what it should, or where something that was wanted was left out."""
    bad = any(check.status in ("fail", "timeout", "error", "warn") for check in checks)
    only_unknown = not planned.choice.files and any(item.language is None for item in planned.choice.by_hand)
    return ExitStatus.DEGRADED if bad or planned.choice.left_out or only_unknown else ExitStatus.DONE
