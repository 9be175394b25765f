"""What the operating system's package manager has installed, read from its own records."""

from __future__ import annotations

import subprocess
from pathlib import Path

from torchup.apply.system import SystemPackage
from torchup.children import NEUTRAL_FOLDER
from torchup.errors import StepError
from torchup.words import tr

_DPKG = "var/lib/dpkg"
_PACMAN = "var/lib/pacman/local"
ABSENT = ("not-installed", "config-files")
_UNFINISHED = ("half-installed", "unpacked", "half-configured", "triggers-awaited", "triggers-pending")
_RPM_FIELDS = "%{NAME}\t%|EPOCH?{%{EPOCH}:}:{}|%{VERSION}-%{RELEASE}\t%{ARCH}\n"
_RPM_SECONDS = 120.0


def installed_packages(manager: str, root: Path = Path("/")) -> frozenset[SystemPackage]:
    """Read every installed package; dpkg's and pacman's records are files, rpm's are asked for.

    Raises StepError (packages-unreadable) when that does not work.
    """
    try:
        match manager:
            case "apt":
                return parse_dpkg_status((root / _DPKG / "status").read_text(errors="replace"))
            case "pacman":
                return frozenset(map(_pacman, (entry.name for entry in (root / _PACMAN).iterdir() if entry.is_dir())))
            case "dnf" | "zypper":
                argv = ["rpm", "--root", str(root), "--query", "--all", "--queryformat", _RPM_FIELDS]
                done = subprocess.run(
                    argv,
                    cwd=NEUTRAL_FOLDER,
                    stdin=subprocess.DEVNULL,
                    capture_output=True,
                    text=True,
                    check=True,
                    timeout=_RPM_SECONDS,
                )
                return parse_rpm(done.stdout)
    except (OSError, subprocess.SubprocessError) as error:
        raise unreadable(manager, error) from error
    raise StepError(
        tr("{manager} is no package manager that torchup knows.", manager=manager),
        code="manager-unknown",
        hint=tr("It knows apt, dnf, zypper and pacman."),
    )


def unreadable(manager: str, error: Exception) -> StepError:
    """Say that a package manager's records cannot be read."""
    return StepError(
        tr("What {manager} has installed could not be read.", manager=manager),
        code="packages-unreadable",
        evidence=(str(error),),
        hint=tr("See whether {manager} is this system's package manager and works.", manager=manager),
    )


def parse_dpkg_status(text: str) -> frozenset[SystemPackage]:
    """Parse /var/lib/dpkg/status: paragraphs of `key: value`, in which `Status` has three words."""
    found = []
    for paragraph in text.split("\n\n"):
        values = dict[str, str]()
        for line in paragraph.splitlines():
            key, colon, value = line.partition(":")
            if colon and key in ("Package", "Status", "Version", "Architecture"):
                values[key] = value.strip()
        state = values.get("Status", "").split()[-1:]
        if values.get("Package") and state and state[0] not in ABSENT:
            found.append(
                SystemPackage(
                    values["Package"],
                    values.get("Version", ""),
                    values.get("Architecture", ""),
                    state[0] in ("installed", "triggers-pending", "triggers-awaited"),
                )
            )
    return frozenset(found)


def parse_rpm(text: str) -> frozenset[SystemPackage]:
    """Parse what `rpm -qa` prints with our format: name, version and architecture, with tabs between."""
    rows = (line.split("\t") for line in text.splitlines())
    return frozenset(SystemPackage(row[0], row[1], row[2]) for row in rows if len(row) == 3)  # noqa: PLR2004 - the format has three


def dpkg_was_cut_off(root: Path = Path("/")) -> bool:
    """Tell whether dpkg has to finish its work first: it left its own notes, or a package unpacked."""
    folder = root / _DPKG
    try:
        if any(entry.name.isdigit() for entry in (folder / "updates").iterdir()):
            return True
        status = (folder / "status").read_text(errors="replace")
    except OSError:
        return False
    states = (line.split()[-1] for line in status.splitlines() if line.startswith("Status: "))
    return any(state in _UNFINISHED for state in states)


def _pacman(folder: str) -> SystemPackage:
    name, version, release = folder.rsplit("-", 2)
    return SystemPackage(name, f"{version}-{release}")
