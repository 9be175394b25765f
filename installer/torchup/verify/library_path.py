"""Whether LD_LIBRARY_PATH changes what PyTorch loads: torch imported with the variable and without."""

from __future__ import annotations

from collections.abc import Mapping

from torchup.model.outcome import Check
from torchup.verify.doctor.trials import Ask, attempt, compare_library_path, why_import_fails
from torchup.words import tr

_NAME = "shell.library-path"


def check_library_path(python: str, value: str, *, environ: Mapping[str, str], where: str, ask: Ask) -> Check:
    """Import torch with LD_LIBRARY_PATH at `value` and unset, and compare what comes with it.

    `where` says what sets the variable. A torch that cannot be imported either way is not judged here.
    """
    given = {**environ, "LD_LIBRARY_PATH": value}
    plain = attempt(python, given, ask)
    if plain.works:
        found = tuple(compare_library_path(python, given, ask, plain))
    else:
        proved = why_import_fails(python, given, ask, plain.error)
        if not any("LD_LIBRARY_PATH" in line for line in proved.evidence):
            return Check(
                id=_NAME,
                status="skip",
                detail=tr("torch cannot be imported by {python}: {error}", python=python, error=plain.error),
            )
        found = (proved,)
    if not found:
        return Check(
            id=_NAME, status="pass", detail=tr("LD_LIBRARY_PATH={value} changes nothing for PyTorch", value=value)
        )
    evidence = "; ".join(line for one in found for line in one.evidence)
    return Check(
        id=_NAME,
        status="warn",
        detail=tr("LD_LIBRARY_PATH ({where}) changes what PyTorch loads: {evidence}", where=where, evidence=evidence),
        hint=tr(
            "Libraries in LD_LIBRARY_PATH go before those of PyTorch's wheel. Take the entry out, or set it only for the programs that need it."
        ),
    )
