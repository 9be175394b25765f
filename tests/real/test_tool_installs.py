"""torchup as a tool of a person, out of the checkout: by uv and by pipx, with what the index offers today."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from uv import find_uv_bin

CHECKOUT = Path(__file__).parents[2]


def commands() -> dict[str, list[str]]:
    uv = find_uv_bin()
    return {
        "uv": [uv, "tool", "install", str(CHECKOUT)],
        "pipx": [uv, "tool", "run", "pipx", "install", str(CHECKOUT)],
    }


@pytest.mark.parametrize("by", ["uv", "pipx"])
def test_it_installs_as_a_tool_runs_and_goes(by: str, tmp_path: Path) -> None:
    places = {
        "HOME": str(tmp_path),
        "UV_TOOL_DIR": str(tmp_path / "tools"),
        "UV_TOOL_BIN_DIR": str(tmp_path / "bin"),
        "PIPX_HOME": str(tmp_path / "pipx"),
        "PIPX_BIN_DIR": str(tmp_path / "bin"),
        "UV_SYSTEM_CERTS": "1",
    }
    environ = {**os.environ, **places}
    command = commands()[by]
    done = subprocess.run(command, env=environ, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    torchup = tmp_path / "bin" / "torchup"
    for arguments in (["--version"], ["resolve", "--offline", "--json"], ["--lang", "zh", "--help"]):
        said = subprocess.run(
            [torchup, *arguments], env=environ, cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert said.returncode in (0, 7), said.stderr
        assert said.stdout
    assert "用法" in said.stdout or "命令" in said.stdout
    subprocess.run([*command[: command.index("install")], "uninstall", "torchup"], env=environ, check=True)
    assert not torchup.exists()
