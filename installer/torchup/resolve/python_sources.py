"""Where a Python comes from that the machine does not have: uv, the distribution, or neither."""

from __future__ import annotations

from torchup.model.facts import OperatingSystem
from torchup.model.resolution import NextStep
from torchup.words import tr

# uv offers CPython from 3.8 on, and free-threaded builds from 3.13 on (`uv python list --all-versions`, uv 0.13).
_OLDEST = (3, 8)
_OLDEST_FREE_THREADED = (3, 13)


def ways_to_bring(python: str, os: OperatingSystem, *, offline: bool) -> tuple[NextStep, ...]:
    """Say how `3.12` or `3.13t` can be had; the last word is that neither uv nor the distribution can.

    Whether a distribution has that Python is not in the tables, so its command is told with an if.
    """
    by_uv = _by_uv(python)
    steps = []
    if by_uv and not offline:
        text = tr(
            "uv brings Python {python} into its own folder, if this machine reaches uv's downloads.", python=python
        )
        steps.append(NextStep(text=text, commands=(f"uv python install {python}",)))
    if package := _package(python, os):
        text = tr(
            "If {system} has Python {python}, its package manager brings it.",
            system=os.id or tr("the distribution"),
            python=python,
        )
        steps.append(NextStep(text=text, commands=(package,)))
    if steps:
        return tuple(steps)
    why = tr("downloads are switched off (source.offline)") if by_uv else tr("uv has no Python {python}", python=python)
    text = tr(
        "Neither uv nor the system's packages can bring Python {python} here: {why}, and {system} has one version only.",
        python=python,
        why=why,
        system=os.id or os.system,
    )
    return (NextStep(text=text),)


def _by_uv(python: str) -> bool:
    free_threaded = python.endswith("t")
    release = tuple(int(part) for part in python.rstrip("t").split(".")[:2])
    return release >= (_OLDEST_FREE_THREADED if free_threaded else _OLDEST)


def _package(python: str, os: OperatingSystem) -> str | None:
    family = {os.id or "", *os.like}
    number = ".".join(python.rstrip("t").split(".")[:2])
    if family & {"debian", "ubuntu"} and not python.endswith("t"):
        return f"sudo apt-get install python{number}-venv"
    if family & {"fedora", "rhel", "centos", "amzn"}:
        return f"sudo dnf install python{number}{'-freethreading' if python.endswith('t') else ''}"
    if family & {"suse", "opensuse", "sles"} and not python.endswith("t"):
        return f"sudo zypper install python{number.replace('.', '')}"
    return None
