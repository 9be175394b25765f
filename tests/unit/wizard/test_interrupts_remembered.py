"""Ctrl-C at the worst moment: inside a callback, from which Python lets no exception out."""

from __future__ import annotations

import subprocess
import sys

import pytest

CHILD = """
import gc, signal, sys, time, weakref
from torchup.ui.ask.guard import interrupts_remembered

class Thing:
    pass

class Dying:
    def __del__(self):
        signal.raise_signal(signal.SIGINT)

def press(_):
    signal.raise_signal(signal.SIGINT)

with interrupts_remembered() as check:
    try:
        if sys.argv[1] == "weak reference":
            thing = Thing()
            kept = weakref.ref(thing, press)
            del thing
        elif sys.argv[1] == "destructor":
            Dying()
        else:
            cycle = Dying()
            cycle.itself = cycle
            del cycle
            gc.collect()
        print("went on", flush=True)
        time.sleep(30)
        print("lost")
    except KeyboardInterrupt:
        print("stopped")
    try:
        check()
    except KeyboardInterrupt:
        print("remembered")
assert sys.unraisablehook is sys.__unraisablehook__
try:
    with interrupts_remembered() as check:
        Dying()
        check()
except KeyboardInterrupt:
    time.sleep(0.3)
    print("stopped once")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals are a thing of POSIX")
@pytest.mark.parametrize("place", ["weak reference", "destructor", "garbage collector"])
def test_ctrl_c_in_a_callback_stops_and_prints_nothing(place: str) -> None:
    done = subprocess.run([sys.executable, "-c", CHILD, place], capture_output=True, text=True, timeout=25, check=False)
    assert done.stderr == ""
    assert done.stdout.split("\n")[-4:-1] == ["stopped", "remembered", "stopped once"]
    assert done.returncode == 0


AT_THE_END = """
import signal, sys, time, weakref
from torchup.ui.ask.guard import interrupts_remembered

class Thing:
    pass

try:
    with interrupts_remembered() as check:
        thing = Thing()
        kept = weakref.ref(thing, lambda _: signal.raise_signal(signal.SIGINT))
        del thing
        if sys.argv[1] == "check":
            check()
except KeyboardInterrupt:
    print("stopped")
time.sleep(0.5)
print("nothing came after it")
assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals are a thing of POSIX")
@pytest.mark.parametrize("found_by", ["check", "the end of the block"])
def test_ctrl_c_in_a_callback_just_before_the_end_stops_once(found_by: str) -> None:
    argv = [sys.executable, "-c", AT_THE_END, found_by]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=25, check=False)
    assert (done.stdout, done.stderr, done.returncode) == ("stopped\nnothing came after it\n", "", 0)
