"""The layers that need torch to be loaded: the loader, torch's own test, the start-up files and the kernel's log."""

from __future__ import annotations

from collections.abc import Iterator

from torchup.model.diagnosis import Found
from torchup.model.outcome import Check
from torchup.shell.diagnosis import diagnose
from torchup.verify.causes import causes_in, known_causes
from torchup.verify.doctor.engine import Look
from torchup.verify.doctor.setters import where_set
from torchup.verify.doctor.subject import Subject
from torchup.verify.doctor.trials import attempt, compare_library_path, compare_masks, why_import_fails
from torchup.words import mark, tr

_VARIABLE_OF = {
    "library-path-shadows": "LD_LIBRARY_PATH",
    "nvjitlink-shadowed": "LD_LIBRARY_PATH",
    "cudnn-shadowed": "LD_LIBRARY_PATH",
    "library-path-hole": "LD_LIBRARY_PATH",
    "forward-compat-804": "LD_LIBRARY_PATH",
    "python-path-shadows": "PYTHONPATH",
    "cuda-visible-devices-hides-gpu": "CUDA_VISIBLE_DEVICES",
    "tf32-forced": "NVIDIA_TF32_OVERRIDE",
}
_STARTUP_CAUSES = {"own-library-path": "library-path-by-hand", "library-path-hole": "library-path-hole"}
# Of the kernel's log; other causes are told by their own layer, and better.
_LOGGED = frozenset(
    {
        "xid-79-fallen-off-bus",
        "ecc-uncorrectable",
        "gsp-firmware-init-failed",
        "above-4g-rebar-off",
        "secure-boot-unsigned-module",
        "open-modules-required",
        "killed-out-of-memory",
    }
)


def look_at_loader(subject: Subject) -> Look:
    """Import torch as a program does, and once more with one thing changed where it fails or may differ."""
    python = subject.interpreter
    if python is None:
        return Look(seen=tr("no environment to look into"), skipped=True)
    plain = attempt(python.path, subject.environ, subject.ask)
    if not plain.works:
        found = why_import_fails(python.path, subject.environ, subject.ask, plain.error)
        return Look(seen=tr("torch cannot be imported"), found=(with_places(found, subject),))
    found_here = [
        *compare_library_path(python.path, subject.environ, subject.ask, plain),
        *compare_masks(python.path, subject.environ, subject.ask, plain),
    ]
    seen = (
        mark("torch {version} loads from {file}; the same with and without LD_LIBRARY_PATH")
        if subject.environ.get("LD_LIBRARY_PATH") and not found_here
        else mark("torch {version} loads from {file}")
    )
    seen = tr(seen, version=plain.said["version"], file=plain.said.get("file"))
    return Look(seen=seen, found=tuple(with_places(found, subject) for found in found_here))


def with_places(found: Found, subject: Subject) -> Found:
    """Add to a cause that a variable brings about the file and line that set it."""
    name = _VARIABLE_OF.get(found.cause)
    if name is None or name not in subject.environ:
        return found
    prefix = subject.interpreter.prefix if subject.interpreter else None
    places = where_set(name, subject.host, subject.facts, prefix=prefix)
    lines = tuple(tr("set in {place}", place=place) for place in places) or (
        tr("{name} is set, but not in a start-up file that was found", name=name),
    )
    return Found(cause=found.cause, evidence=(*found.evidence, *lines), severity=found.severity)


def look_at_torch(subject: Subject) -> Look:
    """Run the quick tensor test, and take over the causes that its checks name."""
    if subject.quick_test is None:
        return Look(seen=tr("the tensor test was left out"), skipped=True)
    report = subject.report = subject.quick_test()
    found = [
        Found(
            cause=check.hint,
            evidence=(f"{_with_device(check)}: {check.sentence()}",),
            severity="warn" if check.status == "warn" else None,
        )
        for check in report.checks
        if check.status in ("fail", "timeout", "error", "warn") and check.hint in known_causes()
    ]
    passed = sum(check.status == "pass" for check in report.checks)
    # The checks are told one by one in the report; no blocker among them may hide another.
    worst_first = sorted(found, key=lambda one: one.severity == "warn")
    return Look(
        seen=tr("quick test: {verdict}, {passed} checks passed", verdict=report.verdict, passed=passed),
        found=tuple(worst_first),
    )


def _with_device(check: Check) -> str:
    return tr("{check} on {device}", check=check.id, device=check.gpu) if check.gpu else check.id


def look_at_startup_files(subject: Subject) -> Look:
    """Read the start-up files for lines that work against torch."""
    files = subject.facts.shells.files
    found = tuple(_startup_causes(subject))
    return Look(seen=tr("{count} start-up files", count=len(files)), found=found, skipped=not files)


def _startup_causes(subject: Subject) -> Iterator[Found]:
    lines: dict[str, list[str]] = {}
    for path in subject.facts.shells.files:
        content = subject.host.read_bytes(path, quiet=True)
        for finding in diagnose(path, content) if content else ():
            cause = _STARTUP_CAUSES.get(finding.code)
            if cause is not None:
                lines.setdefault(cause, []).append(f"{path}:{finding.line}: {finding.evidence}")
    for cause, evidence in lines.items():
        yield Found(cause=cause, evidence=tuple(evidence), severity="warn")


def look_at_logs(subject: Subject) -> Look:
    """Read the kernel's log since the start of the machine for faults of the hardware and the driver."""
    text = subject.kernel_log()
    if not text:
        return Look(seen=tr("the kernel's log may not be read"), skipped=True)
    found = tuple(
        Found(cause=name, evidence=(tr("the kernel says: {line}", line=line),), severity="warn")
        for name, line in causes_in(text)
        if name in _LOGGED
    )
    return Look(seen=tr("{count} lines of the kernel's log", count=len(text.splitlines())), found=found)
