"""From the general cause that the probe names to the particular one, by what else is known: the text, the machine, a trial."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from torchup.model.diagnosis import Found
from torchup.model.outcome import Check, Report
from torchup.verify.causes import GENERAL, cause_of_text
from torchup.verify.doctor.cuda import nvswitches
from torchup.verify.doctor.installed_files import file_causes
from torchup.verify.doctor.software import changed_python
from torchup.verify.doctor.subject import Subject
from torchup.words import tr

FAILED = ("fail", "timeout", "error")
_WHAT_DAMAGED_FILES_DO = ("torch-import-error", "torch-incomplete", "native-crash", "shm-too-small")
Holds = Callable[[Subject], str | None]


def _driver_state(state: str) -> Holds:
    def holds(subject: Subject) -> str | None:
        driver = subject.facts.nvidia
        return tr("detection says: {state}", state=state) if driver is not None and driver.state == state else None

    return holds


def _finding(code: str) -> Holds:
    def holds(subject: Subject) -> str | None:
        found = next((finding for finding in subject.facts.findings if finding.code == code), None)
        return None if found is None else f"{found.text} {found.evidence or ''}".strip()

    return holds


def _no_nvswitch(subject: Subject) -> str | None:
    return None if nvswitches(subject) else tr("no NVSwitch on the PCI bus")


def _uvm_is_there(subject: Subject) -> str | None:
    return tr("/dev/nvidia-uvm is there") if subject.host.exists("/dev/nvidia-uvm") else None


def _in_container(subject: Subject) -> str | None:
    kind = subject.facts.context.container
    return None if kind is None else tr("this is a {kind} container", kind=kind)


def _conda_build(subject: Subject) -> str | None:
    return subject.packages.conda_cpu if subject.packages else None


def _damaged_files(subject: Subject) -> str | None:
    found = file_causes(subject.host, subject.packages) if subject.packages else ()
    return "; ".join(found[0].evidence) if found else None


# The probe's cause, the particular one, and the fact that tells. The first that holds is taken.
PARTICULAR: tuple[tuple[str | None, str, Holds], ...] = (
    # Reading behind the end of a library that was cut short ends a process as too little shared memory does.
    *((cause, "torch-files-damaged", _damaged_files) for cause in _WHAT_DAMAGED_FILES_DO),
    ("torch-not-installed", "environment-of-another-python", changed_python),
    ("driver-missing", "nouveau-loaded", _driver_state("nouveau")),
    ("driver-missing", "nvml-driver-library-mismatch", _driver_state("mismatch")),
    ("driver-missing", "secure-boot-unsigned-module", _finding("nvidia-module-unsigned")),
    ("driver-missing", "kernel-update-module-missing", _finding("nvidia-module-not-built")),
    ("driver-missing", "container-driver-capabilities", _in_container),
    ("driver-missing", "driver-not-loaded", _driver_state("not_loaded")),
    ("driver-missing", "nvidia-devices-missing", _driver_state("no_device_nodes")),
    ("driver-missing", "gpu-devices-closed", _driver_state("no_permission")),
    ("fabric-manager-missing", "error-802-without-nvswitch", _no_nvswitch),
    ("uvm-device-missing", "uvm-after-suspend", _uvm_is_there),
    ("cuda-visible-devices-hides-gpu", "mig-no-instance", _finding("mig-without-instance")),
    (None, "mig-no-instance", _finding("mig-without-instance")),
    (None, "nvml-driver-library-mismatch", _driver_state("mismatch")),
    (None, "driver-serves-no-gpu", _driver_state("error")),
    ("cpu-wheel-installed", "conda-resolved-cpu-build", _conda_build),
)


def refine(report: Report, subject: Subject) -> Report:
    """Give every check that did not pass the most particular cause that is known, with what told it."""
    return replace(report, checks=tuple(_refined(check, subject) for check in report.checks))


def _refined(check: Check, subject: Subject) -> Check:
    if check.status not in (*FAILED, "warn"):
        return check
    if check.hint in GENERAL and check.status in FAILED and (told := cause_of_text(check.detail)) is not None:
        # "Killed" and the like in a text say less than a check that names a crash.
        check = check if told == check.hint else replace(check, hint=told)
    for general, cause, holds in PARTICULAR:
        about_gpu = check.id in ("visible", "build") if general is None or general == "cpu-wheel-installed" else True
        if check.hint != general or not about_gpu:
            continue
        why = holds(subject)
        if why is not None:
            if not check.detail:
                return replace(check, hint=cause, detail=why)
            said = {"texts": [check.said or check.detail, why], "between": "; "}
            return replace(check, hint=cause, detail=f"{check.detail}; {why}", said=said)
    return check


def checks_from(found: Iterator[Found] | tuple[Found, ...], *, name: str) -> tuple[Check, ...]:
    """Turn causes found beside the probe into checks of the report."""
    return tuple(
        Check(
            id=name,
            status="fail" if one.severity == "blocker" else "warn",
            detail="; ".join(one.evidence),
            hint=one.cause,
        )
        for one in found
    )
