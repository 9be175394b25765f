"""The checks as they run: one moving line on a terminal, one line for each elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.text import Text

from torchup.model.outcome import Check
from torchup.ui.console import Console
from torchup.ui.report_view import measured, status_word
from torchup.words import tr

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """A check that will run: on which kinds of device, none where it is asked once."""

    id: str
    kinds: tuple[str, ...] = ()


def parse_list(text: str) -> tuple[Expected, ...]:
    """Read what the probe lists: `id level kinds: what it does`, `once` in place of kinds."""
    found: list[Expected] = []
    for line in text.splitlines():
        words = line.partition(":")[0].split()
        if len(words) > 2:  # noqa: PLR2004 - id, level, and a kind at least
            kinds = tuple(word for word in words[2:] if word != "once")
            found.append(Expected(id=words[0], kinds=kinds))
    return tuple(found)


@dataclass(slots=True, kw_only=True)
class Course:
    """How far the test is: `done` of `total`, and what comes next. The devices become known on the way."""

    expected: Sequence[Expected]
    done: int = 0
    devices: int = 1
    current: str = "import"
    _kind: str | None = field(default=None, init=False)

    def take(self, check: Check) -> None:
        """Count a check that ended."""
        self.done += 1
        if check.id == "visible" and isinstance(check.value, float):
            self.devices = max(1, int(check.value))
            self._kind = None if check.value else "cpu"
        if check.gpu is not None:
            self._kind = check.gpu.partition(":")[0]
        following = [one for one in self.expected if not self._kind or not one.kinds or self._kind in one.kinds]
        names = [one.id for one in following]
        position = names.index(check.id) + 1 if check.id in names else 0
        if position >= len(names):
            self.current = tr("the next device")
        elif check.gpu:
            self.current = tr("{check} on {device}", check=names[position], device=check.gpu)
        else:
            self.current = names[position]

    @property
    def total(self) -> int | None:
        """How many checks there will be; None while that cannot be told."""
        if not self.expected:
            return None
        kind = self._kind or "cuda"
        once = sum(not one.kinds for one in self.expected) + 1  # and the import
        each = sum(kind in one.kinds for one in self.expected)
        return max(self.done, once + each * self.devices)


class CheckProgress:
    """Shows each check as it ends; used as a context, and called with the check."""

    def __init__(self, console: Console, *, expected: Callable[[], Sequence[Expected]] = tuple) -> None:
        terminal = console.terminal
        self._console = console
        self._moves = terminal.stderr_is_terminal and not terminal.plain and not console.quiet
        # Only the moving line needs to know how many there will be.
        self._course = Course(expected=expected() if self._moves else ())
        self._progress: Progress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        if self._moves:
            from rich.progress import MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

            what = TextColumn("{task.description}", markup=False)
            columns = (SpinnerColumn(), MofNCompleteColumn(), TimeElapsedColumn(), what)
            self._progress = Progress(*columns, console=self._console.live(), transient=True)
            self._task = self._progress.add_task("import torch", total=self._course.total)
            self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        if self._progress is not None:
            self._progress.stop()

    def __call__(self, check: Check) -> None:
        """Show one check that ended."""
        self._course.take(check)
        if self._progress is not None and self._task is not None:
            course = self._course
            self._progress.update(
                self._task,
                completed=course.done,
                total=course.total,
                description=tr("{check} (last: {status})", check=course.current, status=status_word(check.status)),
            )
        elif not self._moves and check.reached:
            where = f" [{check.gpu}]" if check.gpu else ""
            said = "" if check.unit == "s" else measured(check)
            said = said or check.sentence()
            self._console.say(Text(f"{status_word(check.status, 7)} {check.id}{where}  {said}  {check.seconds:.1f} s"))
