"""What holds for every test: the programs that they start can be interrupted."""

from __future__ import annotations

import signal

# A shell starts what it puts into the background with SIGINT ignored, and children inherit that: Ctrl-C would be without
# effect in every program under test.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
