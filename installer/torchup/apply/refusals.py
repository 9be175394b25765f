"""What the real machine refuses before it writes or runs anything."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from torchup.errors import RefusedError, StepError
from torchup.ownership import stranger
from torchup.words import tr


def refuse_program_of_strangers(program: str) -> None:
    """Raise StepError foreign-program where root would run what another user could have changed."""
    found = None if Path(program).is_relative_to(sys.prefix) else stranger(program)
    if found is not None:
        raise StepError(
            tr("{path} is not root's alone, and this is root.", path=program),
            code="foreign-program",
            evidence=(found.said,),
            hint=tr("Run torchup as the owner of that folder, or name another place."),
        )


def refuse_outside(path: str, root: Path) -> None:
    """Raise RefusedError outside-root for a path that does not lie below the prefix of every write."""
    if root == Path("/"):
        return
    real = Path(os.path.realpath(path))
    if not real.is_relative_to(root.resolve()):
        raise RefusedError(
            tr("{path} is outside {root}, below which everything is to be written.", path=path, root=root),
            code="outside-root",
            hint=tr("Leave out --root, or name a place below it."),
        )
