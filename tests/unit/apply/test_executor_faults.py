"""A fault at every call that changes something, before and after it took effect: the run is taken back."""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from support.sandbox import Sandbox, offer_of, passing, tree
from support.wheel_index import stub_wheel
from torchup.apply.executor import execute
from torchup.apply.history import last_run
from torchup.apply.journal import Journal
from torchup.apply.run import apply_plan
from torchup.apply.survey import survey_target
from torchup.apply.system import Completed
from torchup.apply.write_errors import explain
from torchup.errors import RefusedError, StepError, TorchupError
from torchup.model.plan import Command, CreateEnvironment, InstallPackages, MakeDirectory, Plan, WriteFile

CHANGING = ("write_file", "make_directory", "remove_file", "remove_tree", "run")


@dataclass
class FaultySystem:
    """Passes everything on to a system, and fails once: at changing call `at`, before it or after it."""

    base: Any
    at: int
    after: bool
    calls: list[str] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        real = getattr(self.base, name)
        return self._faulty(name, real) if name in CHANGING else real

    def _faulty(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            self.calls.append(name)
            fails = len(self.calls) == self.at
            if fails and not self.after:
                return self._fail(name)
            done = real(*arguments, **named)
            return self._fail(name) if fails else done

        return call

    def _fail(self, name: str) -> Completed:
        if name == "run":
            return Completed(returncode=2, tail="error: no space left on device (os error 28)")
        raise explain(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), "the file")


def quick_plan(box: Sandbox) -> Plan:
    """Make a plan of all kinds of changes, with stand-ins for the installers that take no time."""
    place = box.environment
    info = place / "lib/python3.11/site-packages/torch-2.13.0.dist-info"
    make = f"mkdir -p '{place}/bin' && echo version_info = 3.11 >'{place}/pyvenv.cfg'"
    install = f"mkdir -p '{info}' && : >'{info}/RECORD'"
    steps = [*box.plan().steps]
    for number, step in enumerate(steps):
        if isinstance(step, CreateEnvironment):
            steps[number] = CreateEnvironment(
                id=step.id, summary="s", why="w", path=step.path, python="3.11", commands=(shell(make),)
            )
        elif isinstance(step, InstallPackages):
            steps[number] = InstallPackages(
                id=step.id,
                summary="s",
                why="w",
                python=step.python,
                distributions=("torch==2.13.0",),
                commands=(shell(install),),
            )
    return Plan(tool_version="0", facts_digest="", request_digest="", steps=tuple(steps))


def shell(text: str) -> Command:
    return Command(argv=("sh", "-c", text))


def carry_out(box: Sandbox, plan: Plan, *, at: int, after: bool) -> tuple[FaultySystem, TorchupError | None]:
    system = FaultySystem(base=box.machine.system(), at=at, after=after)
    try:
        execute(plan, system, journal=Journal.create(box.context, plan), context=box.context, verifier=passing)
    except TorchupError as error:
        return system, error
    return system, None


@pytest.mark.parametrize("after", [False, True])
def test_each_call_may_fail_and_everything_is_put_back(tmp_path: Path, after: bool) -> None:
    rehearsal = tmp_path / "rehearsal"
    rehearsal.mkdir()
    box = Sandbox.create(rehearsal)
    counted, error = carry_out(box, quick_plan(box), at=0, after=after)
    assert error is None
    assert len(counted.calls) >= 9
    for at in range(1, len(counted.calls) + 1):
        folder = tmp_path / f"{at}"
        folder.mkdir()
        box = Sandbox.create(folder)
        before = tree(box.home)
        _, error = carry_out(box, quick_plan(box), at=at, after=after)
        assert isinstance(error, StepError), counted.calls[at - 1]
        assert error.code == "disk-full"
        assert tree(box.home) == before, counted.calls[at - 1]
        record = last_run(box.context)
        assert record is not None
        assert record.status == "rolled-back"
        _, error = carry_out(box, quick_plan(box), at=0, after=False)
        assert error is None


def test_an_installer_that_lies_is_caught(box: Sandbox) -> None:
    place = box.environment
    create = CreateEnvironment(id="e", summary="s", why="w", path=str(place), python="3", commands=(shell("true"),))
    with pytest.raises(StepError) as caught:
        apply_plan(_plan(create), box.machine, verifier=None)
    assert caught.value.code == "environment-not-made"
    install = InstallPackages(
        id="i",
        summary="s",
        why="w",
        python=f"{place}/bin/python",
        distributions=("torch==1",),
        commands=(shell("true"),),
    )
    with pytest.raises(StepError) as caught:
        apply_plan(_plan(install), box.machine, verifier=None)
    assert caught.value.code == "not-installed"


def _plan(*steps: Any) -> Plan:
    return Plan(tool_version="0", facts_digest="", request_digest="", steps=steps)


@pytest.fixture
def small_home(tmp_path: Path) -> Iterator[Path]:
    """Mount a file system of 2 MiB."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount")
    place = tmp_path / "small"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", place], check=False).returncode:
        pytest.skip("this machine does not let us mount")
    try:
        yield place
    finally:
        subprocess.run(["umount", place], check=True)


@pytest.mark.parametrize("cache_elsewhere", [True, False])
def test_a_disk_that_fills_up_while_installing(small_home: Path, tmp_path: Path, cache_elsewhere: bool) -> None:
    """The journal is on the same disk: it cannot be written either, and the run is taken back all the same."""
    box = Sandbox.create(small_home)
    if cache_elsewhere:
        box.environ = {"UV_CACHE_DIR": str(tmp_path / "cache")}
    box.wheels = tmp_path / "wheels"
    big = stub_wheel("torch", "2.13.0+cpu", files={"torch/big.py": os.urandom(2_000_000).hex()})
    big.write(box.wheels)
    box.offers = (offer_of(big, box.wheels),)
    with pytest.raises(RefusedError) as refused:
        box.plan()
    assert refused.value.code == "not-enough-space"
    # A source that gives no sizes leaves it to the disk itself.
    box.offers = (replace(box.offers[0], size=None),)
    before = tree(box.home)
    with pytest.raises(StepError) as caught:
        apply_plan(box.plan(), box.machine, verifier=passing)
    assert caught.value.code == "disk-full"
    assert caught.value.exit_status == 1
    assert tree(box.home) == before


def test_what_is_at_the_place_is_told_apart(box: Sandbox) -> None:
    home = box.home
    (home / "file").write_text("")
    (home / "empty").mkdir()
    (home / "full").mkdir()
    (home / "full/file").write_text("")
    (home / "nowhere").symlink_to("missing")
    os.mkfifo(home / "pipe")
    kinds = {
        name: survey_target(str(home / name), box.context).kind
        for name in ("file", "empty", "full", "nowhere", "pipe", "none")
    }
    assert kinds == {
        "file": "file",
        "empty": "empty",
        "full": "directory",
        "nowhere": "dangling-link",
        "pipe": "other",
        "none": "absent",
    }
    apply_plan(box.plan(), box.machine, verifier=passing)
    found = survey_target(str(box.environment), box.context)
    assert (found.kind, found.made_by_torchup, found.distributions["torch"]) == ("environment", True, "2.13.0+cpu")
    assert found.python_version is not None
    assert found.python_version.startswith("3.")


def test_a_folder_in_the_way_is_named(box: Sandbox) -> None:
    (box.home / "file").write_text("")
    steps = {
        "not-a-folder": MakeDirectory(id="d", summary="s", why="w", path=str(box.home / "file")),
        "is-a-folder": WriteFile(id="f", summary="s", why="w", path=str(box.home), content=""),
    }
    for code, step in steps.items():
        with pytest.raises(StepError) as caught:
            apply_plan(_plan(step), box.machine, verifier=None)
        assert caught.value.code == code
