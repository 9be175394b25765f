"""The locks hold what pyproject.toml asks for, hashed, for every Python and platform, and nothing of this machine."""

from __future__ import annotations

import importlib.util
import re
from functools import cache
from itertools import product
from pathlib import Path
from types import ModuleType

import pytest
from packaging.markers import Marker, default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

CHECKOUT = Path(__file__).parents[2]
LOCKS = CHECKOUT / "installer" / "locks"
NAMES = ("run", "build", "dev", "audit")
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
SYSTEMS = {
    "linux": {"os_name": "posix", "sys_platform": "linux", "platform_system": "Linux", "platform_machine": "x86_64"},
    "darwin": {"os_name": "posix", "sys_platform": "darwin", "platform_system": "Darwin", "platform_machine": "arm64"},
    "win32": {"os_name": "nt", "sys_platform": "win32", "platform_system": "Windows", "platform_machine": "AMD64"},
}
EVERYWHERE = list(product(PYTHONS, SYSTEMS))


@cache
def module() -> ModuleType:
    """Load installer/locks.py, which is no part of the package."""
    spec = importlib.util.spec_from_file_location("locks", CHECKOUT / "installer" / "locks.py")
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


@cache
def entries(name: str) -> list[tuple[Requirement, list[str]]]:
    """Read a lock: what is pinned, and the hashes of its files."""
    lines = (LOCKS / f"{name}.txt").read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
    read = [line.split(" --hash=") for line in lines if line and not line.startswith("#")]
    return [(Requirement(first), [part.strip() for part in hashes]) for first, *hashes in read]


def environment(python: str, system: str) -> dict[str, str]:
    here = {name: str(value) for name, value in default_environment().items()}
    return {**here, "python_version": python, "python_full_version": f"{python}.0", **SYSTEMS[system]}


def pins(name: str, python: str, system: str) -> dict[str, str]:
    """Give the versions that a lock installs on one Python and platform."""
    here = environment(python, system)
    found = [entry for entry, _ in entries(name) if entry.marker is None or entry.marker.evaluate(here)]
    assert len({entry.name for entry in found}) == len(found), "one version of each"
    return {canonicalize_name(entry.name): str(entry.specifier).removeprefix("==") for entry in found}


@pytest.mark.parametrize("name", NAMES)
def test_every_file_has_its_hash_and_no_address_stands_in_it(name: str) -> None:
    assert entries(name)
    for entry, hashes in entries(name):
        assert [specifier.operator for specifier in entry.specifier] == ["=="], entry
        assert entry.url is None
        assert hashes, entry
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", value) for value in hashes), entry
    text = (LOCKS / f"{name}.txt").read_text(encoding="utf-8")
    assert not re.search(r"://|^-|--(index|extra|find)|@|file:|(?<!`)/(?!`)", text, re.MULTILINE)


@pytest.mark.parametrize(("python", "system"), EVERYWHERE)
@pytest.mark.parametrize("name", NAMES)
def test_a_lock_satisfies_pyproject(name: str, python: str, system: str) -> None:
    """`make lock` mends it after a dependency was added or its range changed."""
    locked = pins(name, python, system)
    for text in module().requirements()[name]:
        wanted = Requirement(text)
        if wanted.marker is None or Marker(str(wanted.marker)).evaluate(environment(python, system)):
            assert wanted.specifier.contains(locked[canonicalize_name(wanted.name)], prereleases=True), text


@pytest.mark.parametrize(("python", "system"), EVERYWHERE)
def test_whoever_tests_has_what_people_get(python: str, system: str) -> None:
    developed = pins("dev", python, system)
    assert developed.items() >= pins("run", python, system).items()
    assert developed.items() >= pins("build", python, system).items()


def test_no_python_that_is_supported_is_forgotten() -> None:
    import tomllib

    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["requires-python"] == f">={PYTHONS[0]}"
    assert PYTHONS[0] == module().OLDEST


def test_what_moved_is_printed_once_for_all_locks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import subprocess

    locks = module()
    folder = tmp_path / "installer" / "locks"
    folder.mkdir(parents=True)
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.invalid", "-C", str(tmp_path)]
    for name in NAMES:
        (folder / f"{name}.txt").write_text("click==8.5.1 \\\n    --hash=sha256:0\ngone==1\n")
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "Lock"]):
        subprocess.run([*git, *command], check=True)
    monkeypatch.setattr(locks, "CHECKOUT", tmp_path)
    monkeypatch.setattr(locks, "LOCKS", folder)
    locks.moved()
    assert capsys.readouterr().out == "The locks are as they were committed.\n"
    for name in ("run", "dev"):
        (folder / f"{name}.txt").write_text("click==8.5.2 \\\n    --hash=sha256:0\nnew-one==1\n")
    locks.moved()
    assert capsys.readouterr().out.splitlines() == [
        "click 8.5.1 -> 8.5.2   (run, dev)", "gone 1 -> (gone)   (run, dev)", "new-one (new) -> 1   (run, dev)",
        "3 packages moved.",
    ]  # fmt: skip
