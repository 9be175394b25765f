"""The whole main job with the real CPU build of torch, from whatever sources this machine is configured with."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from support.command import CONFIGURED, SHARED_UV_CACHE, Person
from support.tools import require
from support.torch_environment import torch_or_skip

pytestmark = [pytest.mark.torch, pytest.mark.xdist_group("torch")]


@pytest.fixture
def person(tmp_path: Path) -> Person:
    """Somebody whose pip is configured as that of the one who runs the tests."""
    torch_or_skip()
    person = Person(home=tmp_path / "home")
    configured = {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "UV_"))}
    user = Path.home() / ".config/pip/pip.conf"
    if user.exists():
        configured.setdefault("PIP_CONFIG_FILE", str(user))
    kept = {name: value for name, value in person.environ.items() if not name.startswith(CONFIGURED)}
    person.environ = {**kept, **configured, "UV_CACHE_DIR": str(SHARED_UV_CACHE)}
    return person


def test_setup_finds_installs_and_proves_a_cpu_build(person: Person) -> None:
    require("zsh")
    before = person.tree()
    answers = person.answers("schema: 1\ntorch: {variant: cpu}\nshell: {shells: [bash, zsh]}\n")
    done = person.torchup("setup", "--answers", answers, "--json", timeout=900)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)["result"]["report"]
    assert report["verdict"] == "pass"
    statuses = {check["id"]: check["status"] for check in report["checks"]}
    for proof in (
        "import",
        "build",
        "exact-fp32",
        "matmul-fp32",
        "train-linreg",
        "shell.bash.login",
        "shell.zsh.interactive",
    ):
        assert statuses[proof] == "pass", report["checks"]
    python = person.home / ".venvs/torch/bin/python"
    shown = subprocess.run(
        [python, "-c", "import torch; print(torch.__version__)"], capture_output=True, text=True, check=True
    )
    assert shown.stdout.strip().endswith("+cpu")

    verified = person.torchup("verify", "--json", timeout=300)
    assert verified.returncode == 0, verified.stderr
    assert json.loads(verified.stdout)["verdict"] == "pass"

    again = person.torchup("setup", "--answers", answers, "--json", timeout=300)
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["result"]["changed"] is False

    assert person.torchup("undo", "--yes").returncode == 0
    assert person.tree() == before
