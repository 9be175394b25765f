"""What a person may change in a start-up file by hand, as a diff. torchup offers it and never applies it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from torchup.shell.diagnosis import StartupFinding
from torchup.shell.difference import unified
from torchup.shell.kinds import language_named

_OWN = ("own-cuda-home", "own-cuda-path", "own-library-path", "library-path-hole", "module-load")
_CUDA = re.compile(rb"cuda|cudnn|nvhpc", re.IGNORECASE)
# In `/x:$LD_LIBRARY_PATH` and `$LD_LIBRARY_PATH:/x` the colon is to stand only where there is something.
_BEHIND = re.compile(rb":\$(?:\{LD_LIBRARY_PATH\}|LD_LIBRARY_PATH\b)")
_BEFORE = re.compile(rb"\$(?:\{LD_LIBRARY_PATH\}|LD_LIBRARY_PATH\b):")


def suggested_change(path: str, content: bytes, findings: Sequence[StartupFinding], language: str) -> tuple[str, ...]:
    """Give a diff that takes the hand-written CUDA settings out of force; empty where there is nothing to suggest.

    A line that names CUDA is commented out, with the lines that continue it. A line that sets
    LD_LIBRARY_PATH for something else only loses the empty entry that it can leave.
    """
    numbers = {finding.line for finding in findings if finding.code in _OWN and finding.path == path}
    if not numbers:
        return ()
    changed: list[bytes] = []
    continues = False
    for number, line in enumerate(content.split(b"\n"), start=1):
        if continues or (number in numbers and _CUDA.search(line) is not None):
            changed.append(_commented(line, continued=continues, language=language))
            continues = line.endswith(b"\\")
        elif number in numbers and language_named(language).posix:
            changed.append(_closed(line))
        else:
            changed.append(line)
    return unified(path, content, b"\n".join(changed))


def _commented(line: bytes, *, continued: bool, language: str) -> bytes:
    indentation = line[: len(line) - len(line.lstrip())]
    # An indented line may be the only one in an `if` or a function, whose body must not become empty.
    word = b": # " if indentation and language_named(language).posix and not continued else b"# "
    return indentation + word + line.lstrip()


def _closed(line: bytes) -> bytes:
    line = _BEHIND.sub(rb"${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}", line)
    return _BEFORE.sub(rb"${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}", line)
