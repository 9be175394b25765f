"""The watch over new shells: read before the start-up files are edited, read again, and compared."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from torchup.app.commandline import CommandLine
from torchup.errors import StepError
from torchup.model.context import Context
from torchup.model.proof import ShellProof
from torchup.shell.env_files import ShellEnvironment
from torchup.shell.kinds.kind import StartupFile
from torchup.words import tr

if TYPE_CHECKING:
    from torchup.model.outcome import Check
    from torchup.verify.shell_start import ShellReading
    from torchup.verify.shells import Start


START_SECONDS = 15.0
# How many times as long a shell may take that came up before: a busy machine is not a shell that hangs.
_PATIENCE = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What new shells know after an edit: the checks, what the edit took away, and LD_LIBRARY_PATH in them.

    `library_path` is empty where it has nothing but what torchup put into it.
    """

    checks: tuple[Check, ...] = ()
    taken_away: tuple[str, ...] = ()
    library_path: str = ""

    @property
    def problems(self) -> tuple[str, ...]:
        """Say what is wrong with a shell that does not know what it should, and why that may be."""
        bad = [check for check in self.checks if check.status not in ("pass", "skip")]
        return tuple(
            tr("{check}: {detail}. {hint}", check=check.id, detail=check.detail, hint=check.hint or "").strip()
            for check in bad
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ShellGuard:
    """What new shells knew before an edit; `starts` are the ways of starting them that are watched.

    `limit` is how many seconds a shell may take to start.
    """

    home: str
    starts: tuple[Start, ...]
    known: ShellEnvironment
    before: dict[Start, ShellReading | None]
    limit: float = START_SECONDS

    @classmethod
    def look(
        cls, proof: ShellProof | None, context: Context, *, before: bool = True, limit: float = START_SECONDS
    ) -> ShellGuard:
        """Start every shell that the edit is about; below another root they would read other files.

        Without `before` only what they know afterwards counts.
        """
        from torchup.verify.shells import start_all, starts

        wanted = starts(_files(proof)) if proof is not None and context.root == Path("/") else ()
        # A file that the person named may not be there yet, and reading it would be a complaint.
        first = tuple(start for start in wanted if before and not start.before)
        home = str(context.home)
        readings = start_all(first, home=home, timeout=limit)
        return cls(home=home, starts=wanted, known=known_by(proof), before=readings, limit=limit)

    def again(self) -> Seen:
        """Start them again, and compare what each knows with what it should and with what it knew."""
        from torchup.verify.shell_change import taken_away
        from torchup.verify.shells import judge_all, start_all

        # A shell that hung before would only be waited for once more.
        hung = {start: reading for start, reading in self.before.items() if reading is not None and reading.timed_out}
        wanted = tuple(start for start in self.starts if start not in hung)
        after = hung | start_all(wanted, home=self.home, timeout=self.limit)
        # Everything is put back for a shell that hangs since, so a machine that was busy for a while is no reason.
        slow = tuple(start for start in wanted if (reading := after[start]) is not None and reading.timed_out)
        after |= start_all(slow, home=self.home, timeout=self.limit * _PATIENCE)
        return Seen(
            checks=judge_all(after, self.known),
            taken_away=taken_away(self.before, after, self.known),
            library_path=self._library_path(after),
        )

    def _library_path(self, readings: dict[Start, ShellReading | None]) -> str:
        for reading in readings.values():
            value = (reading.get("LD_LIBRARY_PATH") if reading is not None else None) or ""
            if any(entry not in self.known.library_dirs for entry in value.split(":") if entry):
                return value
        return ""


def refuse_taken_away(seen: Seen, line: CommandLine) -> None:
    """Put back what was just written when new shells lack something since.

    Raises StepError shells-changed, and StoppedError when something could not be put back.
    """
    if not seen.taken_away:
        return
    from torchup.apply.run import Machine, undo_run

    undo_run(Machine(context=line.context)).raise_if_left()
    raise StepError(
        tr("New shells lacked something after the edit that they had before, so everything was put back."),
        code="shells-changed",
        evidence=seen.taken_away,
        hint=tr(
            "Leave that shell out (--shell, or --set shell.shells=none), or print the lines with `torchup shell apply --no-rc` and find out where they do no harm."
        ),
    )


def known_by(proof: ShellProof | None) -> ShellEnvironment:
    """Give what new shells are to know by a proof."""
    if proof is None:
        return ShellEnvironment()
    return ShellEnvironment(
        cuda_home=proof.cuda_home,
        bin_dirs=proof.bin_dirs,
        library_dirs=proof.library_dirs,
        environment=proof.environment,
    )


def _files(proof: ShellProof) -> tuple[StartupFile, ...]:
    return tuple(
        StartupFile(
            shell=file.shell,
            language=file.language,
            path=file.path,
            create=False,
            modes=file.modes,
            why=tr("it was written"),
        )
        for file in proof.files
    )
