"""A few threads that work through growing lists of tasks and can be left behind at a deadline."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

from torchup.resolve.offers.transport import Deadline

Task = Callable[[], None]


class Crew:
    """Runs tasks in daemon threads, as many as there are tasks at a time and at most `threads`; a task may add more.

    The threads are daemons, so that one stuck in a name look-up never keeps the program alive.
    """

    def __init__(self, threads: int) -> None:
        self._most_threads = threads
        self._started = 0
        self._tasks: queue.SimpleQueue[Task | None] = queue.SimpleQueue()
        self._changed = threading.Condition()
        self._open = 0
        self._error: BaseException | None = None

    def add(self, task: Task) -> None:
        """Start a task, or queue it where every thread is busy."""
        with self._changed:
            self._open += 1
            needs_thread = self._started < min(self._open, self._most_threads)
            self._started += needs_thread
        self._tasks.put(task)
        if needs_thread:
            threading.Thread(target=self._work, name="offers", daemon=True).start()

    def finish(self, deadline: Deadline, on_late: Task, grace_s: float = 1.0) -> bool:
        """Wait until every task is done, and say whether that was in time.

        At the deadline `on_late` is called and the tasks get `grace_s` to notice. An exception of a task,
        which is a defect of ours, is raised here.
        """
        in_time = self._wait(deadline.left)
        if not in_time:
            on_late()
            self._wait(grace_s)
        for _ in range(self._started):
            self._tasks.put(None)
        if self._error is not None:
            raise self._error
        return in_time

    def _wait(self, seconds: float) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: self._open == 0 or self._error is not None, timeout=seconds)

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None:
            try:
                task()
            except BaseException as error:  # noqa: BLE001  handed to the thread that waits
                self._error = error
            with self._changed:
                self._open -= 1
                self._changed.notify_all()
