"""Whatever a person does to an environment that torchup made: after undo, every byte that they made is still there."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.sandbox import context_in, tree
from torchup.apply.history import read_runs
from torchup.apply.run import Machine, apply_plan, undo_run
from torchup.model.plan import Command, CreateEnvironment, InstallPackages, MakeDirectory, Plan, WriteFile

EXAMPLES = 400 if os.environ.get("TORCHUP_NIGHTLY") else 40
SITE = "lib/python3.11/site-packages"
MAKER = """
import base64, hashlib, os, pathlib, signal, sys
root, what = pathlib.Path(sys.argv[1]), sys.argv[2]
site = root / "lib/python3.11/site-packages"
if what == "environment":
    site.mkdir(parents=True)
    (root / "bin").mkdir()
    (root / "lib64").symlink_to("lib")
    for name in ("pyvenv.cfg", "bin/python", "bin/activate"):
        (root / name).write_text(f"version_info = 3.11 {name}")
else:
    files = {"torch/__init__.py": "a = 1", "torch/lib/a.so": "library", "torch/sub/b.py": "b = 2", "alone.py": "c = 3"}
    files |= {f"torch-1.0.dist-info/{name}": name for name in ("METADATA", "INSTALLER")}
    lines = []
    for name, text in files.items():
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        (site / name).write_text(text)
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
        lines.append(f"{name},sha256={digest},{len(text)}")
    (site / "torch/__pycache__").mkdir()
    (site / "torch/__pycache__/__init__.cpython-311.pyc").write_text("code")
    if what == "killed":
        os.kill(os.getppid(), signal.SIGKILL)
        sys.exit(1)
    (site / "torch-1.0.dist-info/RECORD").write_text("\\n".join([*lines, "torch-1.0.dist-info/RECORD,,"]))
"""
PLACES = st.sampled_from(
    [
        *(
            "",
            "bin",
            "lib",
            SITE,
            f"{SITE}/torch",
            f"{SITE}/torch/__pycache__",
            f"{SITE}/torch/lib",
            "data",
            "data/deep",
        ),
        *(f"{SITE}/torch-1.0.dist-info", f"{SITE}/mine", f"{SITE}/mine/__pycache__", "share/mine"),
    ]
)
NAMES = st.sampled_from(
    ["notes.ipynb", "mine.py", "__init__.py", "mine.cpython-311.pyc", "a.so", "RECORD", "python", ".lock"]
)
# As long as what torchup's own files hold, among others: a size alone must tell nothing.
CONTENTS = st.sampled_from([b"mine", b"z = 9", b"LIBRARY", b"", b"\xff\x00" * 9])
WHERE = st.tuples(PLACES, NAMES)


class Someone:
    """A person and what they made: `mine` are the files, by their path, wherever those lead."""

    def __init__(self, environment: Path) -> None:
        self.environment = environment
        self.mine: dict[Path, bytes] = {}
        self.folders: set[Path] = set()

    def write(self, where: tuple[str, str], content: bytes, *, anew: bool) -> None:
        place = self.environment.joinpath(*where)
        if not self._can_be_written(place):
            return
        place.parent.mkdir(parents=True, exist_ok=True)
        if anew:
            place.unlink(missing_ok=True)
        place.write_bytes(content)
        self.mine[place.resolve()] = content

    def make_folder(self, where: tuple[str, str]) -> None:
        place = self.environment.joinpath(*where)
        if self._can_be_written(place) and not place.exists():
            place.mkdir(parents=True)
            self.folders.add(place.resolve())

    def install(self, where: tuple[str, str], content: bytes) -> None:
        """Install a package whose record names a file, which may be one of torchup's."""
        site = self.environment / SITE
        record = site / "later-2.0.dist-info/RECORD"
        if not (self._can_be_written(self.environment.joinpath(*where)) and self._can_be_written(record)):
            return
        self.write(where, content, anew=True)
        path = os.path.relpath(self.environment.joinpath(*where), site)
        self.write((f"{SITE}/later-2.0.dist-info", "RECORD"), f"{path},,\n".encode(), anew=True)

    def upgrade(self) -> None:
        """Install another torch, of which one file is the same as before."""
        site = self.environment / SITE
        if not (site / "torch").is_dir() or (site / "torch").is_symlink() or not (site / "alone.py").is_file():
            return
        shutil.rmtree(site / "torch-1.0.dist-info", ignore_errors=True)
        self._forget(site / "torch-1.0.dist-info")
        if not self._can_be_written(site / "torch-1.1.dist-info/RECORD"):
            return
        self.write((f"{SITE}/torch-1.1.dist-info", "RECORD"), b"alone.py,,\ntorch-1.1.dist-info/RECORD,,\n", anew=True)
        self.mine[(site / "alone.py").resolve()] = (site / "alone.py").read_bytes()

    def swap(self, how: str) -> None:
        """Put something else in the place of the environment, or of the folder that holds it."""
        place = self.environment if how != "parent link" else self.environment.parent
        aside = place.with_name("aside")
        if aside.exists() or not place.exists():
            return
        old, is_link = place.resolve(), place.is_symlink()
        place.rename(aside)
        if not is_link:
            new = aside.resolve()
            self.mine = {self._moved(path, old, new): content for path, content in self.mine.items()}
            self.folders = {self._moved(path, old, new) for path in self.folders}
        if how in ("link", "parent link"):
            place.symlink_to(aside)
        else:
            place.mkdir()
            self.write(("", "pyvenv.cfg"), b"version_info = 3.11 pyvenv.cfg", anew=True)

    def check(self) -> None:
        for path, content in self.mine.items():
            assert path.is_file(), path
            assert path.read_bytes() == content, path
        for path in self.folders:
            assert path.is_dir(), path

    def _can_be_written(self, place: Path) -> bool:
        parents = [parent for parent in place.parents if parent.is_relative_to(self.environment)]
        return self.environment.is_dir() and not place.is_dir() and not any(parent.is_file() for parent in parents)

    def _forget(self, folder: Path) -> None:
        gone = folder.resolve()
        self.mine = {path: content for path, content in self.mine.items() if not path.is_relative_to(gone)}
        self.folders = {path for path in self.folders if not path.is_relative_to(gone)}

    @staticmethod
    def _moved(path: Path, old: Path, new: Path) -> Path:
        return new / path.relative_to(old) if path.is_relative_to(old) else path


DEEDS: st.SearchStrategy[Callable[[Someone], None]] = st.one_of(
    st.builds(
        lambda where, content, anew: lambda who: who.write(where, content, anew=anew), WHERE, CONTENTS, st.booleans()
    ),
    st.builds(lambda where: lambda who: who.make_folder(where), WHERE),
    st.builds(lambda where, content: lambda who: who.install(where, content), WHERE, CONTENTS),
    st.just(Someone.upgrade),
    st.builds(lambda how: lambda who: who.swap(how), st.sampled_from(["link", "parent link", "folder"])),
)


def plan_for(environment: Path, *, killed: bool) -> Plan:
    def make(what: str) -> tuple[Command, ...]:
        return (Command(argv=(sys.executable, "-I", "-S", "-c", MAKER, str(environment), what)),)

    return Plan(
        tool_version="0",
        facts_digest="",
        request_digest="",
        steps=(
            MakeDirectory(id="folder", summary="s", why="w", path=str(environment.parent)),
            CreateEnvironment(
                id="environment", summary="s", why="w", path=str(environment), python="3", commands=make("environment")
            ),
            WriteFile(id="list", summary="s", why="w", path=str(environment / "wanted.txt"), content="torch\n"),
            InstallPackages(
                id="packages",
                summary="s",
                why="w",
                python=str(environment / "bin/python"),
                distributions=("torch==1.0",),
                commands=make("killed" if killed else "packages"),
            ),
        ),
    )


def set_up(machine: Machine, environment: Path, *, killed: bool) -> None:
    plan = plan_for(environment, killed=killed)
    if not killed:
        apply_plan(plan, machine, verifier=None)
        return
    child = os.fork()
    if child == 0:
        try:
            apply_plan(plan, machine, verifier=None)
        finally:
            os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(deeds=st.lists(DEEDS, max_size=6), killed=st.booleans(), twice=st.booleans())
def test_every_byte_of_a_person_is_there_after_undo(
    deeds: list[Callable[[Someone], None]], killed: bool, twice: bool
) -> None:
    shm = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(dir=shm if os.access(shm, os.W_OK) else None))
    try:
        home = folder / "home"
        home.mkdir()
        machine = Machine(context=context_in(home))
        before = tree(home)
        someone = Someone(home / "envs/torch")
        set_up(machine, someone.environment, killed=killed)
        for deed in deeds:
            deed(someone)
        there = tree(home)
        foretold = undo_run(machine, dry_run=True)
        assert tree(home) == there
        done = undo_run(machine)
        if not killed:
            assert (done.removed, done.restored) == (foretold.removed, foretold.restored)
            assert [left.text for left in done.left] == [left.text for left in foretold.left]
        someone.check()
        if not someone.mine and not someone.folders and not killed and not someone.environment.parent.is_symlink():
            assert done.left or tree(home) == before
        if twice and any(run.has_changes for run in read_runs(machine.context)):
            undo_run(machine)
            someone.check()
    finally:
        shutil.rmtree(folder)
