"""What NVML says while something runs."""

from __future__ import annotations

import contextlib
import threading

from .bench import Bench, index_of
from .nvml import ULONG, Nvml
from .sentences import say


class Sampler:
    """Ask NVML a few times a second while a block runs; `samples` stays empty where NVML does not answer."""

    def __init__(self, bench: Bench, seconds: float = 0.1) -> None:
        self.samples: list[dict[str, int]] = []
        self.seconds = seconds
        self.ended = threading.Event()
        self.thread: threading.Thread | None = None
        self.nvml: Nvml | None = None
        if bench.kind == "cuda":
            with contextlib.suppress(OSError):
                self.nvml = Nvml()
                self.handle = self.nvml.handle(index_of(bench.device))
                self.thread = threading.Thread(target=self.watch, daemon=True)

    def __enter__(self) -> Sampler:
        if self.thread:
            self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        if self.thread:
            self.thread.join()

    def watch(self) -> None:
        """Take samples until the block ends."""
        while not self.ended.wait(self.seconds):
            self.take()

    def take(self) -> None:
        """Take one sample."""
        nvml, handle = self.nvml, self.handle
        assert nvml is not None  # noqa: S101 - the thread is only there with it
        reasons = nvml.one("nvmlDeviceGetCurrentClocksEventReasons", handle, kind=ULONG)
        if reasons is None:  # its name before driver 535
            reasons = nvml.one("nvmlDeviceGetCurrentClocksThrottleReasons", handle, kind=ULONG)
        sample = {
            "reasons": reasons,
            "clock": nvml.one("nvmlDeviceGetClockInfo", handle, 1),
            "generation": nvml.one("nvmlDeviceGetCurrPcieLinkGeneration", handle),
            "width": nvml.one("nvmlDeviceGetCurrPcieLinkWidth", handle),
            "widest": nvml.one("nvmlDeviceGetMaxPcieLinkWidth", handle),
            "temperature": nvml.one("nvmlDeviceGetTemperature", handle, 0),
        }
        self.samples.append({name: value for name, value in sample.items() if value is not None})

    def most(self, name: str) -> int | None:
        """Give the largest value that was seen."""
        return max((sample[name] for sample in self.samples if name in sample), default=None)

    def clock(self) -> str:
        """Give the highest clock as text to stand beside a figure."""
        clock = self.most("clock")
        return say(" at {clock} MHz", clock=clock) if clock else ""
