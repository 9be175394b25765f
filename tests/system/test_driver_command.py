"""`torchup setup` and the driver, as a stranger runs it: asked for or not, on machines that are not this one."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest

from support.machines import MACHINES, read_machine
from torchup.cli import main
from torchup.model.serial import dump


def _setup(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *more: str) -> tuple[int, str, str]:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    facts: Any = dump(read_machine(MACHINES / f"{name}.yaml").facts)
    file = tmp_path / "facts.json"
    file.write_text(json.dumps(facts), encoding="utf-8")
    out, err = io.TextIOWrapper(io.BytesIO(), encoding="utf-8"), io.StringIO()
    arguments = ["--plain", "setup", "--yes", "--offline", "--dry-run", "--machine", str(file), *more]
    with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as ended:
        main(arguments)
    assert isinstance(ended.value.code, int)
    out.seek(0)
    return ended.value.code, out.read(), err.getvalue()


def test_unasked_it_ends_with_the_commands_that_would_do_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    status, out, err = _setup("recipe-rhel-8", tmp_path, monkeypatch)
    assert (status, out) == (7, "")
    assert "sudo dnf -y module enable nvidia-driver:580-dkms" in err
    assert "sudo dnf -y install --allowerasing kernel-devel-4.18.0-553.el8_10.x86_64 kernel-headers cuda-drivers" in err
    assert "torchup setup --set driver.action=install" in err


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        (
            "recipe-rhel-8",
            ["dnf -y module enable nvidia-driver:580-dkms", "exit 3", "cat /proc/driver/nvidia/version"],
        ),
        ("recipe-sles", ["zypper", "'nvidia-open<581'", "addlock"]),
        ("recipe-arch", ["pacman -Syu --noconfirm --needed linux-zen-headers nvidia-open-dkms nvidia-utils"]),
    ],
)
def test_asked_it_prints_all_of_it_wherever_it_is_run(
    name: str, lines: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    status, out, err = _setup(name, tmp_path, monkeypatch, "--set", "driver.action=install")
    assert status == 0, err
    assert [line for line in lines if line not in out] == []
    assert "First the NVIDIA driver (branch" in err


def test_windows_is_told_where_its_driver_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    status, out, err = _setup("windows-3080-no-driver", tmp_path, monkeypatch, "--set", "driver.action=install")
    assert (status, out) == (6, "")
    assert "nvidia.com/drivers" in err


@pytest.mark.parametrize("name", ["wsl2-no-driver", "container-docker-no-devices"])
def test_a_driver_of_the_host_stays_there(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    status, out, err = _setup(name, tmp_path, monkeypatch, "--set", "driver.action=install")
    assert (status, out) == (7, "")
    assert "nvidia-open" not in err
