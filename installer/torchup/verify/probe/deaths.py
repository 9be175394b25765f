"""How a process died, in words, and the cause that its signal stands for."""

from __future__ import annotations

import signal

from .sentences import mark, say

SIGNAL_CAUSES = {
    "SIGILL": (mark("illegal instruction"), "cpu-without-avx"),
    "SIGBUS": (mark("bus error"), "shm-too-small"),
    "SIGKILL": (mark("killed, as the kernel does when memory runs out"), "killed-out-of-memory"),
    "SIGSEGV": (mark("segmentation fault"), "native-crash"),
    "SIGABRT": (mark("aborted"), "native-crash"),
    "SIGFPE": (mark("arithmetic fault"), "native-crash"),
}
WINDOWS_DEATHS = {0xC000001D: "SIGILL", 0xC0000005: "SIGSEGV", 0xC0000409: "SIGABRT"}


def death_of(returncode: int) -> tuple[str, str | None]:
    """Name how a process died: a sentence, and the cause where the signal tells one."""
    name = WINDOWS_DEATHS.get(returncode & 0xFFFFFFFF)
    if returncode < 0 and name is None:
        try:
            name = signal.Signals(-returncode).name
        except ValueError:
            return say("died of signal {number}", number=-returncode), None
    if name is None:
        return say("ended early with status {status}", status=returncode), None
    what, cause = SIGNAL_CAUSES.get(name, (mark("stopped"), None))
    return say("died of {signal} ({what})", signal=name, what=say(what)), cause
