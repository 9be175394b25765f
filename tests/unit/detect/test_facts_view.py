"""What a person sees of the facts, at 80 columns and without colour."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from support.trees import lay_out, load_case
from torchup.detect.collect import collect
from torchup.detect.host import Host
from torchup.model.facts import (
    CondaInstall,
    Finding,
    Gpu,
    MachineFacts,
    NvidiaDriver,
    OperatingSystem,
    Python,
    Shells,
    Space,
    Surroundings,
    Toolkit,
    TorchInstall,
    User,
)
from torchup.ui.facts_view import render

WORKSTATION = MachineFacts(
    os=OperatingSystem(
        system="linux", id="ubuntu", version="24.04", arch="x86_64", kernel="6.8.0", libc="glibc", libc_version="2.39"
    ),
    context=Surroundings(container="docker", secure_boot=True),
    gpus=(
        Gpu(
            index=0,
            vendor="nvidia",
            name="NVIDIA A100-SXM4-80GB",
            compute_capability="8.0",
            chip="GA100",
            memory_mib=81920,
            mig="enabled",
            pci_address="0000:17:00.0",
        ),
        Gpu(index=1, vendor="amd", gfx="gfx1100", pci_id="1002:744c"),
    ),
    nvidia=NvidiaDriver(
        state="mismatch", driver_version="550.90.07", loaded_version="535.183.01", kernel_module="open"
    ),
    toolkits=(Toolkit(version="12.6", path="/usr/local/cuda-12.6", nvcc=False),),
    pythons=(
        Python(path="/usr/bin/python3.12", version="3.12.3", externally_managed=True, kind="system"),
        Python(
            path="/home/ada/.pyenv/versions/3.13.0t/bin/python3.13t", version="3.13.0", free_threaded=True, kind="pyenv"
        ),
        Python(path="/opt/p", version="3.10.14", implementation="pypy", bits=32),
    ),
    conda=(CondaInstall(kind="mamba", path="/opt/conda/bin/mamba", version="2.0.5"),),
    torch=(
        TorchInstall(python="/home/ada/.venvs/a/bin/python", version="2.13.0+cpu", variant="cpu"),
        TorchInstall(python="/home/ada/.venvs/b/bin/python", version="2.14.1", variant="cu130"),
        TorchInstall(python="/home/ada/.venvs/c/bin/python", version="1.0"),
    ),
    shells=Shells(login="bash", current="zsh", installed=("bash", "zsh"), files=("/home/ada/.bashrc", "/etc/x")),
    user=User(name="ada", uid=1000, home="/home/ada", privilege="sudo-password"),
    space=Space(home_mib=512_000, tmp_mib=2048, shm_mib=64, memory_mib=65536),
    findings=(Finding(code="x", text="Something is odd.", evidence="/etc/odd says [bold]so[/bold]"),),
)


def shown(facts: MachineFacts, *, width: int = 80) -> str:
    out = io.StringIO()
    Console(file=out, width=width, color_system=None, highlight=False, emoji=False, markup=False).print(render(facts))
    return out.getvalue()


def test_a_workstation_at_80_columns() -> None:
    assert [line.rstrip() for line in shown(WORKSTATION).splitlines()] == [
        "Machine",
        "  system       ubuntu 24.04, x86_64, glibc 2.39",
        "  kernel       6.8.0",
        "  inside       docker container",
        "  Secure Boot  on",
        "  user         ada, may become root with a password",
        "  memory       64 GiB",
        "  free space   500 GiB home, 2.0 GiB temporary files, 0.1 GiB shared memory",
        "",
        "GPUs",
        "  0  NVIDIA A100-SXM4-80GB, compute capability 8.0, 80 GiB, GA100, MIG enabled,",
        "     17:00.0",
        "  1  AMD 1002:744c, gfx1100",
        "  NVIDIA driver: its libraries and its loaded module differ (550.90.07, open",
        "  kernel module, loaded module 535.183.01)",
        "",
        "CUDA toolkits",
        "  12.6  /usr/local/cuda-12.6, without nvcc",
        "",
        "Pythons",
        "  3.12.3   /usr/bin/python3.12, externally managed",
        "  3.13.0t  /home/ada/.pyenv/versions/3.13.0t/bin/python3.13t, pyenv",
        "  3.10.14  /opt/p, PyPy, 32 bits",
        "",
        "Environments",
        "  mamba 2.0.5, /opt/conda/bin/mamba",
        "  torch 2.13.0+cpu, /home/ada/.venvs/a/bin/python",
        "  torch 2.14.1, cu130, /home/ada/.venvs/b/bin/python",
        "  torch 1.0, /home/ada/.venvs/c/bin/python",
        "",
        "Shells",
        "  login      bash",
        "  running    zsh",
        "  installed  bash, zsh",
        "  files      ~/.bashrc, /etc/x",
        "",
        "Worth knowing",
        "  ! Something is odd.",
        "    /etc/odd says [bold]so[/bold]",
        "",
    ]


def test_a_machine_of_which_nothing_is_known() -> None:
    facts = MachineFacts(os=OperatingSystem(system="linux", arch="x86_64"), gpus=())
    assert shown(facts).split() == ["Machine", "system", "linux,", "x86_64", "GPUs", "none", "found"]


@pytest.mark.parametrize(
    "state", ["ok", "missing", "not_loaded", "nouveau", "no_device_nodes", "no_permission", "error"]
)
def test_every_state_of_the_driver_has_words(state: str) -> None:
    facts = replace(WORKSTATION, nvidia=NvidiaDriver(state=state))  # type: ignore[arg-type]  # one of the literals
    line = next(line for line in shown(facts).splitlines() if "NVIDIA driver:" in line)
    assert state == "ok" or line.partition(":")[2].strip() not in {"", "works"}


MACHINES = sorted((Path(__file__).parents[2] / "probes" / "machines").glob("*.yaml"))


@pytest.mark.parametrize("width", [40, 80])
def test_no_line_is_wider_than_the_terminal(tmp_path: Path, width: int) -> None:
    for number, path in enumerate(MACHINES):
        root = lay_out(tmp_path / str(number), load_case(path)["root"])
        facts = collect(Host.at(root, environ={}, home=Path("/home/user")), cwd="/")
        text = shown(facts, width=width)
        assert max(map(len, text.splitlines())) <= width
        flat = "".join(text.split())
        assert all("".join(finding.text.split()) in flat.replace("!", "") for finding in facts.findings)
