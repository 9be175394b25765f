"""What package managers are told besides packages: repositories and streams that are on, and locks.

Every setting is one line of text, so that what a step added is a difference of two sets, and what of it is
still there an intersection.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

_SECTIONS = (
    "etc/yum.repos.d/*.repo",
    "etc/dnf/repos.override.d/*.repo",
    "etc/dnf/modules.d/*.module",
    "etc/zypp/repos.d/*.repo",
    "etc/zypp/services.d/*.service",
)
_ZYPPER_LOCKS = "etc/zypp/locks"
_DNF_LOCKS = "etc/dnf/plugins/versionlock.list"
# What else stands in such a file says how a repository is read, or stays behind when it is switched off.
_TELLING = ("enabled", "state", "stream", "baseurl", "mirrorlist", "metalink", "url")


def read_settings(root: Path = Path("/")) -> frozenset[str]:
    """Read all settings that are there; a file that may not be read counts as absent."""
    found = set(_versionlocks(_read(root / _DNF_LOCKS))) | set(_zypper_locks(_read(root / _ZYPPER_LOCKS)))
    for pattern in _SECTIONS:
        for path in root.glob(pattern):
            found.update(_of_sections(path.name, _read(path)))
    return frozenset(found)


def _versionlocks(text: str) -> Iterator[str]:
    """Give the entries of dnf's version lock, as they stand there: a `!` before what is left out."""
    for line in text.splitlines():
        if line.strip() and not line.startswith("#"):
            yield line.strip()


def _zypper_locks(text: str) -> Iterator[str]:
    """Give zypper's locks as `zypper addlock` takes them: a name, and the versions that are held off."""
    for paragraph in text.split("\n\n"):
        rows = (line.partition(":") for line in paragraph.splitlines())
        values = {key.strip(): value.strip() for key, _, value in rows}
        if name := values.get("solvable_name"):
            yield f"{name} {values['version']}" if values.get("version") else name


def _of_sections(name: str, text: str) -> Iterator[str]:
    section = ""
    for line in text.splitlines():
        key, _, value = line.partition("=")
        if line.startswith("["):
            section = line.strip()
        elif key.strip() in _TELLING and value.strip():
            yield f"{name} {section} {key.strip()}={value.strip()}"


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
