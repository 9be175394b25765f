"""The real-shell check: start the shells as a person does, and compare what they know with what they should."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torchup.model.outcome import Check, CheckStatus
from torchup.shell.env_files import ShellEnvironment
from torchup.shell.kinds import language_named, named
from torchup.shell.kinds.kind import StartMode, StartupFile
from torchup.verify.shell_start import ShellReading, ask_zdotdir, read_variables
from torchup.verify.shell_syntax import parse_check
from torchup.words import mark, tr

__all__ = [
    "ShellReading",
    "Start",
    "ask_zdotdir",
    "check_startup",
    "differences",
    "judge_all",
    "parse_check",
    "read_variables",
    "start_all",
    "starts",
]

_LONGEST_COMPLAINT = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """One way of starting one shell; `before` is a command that it runs first."""

    shell: str
    mode: StartMode
    before: str = ""

    @property
    def id(self) -> str:
        """Name the check of this start."""
        return f"shell.{self.shell}.{'file' if self.before else self.mode}"


def starts(files: tuple[StartupFile, ...]) -> tuple[Start, ...]:
    """List every way of starting a shell that the files serve.

    A file without modes is one that the user named: it is read by a script.
    """
    found = [Start(shell=shell, mode=mode) for shell, modes in _modes(files).items() for mode in modes]
    for file in files:
        if not file.modes:
            language = language_named(file.language)
            found.append(Start(shell=file.shell, mode="script", before=f"{language.reads} {language.quote(file.path)}"))
    return tuple(found)


def start_all(
    wanted: tuple[Start, ...], *, home: str, extra: Mapping[str, str] | None = None, timeout: float = 15.0
) -> dict[Start, ShellReading | None]:
    """Start the shells one after another and read what each knows; None for a shell that is not installed."""
    readings: dict[Start, ShellReading | None] = {}
    for start in wanted:
        kind = named(start.shell)
        readings[start] = (
            read_variables(start.shell, start.mode, home=home, extra=extra, before=start.before, timeout=timeout)
            if kind is not None and shutil.which(kind.program) is not None
            else None
        )
    return readings


def check_startup(
    files: tuple[StartupFile, ...],
    expected: ShellEnvironment,
    *,
    home: str,
    extra: Mapping[str, str] | None = None,
    timeout: float = 15.0,
) -> tuple[Check, ...]:
    """Start every shell in every mode that the files serve, and compare what it knows.

    A check fails when our env file was not read to its end, and warns when something after it, or a
    read-only variable, has the last word.
    """
    return judge_all(start_all(starts(files), home=home, extra=extra, timeout=timeout), expected)


def judge_all(readings: Mapping[Start, ShellReading | None], expected: ShellEnvironment) -> tuple[Check, ...]:
    """Compare what started shells know with what they should: one check for each."""
    return tuple(_judge(start, reading, expected) for start, reading in readings.items())


def differences(reading: ShellReading, expected: ShellEnvironment) -> tuple[CheckStatus, tuple[str, ...]]:
    """Compare what a shell knows with what it should: the status and a sentence for each difference."""
    unread = [
        tr("{name} should be {wanted} and is {found}", name=name, wanted=wanted, found=_shown(reading.get(name)))
        for name, wanted in (("TORCHUP_ENVIRONMENT", expected.environment), ("TORCHUP_CUDA_HOME", expected.cuda_home))
        if wanted is not None and reading.get(name) != wanted
    ]
    if unread:
        return "fail", tuple(unread)
    problems: list[str] = []
    if expected.cuda_home is not None and reading.get("CUDA_HOME") != expected.cuda_home:
        problems.append(
            tr(
                "{name} should be {wanted} and is {found}",
                name="CUDA_HOME",
                wanted=expected.cuda_home,
                found=_shown(reading.get("CUDA_HOME")),
            )
        )
    path = (reading.get("PATH") or "").split(":")
    libraries = (reading.get("LD_LIBRARY_PATH") or "").split(":")
    for name, entries, wanted_entries in (
        ("PATH", path, expected.bin_dirs),
        ("LD_LIBRARY_PATH", libraries, expected.library_dirs),
    ):
        problems.extend(
            tr("{entry} is {count} times in {name}", entry=entry, count=entries.count(entry), name=name)
            for entry in wanted_entries
            if entries.count(entry) != 1
        )
    nvcc = shutil.which("nvcc", path=reading.get("PATH") or "")
    if nvcc is not None and expected.bin_dirs and str(Path(nvcc).parent) not in expected.bin_dirs:
        text = (
            mark("the nvcc that is found first is {path}")
            if any(Path(folder, "nvcc").exists() for folder in expected.bin_dirs)
            else mark("the nvcc that is found first is {path}; the toolkit chosen has none")
        )
        problems.append(tr(text, path=nvcc))
    return ("warn" if problems else "pass"), tuple(problems)


def _modes(files: tuple[StartupFile, ...]) -> dict[str, tuple[StartMode, ...]]:
    order: tuple[StartMode, ...] = ("interactive", "login", "script", "ssh")
    served: dict[str, set[StartMode]] = {}
    for file in files:
        if file.modes:
            served.setdefault(file.shell, set()).update(file.modes)
    return {shell: tuple(mode for mode in order if mode in modes) for shell, modes in served.items()}


def _judge(start: Start, reading: ShellReading | None, expected: ShellEnvironment) -> Check:
    if reading is None:
        return Check(id=start.id, status="skip", detail=tr("{shell} is not installed", shell=start.shell))
    if reading.problem is not None:
        return Check(
            id=start.id,
            status="timeout" if reading.timed_out else "fail",
            seconds=reading.seconds,
            detail=f"{reading.problem}. {_complaint(reading)}".strip(),
            hint=tr(
                "Look for `exec`, `exit`, or a command that waits for input in the start-up files of this shell: move the torchup block above that line, or set up the shell that it starts instead."
            ),
        )
    status, problems = differences(reading, expected)
    hole = _hole(reading)
    hints: dict[CheckStatus, str] = {
        "fail": tr("The block was not reached: a line above it ends the file early, or the shell reads another file."),
        "warn": tr(
            "A line after the block, or a read-only variable, has the last word; `torchup shell show` lists such lines."
        ),
    }
    return Check(
        id=start.id,
        status=status,
        seconds=reading.seconds,
        detail="; ".join(
            [*(problems or [tr("{mode} {shell} knows what it should", mode=start.mode, shell=start.shell)]), *hole]
        ),
        hint=hints.get(status),
    )


def _complaint(reading: ShellReading) -> str:
    """Give the start of what the shell said, without what every shell says that has no terminal of its own."""
    noise = ("no job control in this shell", "cannot set terminal process group")
    lines = [line for line in reading.complaint.splitlines() if not any(words in line for words in noise)]
    return "\n".join(lines)[:_LONGEST_COMPLAINT]


def _hole(reading: ShellReading) -> list[str]:
    libraries = (reading.get("LD_LIBRARY_PATH") or "").split(":")
    if len(libraries) > 1 and "" in libraries:
        return [
            tr(
                "LD_LIBRARY_PATH has an empty entry that is not torchup's, and the loader searches the current directory"
            )
        ]
    return []


def _shown(value: str | None) -> str:
    return tr("not set") if value is None else value or tr("empty")
