from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from support.sandbox import Sandbox, offer_of, passing, tree
from support.wheel_index import stub_wheel
from torchup.apply.history import read_runs
from torchup.apply.recording_system import RecordingSystem
from torchup.apply.run import apply_plan, undo_run
from torchup.apply.script import dry_run
from torchup.errors import StepError
from torchup.model.plan import MakeDirectory, MakeLink, Plan, WriteLock
from torchup.model.request import Request, ShellWish, VerifyWish


@pytest.fixture
def box(tmp_path: Path) -> Sandbox:
    box = Sandbox.create(tmp_path)
    box.request = Request(shell=ShellWish(shells="none"), verify=VerifyWish(level="none"))
    return box


def linking(box: Sandbox) -> Plan:
    """Plan one link below a folder of the home."""
    folder, path = box.home / "it's here", box.home / "it's here/lib64"
    steps = (
        MakeDirectory(id="folder", summary="Make it", why="For the link.", path=str(folder)),
        MakeLink(id="link", summary="Link it", why="It is asked for.", path=str(path), target="lib dir"),
    )
    return replace(box.plan(), steps=steps)


def test_a_link_is_made_once_and_taken_back(box: Sandbox) -> None:
    before = tree(box.home)
    plan = linking(box)
    apply_plan(plan, box.machine, verifier=None)
    link = box.home / "it's here/lib64"
    assert str(link.readlink()) == "lib dir"
    assert not apply_plan(plan, box.machine, verifier=None).changed
    undo_run(box.machine)
    assert tree(box.home) == before


def test_a_link_that_leads_elsewhere_by_now_is_left(box: Sandbox) -> None:
    apply_plan(linking(box), box.machine, verifier=None)
    link = box.home / "it's here/lib64"
    link.unlink()
    link.symlink_to("mine")
    result = undo_run(box.machine)
    assert str(link.readlink()) == "mine"
    assert any("mine" in left.text for left in result.left)


@pytest.mark.parametrize("kind", ["file", "folder", "link", "dangling"])
def test_nothing_that_is_there_is_replaced(box: Sandbox, kind: str) -> None:
    link = box.home / "it's here/lib64"
    link.parent.mkdir()
    if kind == "file":
        link.write_text("mine")
    elif kind == "folder":
        link.mkdir()
    else:
        link.symlink_to("/tmp" if kind == "link" else "nowhere")
    before = tree(box.home)
    with pytest.raises(StepError) as caught:
        apply_plan(linking(box), box.machine, verifier=None)
    assert caught.value.code == "not-a-link"
    assert tree(box.home) == before


def test_the_script_makes_the_same_link_and_may_run_twice(box: Sandbox) -> None:
    script = dry_run(linking(box), box.machine.system(), box.context).script
    for _ in range(2):
        subprocess.run(["sh", "-c", script], check=True, cwd=box.home, capture_output=True)
    assert str((box.home / "it's here/lib64").readlink()) == "lib dir"


def test_a_dry_run_undo_of_a_link_changes_nothing(box: Sandbox) -> None:
    apply_plan(linking(box), box.machine, verifier=None)
    undo_run(box.machine, dry_run=True)
    assert (box.home / "it's here/lib64").is_symlink()
    recording = RecordingSystem(base=box.machine.system())
    recording.remove_link(str(box.home / "it's here/lib64"))
    assert recording.link_target(str(box.home / "it's here/lib64")) is None


def locked(box: Sandbox) -> dict[str, str]:
    import tomllib

    content = tomllib.loads((box.environment / "pylock.toml").read_text())
    return {package["name"]: package["version"] for package in content["packages"]}


def test_the_lock_names_what_is_installed_with_hashes(box: Sandbox) -> None:
    apply_plan(box.plan(), box.machine, verifier=None)
    assert locked(box) == {"sympy": "1.14.0", "torch": "2.13.0+cpu"}
    assert box.torch is not None
    assert box.torch.sha256 in (box.environment / "pylock.toml").read_text()
    assert "pylock" not in (box.environment / "torchup-installed.txt").read_text()


def test_a_lock_that_cannot_be_written_fails_nothing(box: Sandbox) -> None:
    plan = box.plan()
    (box.wheels / "gone").mkdir()
    # A package that no source has: somebody's own, put into the environment by hand.
    apply_plan(replace(plan, steps=tuple(one for one in plan.steps if one.id != "lock")), box.machine, verifier=None)
    site = next(box.environment.glob("lib/python3*/site-packages"))
    own = stub_wheel("of-mine", "1.0", tags=("py3", "none", "any")).write(box.home / "private")
    uv = next(one for one in plan.steps if isinstance(one, WriteLock)).commands[1].argv[0]
    subprocess.run(
        [uv, "pip", "install", "-q", "--no-index", "--python", box.environment / "bin/python", own], check=True
    )
    own.unlink()
    assert any(site.glob("of_mine*"))
    before = kept(box)
    for _ in range(2):  # what no source has today, one may have tomorrow
        result = apply_plan(box.plan(), box.machine, verifier=None)
        (outcome,) = (outcome for outcome in result.outcomes if outcome.step_id == "lock")
        assert outcome.status == "unchanged"
        assert "no lock was written" in outcome.detail
        assert kept(box) == before
    (run, *_) = read_runs(box.context)
    assert not run.has_changes


def test_a_lock_that_cannot_be_written_anew_leaves_the_one_that_was_there(box: Sandbox) -> None:
    apply_plan(box.plan(), box.machine, verifier=None)
    (box.environment / "pylock.toml").write_text("# of an older set-up\n")
    before = kept(box)
    for wheel in box.wheels.glob("sympy*"):
        wheel.unlink()
    result = apply_plan(box.plan(), box.machine, verifier=None)
    assert not result.changed
    assert kept(box) == before


def without_packages(content: str) -> str:
    return content.partition("[[packages]]")[0]


HARMED: dict[str, Callable[[str], str | None]] = {
    "removed": lambda _: None,
    "empty": lambda _: "",
    "cut short": lambda content: content[: len(content) // 2],
    "cut before its files": lambda content: content.rpartition("wheels = ")[0],
    "cut between packages": without_packages,
    "of another version": lambda content: content.replace("1.14.0", "1.13.0"),
    "no TOML": lambda _: "mine\n",
    "no lock": lambda _: 'packages = "all"\n',
}


@pytest.mark.parametrize("harm", HARMED)
def test_a_lock_that_is_not_as_what_is_installed_is_made_again(box: Sandbox, harm: str) -> None:
    apply_plan(box.plan(), box.machine, verifier=None)
    path = box.environment / "pylock.toml"
    whole = path.read_text()
    harmed = HARMED[harm](whole)
    if harmed is None:
        path.unlink()
    else:
        assert harmed != whole
        path.write_text(harmed)
    assert apply_plan(box.plan(), box.machine, verifier=None).changed
    assert path.read_text() == whole
    assert not apply_plan(box.plan(), box.machine, verifier=None).changed


@pytest.mark.skipif(sys.version_info.micro == 0, reason="needs a Python that is later than the first of its release")
def test_a_package_that_wants_a_later_patch_release_can_be_locked(box: Sandbox) -> None:
    """`--python-version 3.11` means 3.11.0; the lock is then for the interpreter's own version."""
    major, minor = sys.version_info[:2]
    assert box.torch is not None
    torch = stub_wheel("torch", "2.13.0+cpu", requires=["sympy>=1.13", "picky"])
    torch.write(box.wheels)
    stub_wheel("picky", "1.0", tags=("py3", "none", "any"), requires_python=f">={major}.{minor}.1").write(box.wheels)
    box.torch, box.offers = torch, (offer_of(torch, box.wheels),)
    plan = box.plan()
    apply_plan(plan, box.machine, verifier=None)
    assert locked(box)["picky"] == "1.0"
    script = dry_run(box.plan(), box.machine.system(), box.context).script
    undo_run(box.machine)
    assert "up to date" in script


def kept(box: Sandbox) -> dict[str, str]:
    # Byte code and uv's own lock on an environment are what every installer leaves.
    found = tree(box.home)
    return {path: text for path, text in found.items() if "__pycache__" not in path and path != "env/.lock"}


def test_undo_puts_an_earlier_lock_of_an_existing_environment_back(box: Sandbox) -> None:
    box.wish(path=str(box.home / "env"), kind="existing")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", box.home / "env"], check=True)
    (box.home / "env/pylock.toml").write_text('lock-version = "1.0"\ncreated-by = "me"\npackages = []\n')
    before = kept(box)
    apply_plan(box.plan(), box.machine, verifier=passing)
    assert "torch" in locked(box)
    undo_run(box.machine)
    assert kept(box) == before


def test_a_lock_that_was_edited_since_is_left(box: Sandbox) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", box.home / "env"], check=True)
    box.wish(path=str(box.home / "env"), kind="existing")
    apply_plan(box.plan(), box.machine, verifier=passing)
    (box.home / "env/pylock.toml").write_text("# mine now\n")
    result = undo_run(box.machine)
    assert (box.home / "env/pylock.toml").read_text() == "# mine now\n"
    assert any("pylock.toml" in left.text for left in result.left)
