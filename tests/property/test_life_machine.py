"""The life of a set-up through the command line: runs, kills, the owner's files and packages, a moved clock and home.

What has to hold after every step is what torchup promises: nothing of the owner's is lost or changed, no command ends in
a way that is not documented, a finished set-up has nothing left to do, and undo leaves only what the owner brought.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import uv
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from support.command import BASHRC, ZSHRC, Person
from support.wheel_index import WheelIndex
from torchup.shell import managed_block
from torchup.shell.block_scan import find

NIGHTLY = bool(os.environ.get("TORCHUP_NIGHTLY"))
DONE, FAILED, DEGRADED, REMAIN, REFUSED, NO_SOLUTION = 0, 1, 4, 5, 6, 7
ENVIRONMENT = ".venvs/torch"
SHELLS = {"bash": ".bashrc", "zsh": ".zshrc"}
DAYS = st.sampled_from([-400, -1, 1, 400])


class Life(RuleBasedStateMachine):
    """`owned` are the owner's files by their content, which no two share; `rc` their bytes of the start-up files."""

    def __init__(self) -> None:
        super().__init__()
        self.index = WheelIndex().__enter__()
        self.index.pytorch("cpu").add("torch", "2.14.1+cpu", requires=["sympy>=1.13"])
        for name, version in (("sympy", "1.14.0"), ("numpy", "2.3.5"), ("scipy", "1.17.0"), ("tqdm", "4.70.0")):
            self.index.simple().add(name, version, tags=("py3", "none", "any"))
        self.folder = Path(tempfile.mkdtemp())
        self.person = Person(home=self.folder / "home", index=self.index)
        self.owned: dict[str, str] = {}
        # A newline that had to be added stays where something follows: the block's own tests are about that.
        self.rc = {name: text.rstrip(b"\n") + b"\n" for name, text in ((".bashrc", BASHRC), (".zshrc", ZSHRC))}
        for name, text in self.rc.items():
            (self.person.home / name).write_bytes(text)
        self.days = 0
        self.moved = False
        self.count = 0

    @initialize()
    def begin(self) -> None:
        self.before = self.look()

    # What torchup does

    @precondition(lambda self: not self.moved)
    @rule(extra=st.sampled_from([None, "numpy==2.*"]))
    def set_up(self, extra: str | None) -> None:
        answers = self.answers(extra)
        done = self.run("setup", "--answers", answers)
        if done.returncode == REFUSED:
            # An earlier run has to be gone on with, or something of the owner's is where the environment should be.
            assert "unfinished-run" in done.stderr or self.environment_is_the_owners(), done.stderr
            return
        assert done.returncode == DONE, done.stderr
        assert self.person.installed()["torch"] == "2.14.1+cpu"
        assert (self.home / ENVIRONMENT / "pylock.toml").is_file()
        again = self.run("setup", "--answers", answers, "--dry-run", "--exit-code")
        assert again.returncode == DONE, again.stdout
        for shell in SHELLS:
            assert self.person.shell_value(shell, "TORCHUP_ENVIRONMENT") == str(self.home / ENVIRONMENT)

    @precondition(lambda self: not self.moved)
    @rule(lines=st.integers(1, 30), extra=st.sampled_from([None, "numpy==2.*"]))
    def kill_a_set_up(self, lines: int, extra: str | None) -> None:
        """Kill a run as soon as the journals have so many lines more."""
        process = self.person.start("setup", "--answers", self.answers(extra))
        wanted, deadline = self.noted() + lines, time.monotonic() + 60
        while process.poll() is None and self.noted() < wanted and time.monotonic() < deadline:
            time.sleep(0.002)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()

    @precondition(lambda self: not self.moved)
    @rule()
    def resume(self) -> None:
        assert self.run("resume").returncode in (DONE, FAILED, REMAIN, REFUSED)

    @rule()
    def undo(self) -> None:
        seen = self.look()
        dry = self.run("undo", "--dry-run")
        assert self.look() == seen
        done = self.run("undo", "--yes")
        assert done.returncode in (DONE, REMAIN, REFUSED), done.stderr
        if done.returncode == REFUSED:
            assert (
                "home-moved" if self.moved else "nothing-to-undo"
            ) in done.stderr or "nothing-to-undo" in done.stderr
        assert (dry.returncode == REFUSED) == (done.returncode == REFUSED), (dry.stderr, done.stderr)

    @rule()
    def look_only(self) -> None:
        seen = self.look()
        for command in (["status"], ["status", "--json"], ["detect"], ["resolve", "--offline"]):
            assert self.run(*command).returncode in (DONE, FAILED, DEGRADED, REFUSED, NO_SOLUTION)
        assert self.look() == seen

    @precondition(lambda self: not self.moved)
    @rule()
    def remove_from_the_shells(self) -> None:
        assert self.run("shell", "remove", "--yes").returncode in (DONE, REFUSED)

    # What the owner and time do

    @rule(place=st.sampled_from(["", ENVIRONMENT, f"{ENVIRONMENT}/bin", "site-packages", "site-packages/torch"]))
    def add_a_file(self, place: str) -> None:
        site = next((self.home / ENVIRONMENT).glob("lib/python3*/site-packages"), None)
        if place.startswith("site-packages"):
            folder = None if site is None else site.parent / place
        else:
            folder = self.home / place
        if folder is not None and folder.is_dir():
            self.own(folder, "notes.ipynb")

    @precondition(lambda self: (self.home / ENVIRONMENT / "bin/python").exists())
    @rule(name=st.sampled_from(["scipy", "tqdm"]))
    def add_a_package(self, name: str) -> None:
        """Install a package as the owner would, then write into one of its files, so that it can be told from others."""
        python = self.home / ENVIRONMENT / "bin/python"
        index = ("--no-config", "--python", str(python), "--index-url", self.index.url("simple"), "--link-mode", "copy")
        done = subprocess.run(
            [uv.find_uv_bin(), "pip", "install", "--quiet", *index, name],
            env=self.person.environ,
            capture_output=True,
            text=True,
            check=False,
        )
        for site in (self.home / ENVIRONMENT).glob("lib/python3*/site-packages"):
            if done.returncode == 0:
                self.own(site / name, "mine.py")

    @rule(name=st.sampled_from(list(SHELLS.values())))
    def write_into_a_startup_file(self, name: str) -> None:
        self.count += 1
        text = f"# line {self.count} of mine\n".encode()
        with (self.home / name).open("ab") as file:
            file.write(text)
        self.rc[name] += text

    @precondition(lambda self: (self.home / ENVIRONMENT / "pylock.toml").exists())
    @rule()
    def lose_the_lock(self) -> None:
        (self.home / ENVIRONMENT / "pylock.toml").unlink()

    @precondition(lambda self: (self.home / ENVIRONMENT).is_dir() and not (self.home / ENVIRONMENT).is_symlink())
    @rule(link=st.booleans())
    def put_another_folder_in_its_place(self, link: bool) -> None:
        place, aside = self.home / ENVIRONMENT, self.home / f"aside-{self.count}"
        place.rename(aside)
        self.owned = {
            text: path.replace(f"{ENVIRONMENT}/", f"{aside.name}/", 1) if path.startswith(f"{ENVIRONMENT}/") else path
            for text, path in self.owned.items()
        }
        if link:
            place.symlink_to(aside)
        else:
            place.mkdir()
        self.own(place, "thesis.tex")

    @rule(days=DAYS)
    def move_the_clock(self, days: int) -> None:
        self.days += days

    @rule()
    def move_the_home(self) -> None:
        elsewhere = self.folder / ("home" if self.moved else "another home")
        self.home.rename(elsewhere)
        self.person.home = elsewhere
        self.person.environ["HOME"] = str(elsewhere)
        self.moved = not self.moved

    # What holds

    @invariant()
    def nothing_of_the_owners_is_lost(self) -> None:
        for name, owned in self.rc.items():
            assert managed_block.remove((self.home / name).read_bytes()).after == owned
        for text, path in self.owned.items():
            place = self.home / path
            if not place.is_file():  # moved aside by torchup, with the folder around it
                place = next((found for found in self.home.rglob(place.name) if found.read_text() == text), place)
            assert place.is_file(), f"{path} is lost"
            assert place.read_text() == text

    @invariant()
    def new_shells_start(self) -> None:
        for shell, name in SHELLS.items():
            if find((self.home / name).read_bytes()).block is None:
                continue
            done = subprocess.run(
                [shutil.which(shell) or shell, "-c", f". ~/{name}"],
                env={"HOME": str(self.home), "PATH": "/usr/bin:/bin", "TERM": "dumb"},
                capture_output=True,
                text=True,
                check=False,
            )
            assert (done.returncode, done.stderr) == (0, "")

    def teardown(self) -> None:
        try:
            if hasattr(self, "before"):
                self.undo_everything()
        finally:
            self.index.__exit__(None, None, None)
            shutil.rmtree(self.folder)

    def undo_everything(self) -> None:
        """Take back all runs: what is there in the end is what was there before, and what the owner brought."""
        if self.moved:
            self.move_the_home()
        status = REMAIN
        for _ in range(12):
            status = self.run("undo", "--yes").returncode
            if status != DONE:
                break
        if status == REFUSED:
            theirs = {path for place in self.owned.values() for path in (place, *map(str, Path(place).parents))}
            left = {path for path in self.look().keys() - self.before.keys() if not path.startswith("aside-")}
            assert left <= theirs, sorted(left - theirs)
        else:
            assert status == REMAIN
            assert self.owned, "undo leaves something although the owner brought nothing"
        self.nothing_of_the_owners_is_lost()

    # How it is done

    @property
    def home(self) -> Path:
        return self.person.home

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "support.another_day", str(self.days), *arguments],
            cwd=self.home,
            env={**self.person.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        assert done.returncode != 2, done.stderr
        return done

    def answers(self, extra: str | None) -> str:
        extras = json.dumps([extra] if extra else [])
        return self.person.answers(
            f"schema: 1\nsource: {{mirror: '{self.index.url('whl')}'}}\nverify: {{level: none}}\n"
            f"shell: {{shells: [bash, zsh]}}\nenvironment: {{extras: {extras}}}\n"
        )

    def look(self) -> dict[str, str]:
        return {path: text for path, text in self.person.tree().items() if "__pycache__" not in path}

    def noted(self) -> int:
        journals = (self.home / ".local/state/torchup/journal").glob("*.jsonl")
        return sum(path.read_bytes().count(b"\n") for path in journals)

    def own(self, folder: Path, name: str) -> None:
        self.count += 1
        text = f"number {self.count} of mine"
        path = folder / f"{self.count}-{name}"
        path.write_text(text, encoding="utf-8")
        self.owned[text] = str(path.relative_to(self.home))

    def environment_is_the_owners(self) -> bool:
        place = self.home / ENVIRONMENT
        return place.is_symlink() or not (place / "pyvenv.cfg").is_file() or bool(self.owned)


TestLife = Life.TestCase
TestLife.settings = settings(
    max_examples=60 if NIGHTLY else 4,
    stateful_step_count=20 if NIGHTLY else 10,
    deadline=None,
    derandomize=False,
    # A step takes seconds and a kill does not repeat: the steps that failed are worth more than the fewest that would.
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
