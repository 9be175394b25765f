"""The cases about the variables (SC110 to SC130), through the command line and the real start-up files."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from support.shell_cases import Account, toolkit
from support.tools import require
from torchup.shell.kinds.kind import StartMode

SHELLS = ("bash", "zsh", "dash", "ksh", "fish", "tcsh")
# A mode of each shell that reads the file which got the block.
MODES: dict[str, tuple[StartMode, ...]] = {
    "bash": ("interactive", "login"),
    "zsh": ("interactive", "login", "script"),
    "dash": ("login",),
    "ksh": ("login",),
    "fish": ("script", "interactive", "login"),
    "tcsh": ("script", "interactive", "login"),
}


@pytest.fixture(scope="module", autouse=True)
def _all_shells() -> None:
    for shell in SHELLS:
        require(shell)


@pytest.mark.parametrize(
    ("case", "root", "locale"),
    [
        ("SC117", "my cuda", "C.UTF-8"),
        ("SC118", "it's", "C"),
        ("SC119", "a$HOME `id` b", "C.UTF-8"),
        ("SC120", 'q"u\\o!te', "C.UTF-8"),
        ("SC121", "gl*b[x]?", "C"),
        ("SC122", "ünï", "C"),
    ],
)
def test_roots_that_are_hard_to_quote(case: str, root: str, locale: str, account: Account) -> None:
    """Exact values in every shell and mode, LD_LIBRARY_PATH unset, empty and set before (SC110, SC111)."""
    place = toolkit(account.home.parent / root, "13.0")
    ran = account.apply(*SHELLS, cuda=place, ld_library_path="always", scope="all", environ={"LC_ALL": locale})
    assert ran.status == 0, ran.all
    wrong = []
    for shell in SHELLS:
        for mode, libraries in zip(MODES[shell], (None, "", "/x"), strict=False):
            extra = {"LC_ALL": locale} | ({} if libraries is None else {"LD_LIBRARY_PATH": libraries})
            reading = account.start(shell, mode, **extra)
            path = reading.get("PATH") or ""
            got = (reading.get("CUDA_HOME"), path.split(":").count(f"{place}/bin"), reading.get("LD_LIBRARY_PATH"))
            want = (str(place), 1, f"{libraries}:{place}/lib64" if libraries else f"{place}/lib64")
            if got != want or not path.startswith(f"{place}/bin:"):
                wrong.append(f"{case} {shell} {mode} {libraries!r}: {got} is not {want}")
    assert wrong == []


def test_sc110_under_set_u(account: Account) -> None:
    account.apply("bash", "zsh", "dash", ld_library_path="always")
    for shell in ("bash", "zsh", "dash"):
        done = subprocess.run(
            [shell, "-c", f"set -eu; . {account.home}/.config/torchup/env.sh; printenv LD_LIBRARY_PATH"],
            env={"PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.stdout, done.stderr, done.returncode) == (f"{account.cuda}/lib64\n", "", 0)


def test_sc113_an_empty_element_of_the_person(account: Account) -> None:
    account.give({".bashrc": "export LD_LIBRARY_PATH=/x::/y:\n"})
    ran = account.apply("bash", ld_library_path="always", environ={"LD_LIBRARY_PATH": "/x::/y:"})
    assert ran.status == 0
    assert account.start("bash", "interactive").get("LD_LIBRARY_PATH") == f"/x::/y::{account.cuda}/lib64"
    assert "environment: LD_LIBRARY_PATH has an empty entry here" in ran.all
    assert ".bashrc:1: where LD_LIBRARY_PATH was empty this leaves an empty entry" in ran.all
    assert account.read(".bashrc").startswith(b"export LD_LIBRARY_PATH=/x::/y:\n")


def test_sc114_a_planted_library(account: Account, tmp_path: Path) -> None:
    compiler = require("gcc")
    folder = tmp_path / "planted"
    folder.mkdir()
    (folder / "planted.c").write_text("int planted(void) { return 0; }\n")
    (folder / "main.c").write_text("int planted(void);\nint main(void) { return planted(); }\n")
    for command in (
        [compiler, "-shared", "-fPIC", "-o", "libplanted.so", "planted.c"],
        [compiler, "-o", "program", "main.c", "-L.", "-lplanted"],
    ):
        subprocess.run(command, cwd=folder, check=True)
    account.apply(*SHELLS, ld_library_path="always", scope="all")
    for shell in SHELLS:
        argv = [f"-{shell}", "-c", "./program"] if shell != "tcsh" else [shell, "-c", "./program"]
        for earlier in (None, ""):
            environ = {"HOME": str(account.home), "PATH": "/usr/bin:/bin"}
            environ |= {} if earlier is None else {"LD_LIBRARY_PATH": earlier}
            done = subprocess.run(
                argv,
                executable=require(shell),
                cwd=folder,
                env=environ,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=False,
            )
            assert done.returncode == 127, (shell, earlier)
    trap = {"PATH": "/usr/bin:/bin", "LD_LIBRARY_PATH": "/x:"}
    assert subprocess.run(["./program"], cwd=folder, env=trap, check=False).returncode == 0, "the trap itself works"


def test_sc124_a_link_that_the_person_chose(account: Account) -> None:
    link = account.home.parent / "cuda"
    assert account.cuda is not None
    link.symlink_to(account.cuda)
    shown = account.shell("show", "bash", cuda=link)
    assert f"CUDA_HOME is {link}, a link that leads to {account.cuda} today." in shown.all
    assert account.apply("bash", cuda=link).status == 0
    assert account.cuda_home("bash", "interactive") == str(link)


def test_sc125_several_toolkits(account: Account) -> None:
    old = toolkit(account.home.parent / "cuda-12.4", "12.4")
    (account.home.parent / "cuda").symlink_to(old)
    ran = account.apply("bash")
    assert ran.status == 0
    assert f"{account.cuda} is CUDA 13.0: nvcc and cuda.h say so" in ran.all
    reading = account.start("bash", "interactive", PATH=f"{old}/bin:/usr/bin:/bin", CUDA_HOME=str(old))
    assert reading.get("CUDA_HOME") == str(account.cuda)
    assert (reading.get("PATH") or "").split(":")[0] == f"{account.cuda}/bin"
    mixed = toolkit(account.home.parent / "mixed", "13.0", header="12.4")
    for verb in ("apply", "check"):
        ran = account.shell(verb, "bash", cuda=mixed, **({"yes": True} if verb == "apply" else {}))
        assert ran.status == 4
        assert "is no single toolkit: nvcc is of 13.0, cuda.h is of 12.4" in ran.all


def test_sc127_wheels_only(account: Account) -> None:
    (account.home / ".venvs/torch/bin").mkdir(parents=True)
    account.give({".bashrc": ""})
    ran = account.torchup("shell", "apply", "--yes", "--shell", "bash")
    assert ran.status == 0
    reading = account.start("bash", "interactive")
    assert reading.get("CUDA_HOME") is None
    assert reading.get("LD_LIBRARY_PATH") is None
    assert reading.get("TORCHUP_ENVIRONMENT") == f"{account.home}/.venvs/torch"
    assert "LD_LIBRARY_PATH is left alone: no CUDA toolkit is chosen, and PyTorch needs none." in ran.all


@pytest.mark.parametrize("how", ["a start-up file", "the environment"])
def test_sc128_an_older_cudnn_in_the_way(how: str, account: Account, tmp_path: Path) -> None:
    """A stand-in for torch loads a library as torch loads cuDNN: by the loader's search path."""
    compiler = require("gcc")
    environment = account.home / ".venvs/torch"
    subprocess.run(["python3", "-m", "venv", "--without-pip", str(environment)], check=True)
    (site,) = environment.glob("lib/python3*/site-packages")
    for folder, version in ((tmp_path / "wheel", 90100), (tmp_path / "old", 8000)):
        folder.mkdir()
        (folder / "v.c").write_text(f"long version(void) {{ return {version}; }}\n")
        subprocess.run([compiler, "-shared", "-fPIC", "-o", folder / "libstandin_cudnn.so", folder / "v.c"], check=True)
    (tmp_path / "u.c").write_text("long version(void);\nlong cudnn(void) { return version(); }\n")
    user = [f"-Wl,--enable-new-dtags,-rpath,{tmp_path}/wheel", f"-L{tmp_path}/wheel", "-lstandin_cudnn"]
    subprocess.run([compiler, "-shared", "-fPIC", "-o", site / "user.so", tmp_path / "u.c", *user], check=True)
    (site / "torch").mkdir()
    (site / "torch/__init__.py").write_text(
        "import ctypes, types\n__version__ = '2.13.0+cu130'\n"
        "_library = ctypes.CDLL(__file__.replace('torch/__init__.py', 'user.so'))\n"
        "version = types.SimpleNamespace(cuda='13.0')\ncuda = types.SimpleNamespace(device_count=lambda: 0)\n"
        "backends = types.SimpleNamespace(cudnn=types.SimpleNamespace(version=_library.cudnn))\n"
    )
    line = f"export LD_LIBRARY_PATH={tmp_path}/old\n"
    account.give({".bashrc": line if how == "a start-up file" else ""})
    environ = {} if how == "a start-up file" else {"LD_LIBRARY_PATH": f"{tmp_path}/old"}
    ran = account.torchup("shell", "apply", "--yes", "--shell", "bash", stdin=None, **environ)
    assert ran.status == 4, ran.all
    assert "cuDNN is 8000 with LD_LIBRARY_PATH and 90100 without it" in ran.all
    where = (
        f"set at {account.home}/.bashrc:1" if how == "a start-up file" else "inherited from where torchup was started"
    )
    assert where in ran.all


def test_sc129_five_shells_inside_each_other(account: Account) -> None:
    ran = account.apply("bash", "zsh", "fish", "tcsh", scope="all", ld_library_path="always")
    assert ran.status == 0, ran.all
    for shell, option in (("bash", "-ic"), ("zsh", "-c"), ("fish", "-c"), ("tcsh", "-c")):
        script = account.home / "nested"
        script.write_text(f'#!/bin/sh\nn=$1\nshift\nif [ "$n" -gt 0 ]; then exec {shell} {option} "{script} $((n-1))"; fi\n'
                          "printenv PATH LD_LIBRARY_PATH\n")  # fmt: skip
        script.chmod(0o755)
        done = subprocess.run(
            [str(script), "5"],
            env={"HOME": str(account.home), "PATH": "/usr/bin:/bin", "TERM": "dumb"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            start_new_session=True,
            check=False,
        )
        assert done.stdout == f"{account.cuda}/bin:/usr/bin:/bin\n{account.cuda}/lib64\n", shell


@pytest.mark.parametrize("shell", ["bash", "dash"])
def test_sc130_path_unset(shell: str, account: Account) -> None:
    ran = account.apply(shell)
    assert ran.status == 0, ran.all
    script = f'unset PATH; . {account.home}/.config/torchup/env.sh; echo "$PATH"'
    done = subprocess.run([require(shell), "-c", script], env={}, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == (f"{account.cuda}/bin\n", "")
