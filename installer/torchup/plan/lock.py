"""The lock: what was installed, written down as pylock.toml (PEP 751) by uv, with hashes and addresses."""

from __future__ import annotations

from torchup.model.plan import Command, InstallPackages, Step, WriteFile, WriteLock
from torchup.plan.given import LockedPackages, PlanInput
from torchup.plan.installers import Installer
from torchup.words import tr

LOCK = "pylock.toml"
INSTALLED = "torchup-installed.txt"
LIST_INSTALLED = (
    "import importlib.metadata as m, json, sys\n"
    "def pin(d):\n"
    "    direct = json.loads(d.read_text('direct_url.json') or '{}')\n"
    "    return f' @ {direct[\"url\"]}' if 'archive_info' in direct else f'==={d.version}'\n"
    "found = {d.metadata['Name']: pin(d) for d in m.distributions()}\n"
    "lines = sorted(f'{name}{found[name]}\\n' for name in found if name and name.lower() != 'pip')\n"
    "open(sys.argv[1], 'w', encoding='utf-8').writelines(lines)\n"
)
"""Run by the environment's own interpreter: one exact pin a line, an address for what came from one (PEP 610).

pip is there to install, and is not locked.
"""


def lock_steps(given: PlanInput, installer: Installer, python: str, label: str) -> list[Step]:
    """Give the step that writes the lock; `label` is the Python, `3.12` or `3.13t`.

    A lock that holds for every 3.12 serves more machines. Where a package wants a later one than 3.12.0, the lock is
    for the interpreter's own version and later ones.
    """
    path, listed = f"{given.target.path}/{LOCK}", f"{given.target.path}/{INSTALLED}"
    return [
        WriteLock(
            id="lock",
            summary=tr("Write down exactly what is installed: {path}", path=path),
            why=tr("torchup setup --from-lock FILE makes the same environment again, from the same files."),
            path=path,
            listed=listed,
            python=python,
            commands=(
                Command(argv=(python, "-I", "-c", LIST_INSTALLED, listed)),
                installer.lock(python, listed, path, release=label.rstrip("t")),
                installer.lock(python, listed, path),
            ),
        )
    ]


def locked_steps(given: PlanInput, lock: LockedPackages, installer: Installer, python: str) -> list[Step]:
    """Give the steps that install exactly what a lock names."""
    path = f"{given.target.path}/{LOCK}"
    sizes = [offer.size for offer in lock.wheels if offer.size is not None]
    return [
        WriteFile(
            id="lock",
            summary=tr("Copy the lock {source} into the environment", source=lock.source),
            why=tr("uv installs from it: every file by its address, and only with the right hash."),
            path=path,
            content=lock.text,
        ),
        InstallPackages(
            id="packages",
            summary=tr("Install the {count} packages of the lock", count=len(lock.pins)),
            why=tr("They are exactly what was installed when the lock was written."),
            python=python,
            distributions=lock.pins,
            commands=installer.install_locked(python, path),
            download_bytes=sum(sizes) or None,
        ),
    ]
