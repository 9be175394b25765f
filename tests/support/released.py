"""What an earlier version left on a machine, as it was recorded, moved to where a test wants it."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

PLACE = "/tmp/torchup-record"
"""Where everything was recorded; the bytes are full of this path."""

RELEASED = Path(__file__).parents[1] / "released"
LEFT_OUT = (".venvs", ".cache", ".rustup", ".local/share", ".local/state/torchup/lock", ".local/state/torchup/log")
_BLOCK = re.compile(
    rb"(?P<head># >>> torchup 1 sha256:)(?P<digest>[0-9a-f]{16})(?P<flags>(?: [a-z]+)*)(?P<tail> >>>\n)"
    rb"(?P<body>.*?)(?=# <<< torchup <<<)",
    re.DOTALL,
)


def recorded() -> Iterator[tuple[str, str]]:
    """Give every version and scenario that is recorded."""
    for manifest in sorted(RELEASED.glob("*/*/modes.json")):
        yield manifest.parts[-3], manifest.parts[-2]


def lay_out(version: str, scenario: str, place: Path) -> tuple[Path, Path]:
    """Lay a scenario out below `place`; give the home as that version left it, and as it was before."""
    source = RELEASED / version / scenario
    modes: dict[str, dict[str, int]] = json.loads((source / "modes.json").read_text())
    moved: dict[bytes, bytes] = {}
    for part, entries in modes.items():
        for name, mode in entries.items():
            path = place / part / name.rstrip("/")
            if name.endswith("/"):
                path.mkdir(parents=True, exist_ok=True)
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                old = (source / part / name).read_bytes()
                new = _move(old, place)
                moved[_sha(old)] = _sha(new)
                path.write_bytes(new)
                path.chmod(mode)
    home = place / "home"
    for path in [*home.glob(".local/state/torchup/backups/*"), *home.glob(".local/state/torchup/journal/*")]:
        if path.suffix == ".jsonl":
            content = path.read_bytes()
            for old_digest, new_digest in moved.items():
                content = content.replace(old_digest, new_digest)
            path.write_bytes(content)
        elif path.name.encode() in moved:
            path.rename(path.with_name(moved[path.name.encode()].decode()))
    for part, entries in modes.items():
        for name, mode in reversed(entries.items()):
            if name.endswith("/"):
                (place / part / name).chmod(mode)
    return home, place / "before"


def described(folder: Path) -> dict[str, str]:
    """Describe the files and folders that count: kind, mode and bytes."""
    found: dict[str, str] = {}
    for path in _paths(folder):
        name = str(path.relative_to(folder))
        if name.startswith((".local/", ".local")):
            continue
        what = "folder" if path.is_dir() else hashlib.sha256(path.read_bytes()).hexdigest()
        found[name] = f"{path.stat().st_mode & 0o7777:o} {what}"
    return found


def modes_of(folder: Path) -> dict[str, int]:
    """Give the mode of every file and folder, which git does not keep; a folder's name ends in a slash."""
    return {
        str(path.relative_to(folder)) + ("/" if path.is_dir() else ""): path.stat().st_mode & 0o7777
        for path in _paths(folder)
    }


def _paths(folder: Path) -> Iterable[Path]:
    for path in sorted(folder.rglob("*")):
        if not str(path.relative_to(folder)).startswith(LEFT_OUT):
            yield path


def _move(content: bytes, place: Path) -> bytes:
    content = content.replace(PLACE.encode(), str(place).encode())

    def with_digest(found: re.Match[bytes]) -> bytes:
        words = found["flags"].split()
        digest = hashlib.sha256(b" ".join((b"1", *words)) + b"\n" + found["body"]).hexdigest()[:16].encode()
        return found["head"] + digest + found["flags"] + found["tail"] + found["body"]

    return _BLOCK.sub(with_digest, content)


def _sha(content: bytes) -> bytes:
    return hashlib.sha256(content).hexdigest().encode()
