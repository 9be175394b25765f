"""Record what this version of torchup leaves on a machine, for the tests of all later versions.

    PYTHONPATH=tests .venv/bin/python tests/released/record.py

Runs the real command in homes below /tmp/torchup-record and keeps the journals, backups, env files and
start-up files in tests/released/VERSION/SCENARIO: `before` and `home` (afterwards), and the modes. A record
of a released version is never made again; see docs/adr/0011-records-of-releases.md.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from support.command import Person
from support.released import LEFT_OUT, PLACE, RELEASED, modes_of
from support.wheel_index import WheelIndex
from torchup import __version__

FAULTS = f"{Path(__file__).parents[1] / 'support/write_faults'}{os.pathsep}{Path(__file__).parents[1]}"
SHELLS = [part for shell in ("bash", "zsh", "fish", "tcsh") for part in ("--shell", shell)]
PLACE_PATH = Path(PLACE)


def home_of_a_person(index: WheelIndex | None = None) -> Person:
    """Lay out start-up files of many kinds: Latin-1, no last line end, CRLF, continued, private."""
    person = Person(home=PLACE_PATH / "home", index=index)
    files = {
        ".bashrc": (b"# caf\xe9\nexport EDITOR=vi", 0o640),
        ".profile": (b'if [ -f "$HOME/.bashrc" ]; then . "$HOME/.bashrc"; fi\n\n\n', 0o644),
        ".zshrc": (b"a=1\r\nb=2\r\n", 0o600),
        ".tcshrc": (b"set x = 1\n", 0o644),
        ".config/fish/config.fish": (b"set -g x 1\n", 0o644),
    }
    for name, (content, mode) in files.items():
        path = person.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        path.chmod(mode)
    (PLACE_PATH / "cuda-a/bin").mkdir(parents=True)
    (PLACE_PATH / "cuda-b/bin").mkdir(parents=True)
    return person


def did(done: subprocess.CompletedProcess[str], *wanted: int) -> None:
    """Stop where a command ended otherwise than it should."""
    if done.returncode not in (wanted or (0, 4)):
        sys.exit(f"exit status {done.returncode}\n{done.stdout}\n{done.stderr}")


def apply(person: Person, toolkit: str = "cuda-a", *options: str) -> subprocess.CompletedProcess[str]:
    return person.torchup("shell", "apply", "--cuda-home", f"{PLACE}/{toolkit}", *(options or SHELLS), "--yes")


def applied(person: Person) -> None:
    did(apply(person))


def applied_twice(person: Person) -> None:
    did(apply(person))
    did(apply(person, "cuda-b"))


def a_file_by_name(person: Person) -> None:
    did(apply(person, "cuda-a", "--rc", str(person.home / ".private")))


def removed(person: Person) -> None:
    did(apply(person))
    did(person.torchup("shell", "remove", "--yes"))


def killed(person: Person) -> None:
    """Kill a run right before it renames its second start-up file into place."""
    innocent = person.environ
    with tempfile.TemporaryDirectory() as folder:
        counts, copy = Path(folder, "calls"), Path(folder, "home")
        shutil.copytree(person.home, copy)
        person.environ = {**innocent, "PYTHONPATH": FAULTS, "WRITE_FAULT": f"count:{counts}"}
        did(apply(person))
        calls = counts.read_text().splitlines()
        shutil.rmtree(person.home)
        shutil.copytree(copy, person.home)
    # Only the writer gives a file its mode before it renames it.
    renames = [number for number, name in enumerate(calls) if name == "replace" and calls[number - 3] == "fchmod"]
    person.environ |= {"WRITE_FAULT": f"kill:{renames[1] + 1}"}
    did(apply(person), -9)
    person.environ = innocent


def set_up(person: Person) -> None:
    assert person.index is not None
    index = person.index
    index.pytorch("cpu").add("torch", "2.14.1+cpu").add("torchvision", "0.29.1+cpu")
    wanted = person.answers(
        f"schema: 1\nsource: {{mirror: '{index.url('whl')}'}}\nverify: {{level: none}}\nshell: {{shells: [bash, zsh]}}\n"
    )
    did(person.torchup("setup", "--answers", wanted, timeout=600))


SCENARIOS: dict[str, Callable[[Person], None]] = {
    "applied": applied,
    "applied-twice": applied_twice,
    "named-file": a_file_by_name,
    "removed": removed,
    "killed": killed,
    "setup": set_up,
}


def keep(source: Path, target: Path) -> dict[str, int]:
    """Copy a home, but for what belongs to no record."""
    modes = modes_of(source)
    for name in modes:
        path = target / name.rstrip("/")
        if name.endswith("/"):
            path.mkdir(parents=True, exist_ok=True)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(neutral((source / name).read_bytes()))
    return modes


def neutral(content: bytes) -> bytes:
    """Replace the paths of the recording machine's own programs; no digest covers them."""
    for folder, stand_in in ((Path(sys.prefix), "/opt/torchup"), (Path(sys.base_prefix), "/usr")):
        content = content.replace(f"{folder}/".encode(), f"{stand_in}/".encode())
    return content


def main() -> None:
    target = RELEASED / __version__
    if target.exists():
        sys.exit(f"{target} exists. Before the release: remove it and record anew. After it: never.")
    with WheelIndex() as index:
        for name, scenario in SCENARIOS.items():
            shutil.rmtree(PLACE_PATH, ignore_errors=True)
            person = home_of_a_person(index if name == "setup" else None)
            modes = {"before": keep(person.home, target / name / "before")}
            scenario(person)
            modes["home"] = keep(person.home, target / name / "home")
            (target / name / "modes.json").write_text(json.dumps(modes, indent=1, sort_keys=True) + "\n")
            print(f"{name}: {len(modes['home'])} files and folders, without {', '.join(LEFT_OUT)}")
    shutil.rmtree(PLACE_PATH, ignore_errors=True)


if __name__ == "__main__":
    main()
