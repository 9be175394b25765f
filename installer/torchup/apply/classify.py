"""Why a program failed, read from what it printed last. Adding a cause is adding a row."""

from __future__ import annotations

import re
from dataclasses import dataclass

from torchup.apply.redact import redact
from torchup.apply.system import Completed
from torchup.errors import StepError
from torchup.model.plan import Command, Step
from torchup.words import mark, tr

EVIDENCE_LINES = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """A cause by name: what its output looks like, what it means, and what to do."""

    code: str
    pattern: re.Pattern[str]
    message: str
    hint: str


def cause(code: str, pattern: str, message: str, hint: str) -> Cause:
    """Make a cause; its pattern matches in any case."""
    return Cause(code=code, pattern=re.compile(pattern, re.IGNORECASE), message=message, hint=hint)


CAUSES = (
    cause(
        "disk-full",
        pattern=r"no space left on device|os error 28\b|errno 28\b|disk quota exceeded|os error 122\b|not enough space",
        message=mark("the disk is full"),
        hint=mark(
            "Make room (`uv cache clean` frees old downloads; TMPDIR names another place for temporary files) and run again."
        ),
    ),
    cause(
        "conda-channel-missing",
        pattern="unavailableinvalidchannel|channel is not accessible|invalid channel",
        message=mark("a conda channel is not there"),
        hint=mark(
            "Correct source.conda_channels; behind a mirror, set channel_alias in ~/.condarc or name the channel's URL."
        ),
    ),
    cause(
        "conda-unsolvable",
        pattern="unsatisfiableerror|packagesnotfounderror|resolvepackagenotfound|"
        "could not solve for environment specs|cannot solve the request|nothing provides ",
        message=mark("no set of conda packages fits together from these channels"),
        hint=mark(
            "See which package is named above; another cuda_toolkit.version, python.version or source.conda_channels may fit."
        ),
    ),
    cause(
        "file-limit",
        pattern=r"file too large|os error 27\b|errno 27\b",
        message=mark("a limit on file sizes stops it"),
        hint=mark("Raise the limit (`ulimit -f unlimited`) and run again."),
    ),
    cause(
        "hash-mismatch",
        pattern="hash mismatch|do not match the hashes|hashes are required",
        message=mark("a download is not the file that the source announced"),
        hint=mark(
            "Run again; if it stays so, the source or a cache in between serves a damaged or changed file: do not install it."
        ),
    ),
    cause(
        "certificate",
        pattern="certificate verify failed|invalid peer certificate|unknownissuer|self[- ]signed certificate",
        message=mark("the source's certificate is not trusted here"),
        hint=mark("Behind a proxy that inspects TLS, set source.ca_bundle to its certificate."),
    ),
    cause(
        "authentication",
        pattern=r"\b401 unauthorized|\b403 forbidden|\b407 proxy auth|status code[: ]+40[137]\b|"
        "proxy authentication required",
        message=mark("the source or the proxy asks for a login"),
        hint=mark("Put the login into pip's or uv's configuration, or into ~/.netrc."),
    ),
    cause(
        "network",
        pattern="failed to fetch|error sending request|connection (?:refused|reset|timed out|aborted)|"
        "network is unreachable|temporary failure in name resolution|name or service not known|dns error|"
        "read timed out|operation timed out|max retries exceeded|condahttperror|could not resolve host|"
        r"download error|connection failed for url|network connectivity is disabled|\b50[234] (?:bad gateway|"
        "service|gateway)",
        message=mark("a package source could not be reached"),
        hint=mark("Check the network, the proxy (source.proxy) and the mirror (source.mirror), then run again."),
    ),
    cause(
        "no-matching-distribution",
        pattern="no solution found|no matching distribution|no version of|from versions: none|unsatisfiable|"
        "resolutionimpossible|conflicting dependencies|not a supported wheel",
        message=mark("no set of versions fits together from these sources"),
        hint=mark(
            "See which package is named above; `torchup resolve --all` shows every build and what speaks against it."
        ),
    ),
    cause(
        "interpreter-missing",
        pattern="no interpreter found|no such file or directory.*python|could not find (?:a )?python|"
        "failed to inspect python|no download found for request",
        message=mark("the Python that the plan names cannot be used"),
        hint=mark("Name another one: python.version in the answers."),
    ),
    cause(
        "externally-managed",
        pattern=r"externally[- ]managed",
        message=mark("this Python belongs to the operating system"),
        hint=mark("Set environment.kind to venv."),
    ),
    cause(
        "read-only-file-system",
        pattern=r"read-only file system|os error 30\b|errno 30\b",
        message=mark("its file system is mounted read-only"),
        hint=mark("Mount it writable, or set environment.path to another place."),
    ),
    cause(
        "no-permission",
        pattern=r"permission denied|operation not permitted|os error 13\b|errno 13\b",
        message=mark("this user may not write there"),
        hint=mark("Correct the owner of the folder, or set environment.path to another place."),
    ),
    cause(
        "out-of-memory",
        pattern="memoryerror|cannot allocate memory|out of memory",
        message=mark("the memory is used up"),
        hint=mark("Close other programs, or run on a machine with more memory."),
    ),
)


def cause_of(text: str) -> Cause | None:
    """Find the cause that a program's output names."""
    return next((row for row in CAUSES if row.pattern.search(text)), None)


def failure(step: Step, command: Command, done: Completed) -> StepError:
    """Turn a failed command into an error with a cause, the end of its output, and what to do."""
    found = cause_of(done.tail) if not done.timed_out else None
    if found is not None:
        return StepError(
            tr("{summary}: {reason}.", summary=step.summary, reason=tr(found.message)),
            code=found.code,
            evidence=last_lines(done.tail),
            hint=tr(found.hint),
        )
    return ending(step, command, done)


def ending(step: Step, command: Command, done: Completed) -> StepError:
    """Say how a command ended whose output names no cause."""
    program = command.argv[0].rpartition("/")[2]
    if done.timed_out:
        return StepError(
            tr(
                "{summary}: {program} took longer than {seconds:.0f} s and was stopped.",
                summary=step.summary,
                program=program,
                seconds=command.timeout_seconds,
            ),
            code="command-timeout",
            evidence=last_lines(done.tail),
            hint=tr("Run again; if it stays so, look at the log."),
        )
    hints = {
        -9: tr("The system may have run out of memory: see `dmesg`."),
        127: tr("Install {program}, or put it on PATH.", program=program),
    }
    return StepError(
        tr("{summary}: {program} ended with {status}.", summary=step.summary, program=program, status=done.returncode)
        if done.returncode >= 0
        else tr(
            "{summary}: {program} was killed by signal {signal}.",
            summary=step.summary,
            program=program,
            signal=-done.returncode,
        ),
        code="command-failed",
        evidence=last_lines(done.tail),
        hint=hints.get(done.returncode, tr("The lines above are the last that it printed; the log has them all.")),
    )


def last_lines(tail: str) -> tuple[str, ...]:
    """Give the end of what a program printed, credentials taken out."""
    return tuple(redact(tail).splitlines()[-EVIDENCE_LINES:])
