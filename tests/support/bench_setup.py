"""The pair of `make bench` that compares a whole set-up with the installer alone, over the same wheels."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

Run = Callable[[Sequence[str], dict[str, str] | None], Any]
TORCHUP = str(Path(sys.executable).with_name("torchup"))


class SetupPair:
    """A set-up without its tensor test in a fresh home, and the very commands of its plan alone."""

    def __init__(self, folder: Path, *, cold: bool) -> None:
        self._cold = cold
        self._cache = folder / "uv"
        self._home = folder / "home"
        self._answers = folder / "answers.yaml"
        self._answers.write_text(
            "schema: 1\ntorch: {variant: cpu}\nverify: {level: none}\nshell: {shells: [bash]}\n", encoding="utf-8"
        )
        self._environ = {**os.environ, "HOME": str(self._home), "UV_CACHE_DIR": str(self._cache)}
        self._fresh()
        plan = subprocess.run(
            [TORCHUP, "setup", "--answers", str(self._answers), "--dry-run", "--json"],
            env=self._environ,
            capture_output=True,
            text=True,
            check=False,
        )
        self.offered = plan.returncode == 0
        if self.offered:
            steps = json.loads(plan.stdout)["steps"]
            kinds = ("CreateEnvironment", "InstallPackages")
            self._commands = [command for step in steps if step["kind"] in kinds for command in step["commands"]]
            self._files = {step["path"]: step["content"] for step in steps if step["id"] == "requirements"}

    def _fresh(self) -> None:
        shutil.rmtree(self._home, ignore_errors=True)
        self._home.mkdir()
        if self._cold:
            shutil.rmtree(self._cache, ignore_errors=True)

    def setup(self, run: Run) -> Any:
        """Run the whole set-up."""
        self._fresh()
        return run((TORCHUP, "setup", "--answers", str(self._answers)), self._environ)

    def install_alone(self, run: Run) -> Any:
        """Run the installer's commands as a person would type them."""
        self._fresh()
        lines = ["set -e"]
        for number, command in enumerate(self._commands):
            lines += [f"{name}={_quoted(value)} \\" for name, value in command["environment"].items()]
            lines.append(" ".join(map(_quoted, command["argv"])))
            if number == 0:
                lines += [f"printf %s {_quoted(text)} >{_quoted(path)}" for path, text in self._files.items()]
        return run(("sh", "-c", "\n".join(lines)), self._environ)


def _quoted(text: str) -> str:
    import shlex

    return shlex.quote(text)


def prepare_setup(folder: Path, *, cold: bool) -> SetupPair | None:
    """Make the pair; None where no source offers a CPU build. When `cold`, uv's cache is empty each time."""
    pair = SetupPair(folder, cold=cold)
    return pair if pair.offered else None
