"""`environment.yml`: the conda environment as a file that conda itself can make it again from."""

from __future__ import annotations

from pathlib import PurePath

from torchup.model.plan import WriteFile
from torchup.plan.sources import PackageSources, pip_flags
from torchup.shell.templates import render
from torchup.words import tr

NAME = "environment.yml"


def conda_file_step(
    prefix: str, *, channels: tuple[str, ...], specs: tuple[str, ...], sources: PackageSources, pins: tuple[str, ...]
) -> WriteFile:
    """Plan the file: conda's packages, and under `pip:` the exact builds and where they come from.

    It holds no login: the addresses of indexes are without it here, as in every plan.
    """
    places: list[str] = []
    for word in pip_flags(sources):
        if word.startswith("--"):
            places.append(word)
        else:
            places[-1] += f" {word}"
    return WriteFile(
        id="environment-file",
        summary=tr("Describe the environment in {name}", name=NAME),
        why=tr("conda can make the same environment again from it, here or elsewhere."),
        path=f"{prefix}/{NAME}",
        content=render(
            NAME,
            environment=PurePath(prefix).name,
            channels=channels,
            specs=specs,
            pip=(*places, *pins) if pins else (),
        ),
    )
