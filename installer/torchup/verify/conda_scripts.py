"""The scripts of a conda environment in real shells: they set what they should, and take all of it back."""

from __future__ import annotations

import shutil

from torchup.model.outcome import Check, CheckStatus
from torchup.model.proof import CondaProof
from torchup.private_folders import temporary_folder
from torchup.shell.conda_scripts import script_folders
from torchup.shell.kinds import CONFIGURED, SPOKEN
from torchup.shell.kinds.kind import Shell
from torchup.verify.shells import ShellReading, read_variables
from torchup.words import tr


def check_conda_scripts(proof: CondaProof, *, timeout: float = 15.0) -> tuple[Check, ...]:
    """Run the scripts as conda does, in every shell that is installed, and compare.

    The shells get an empty home: start-up files have no part in this, and fish makes folders in a home
    that it has not seen yet.
    """
    installed = [shell for shell in CONFIGURED.values() if shell.conda and shutil.which(shell.program) is not None]
    with temporary_folder() as home:
        return tuple(_check(shell, proof, str(home), timeout) for shell in installed)


def _check(kind: Shell, proof: CondaProof, home: str, timeout: float) -> Check:
    shell, language = kind.name, SPOKEN[kind.name]
    activate, deactivate = (
        f"{language.reads} {language.quote(f'{folder}/torchup.{kind.conda}')}"
        for folder in script_folders(proof.prefix)
    )
    before = read_variables(shell, "script", home=home, timeout=timeout)
    active = read_variables(shell, "script", home=home, before=activate, timeout=timeout)
    after = read_variables(shell, "script", home=home, before=f"{activate}; {deactivate}", timeout=timeout)
    seconds = before.seconds + active.seconds + after.seconds
    name = f"shell.conda.{shell}"
    unread = next((reading for reading in (before, active, after) if reading.problem is not None), None)
    if unread is not None:
        status: CheckStatus = "timeout" if unread.timed_out else "fail"
        return Check(id=name, status=status, seconds=seconds, detail=f"{unread.problem}. {unread.complaint}".strip())
    problems = [*_while_active(active, proof), *_left_over(before, after)]
    return Check(
        id=name,
        status="fail" if problems else "pass",
        seconds=seconds,
        detail="; ".join(problems)
        or tr("{shell} sets the toolkit with the environment and takes it back", shell=shell),
        hint=tr("Run torchup again to write the scripts anew.") if problems else None,
    )


def _while_active(reading: ShellReading, proof: CondaProof) -> list[str]:
    problems = []
    if proof.cuda_home is not None and reading.get("CUDA_HOME") != proof.cuda_home:
        problems.append(
            tr(
                "CUDA_HOME is {found} and not {wanted}",
                found=reading.get("CUDA_HOME") or tr("not set"),
                wanted=proof.cuda_home,
            )
        )
    entries = (reading.get("LD_LIBRARY_PATH") or "").split(":")
    problems += [
        tr("{entry} is not in LD_LIBRARY_PATH", entry=entry) for entry in proof.library_dirs if entry not in entries
    ]
    return problems


def _left_over(before: ShellReading, after: ShellReading) -> list[str]:
    names = ("CUDA_HOME", "CUDA_INC_PATH", "LD_LIBRARY_PATH", "PATH")
    return [
        tr(
            "after deactivation {name} is {found} and not {wanted}",
            name=name,
            found=after.get(name) or tr("not set"),
            wanted=before.get(name) or tr("not set"),
        )
        for name in names
        if before.get(name) != after.get(name)
    ]
