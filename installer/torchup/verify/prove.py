"""Prove a cause by running the same thing again with one variable changed, and say where that variable is set."""

from __future__ import annotations

from torchup.model.outcome import Check, Report
from torchup.verify.doctor.loader import with_places
from torchup.verify.doctor.subject import Subject
from torchup.verify.doctor.trials import CHECK_TRIALS, attempt, compare_library_path, why_import_fails
from torchup.verify.refine import FAILED, checks_from
from torchup.verify.run import verify
from torchup.words import tr

_MOST_TRIALS = 3
_TRIAL_SECONDS = 600.0


def prove_library_path(subject: Subject, report: Report) -> tuple[Check, ...]:
    """With LD_LIBRARY_PATH set, load torch with and without it, and name file and line where that differs."""
    python = subject.interpreter
    if python is None or not subject.environ.get("LD_LIBRARY_PATH"):
        return ()
    imported = next((check for check in report.checks if check.id == "import"), None)
    plain = attempt(python.path, subject.environ, subject.ask)
    if not plain.works:
        if imported is None or imported.status not in FAILED:
            return ()
        found = with_places(why_import_fails(python.path, subject.environ, subject.ask, plain.error), subject)
        if not any("LD_LIBRARY_PATH" in line for line in found.evidence):
            return ()
        detail = "; ".join(found.evidence)
        return (Check(id="library-path", status="fail", detail=detail, hint=found.cause),)
    found_here = tuple(
        with_places(found, subject) for found in compare_library_path(python.path, subject.environ, subject.ask, plain)
    )
    if found_here:
        return checks_from(found_here, name="library-path")
    return (
        Check(
            id="library-path",
            status="pass",
            detail=tr("torch loads the same libraries with and without LD_LIBRARY_PATH"),
        ),
    )


def prove_by_trial(subject: Subject, report: Report) -> tuple[Check, ...]:
    """Run failed checks once more, each alone with one variable changed; one that then passes proves the cause."""
    proved: list[Check] = []
    failed = [check for check in report.checks if check.status in FAILED]
    pairs = [
        (check, trial)
        for check in failed
        for expression, trial in CHECK_TRIALS
        if expression.fullmatch(check.id) and trial.applies(subject.environ)
    ]
    done: set[str] = set()
    for check, trial in pairs[:_MOST_TRIALS]:
        if check.id in done:
            continue
        again = verify(
            python=report.python,
            level=check.level,
            expected_version=None,
            expected_variant=None,
            environ=trial.environment(subject.environ),
            gpu_expected=False,
            device=check.gpu,
            only=(check.id,),
            total_seconds=_TRIAL_SECONDS,
            scrub=False,
        )
        if any(one.id == check.id and one.status == "pass" for one in again.checks):
            done.add(check.id)
            detail = tr("{trial}, {check} passes", trial=tr(trial.text), check=check.id)
            proved.append(
                Check(
                    id=f"trial-{check.id}",
                    gpu=check.gpu,
                    level=check.level,
                    status="fail",
                    detail=detail,
                    hint=trial.cause,
                )
            )
    return tuple(proved)
