"""Shells, the user, space and environment variables."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from support.tools import require
from support.trees import lay_out
from torchup.detect.environment import hides_devices, note_environment, relevant_environment
from torchup.detect.host import Host
from torchup.detect.notes import Notes
from torchup.detect.shells import current_shell, interactive_shell, parse_parent, read_shells, shell_name
from torchup.detect.space import parse_meminfo, parse_memory_limit, read_space
from torchup.detect.user import judge_sudo, parse_passwd, read_account, read_user
from torchup.model.facts import Shells, User

PASSWD = (
    "root:x:0:0:root:/root:/bin/bash\n"
    "# comment:x:1:1::/:\n"
    "ada:x:1000:1000:Ada,,,:/home/user:/usr/bin/zsh\n"
    "+::::::\n"
    "broken:x:abc:1::/home/broken:/bin/sh\n"
)


@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("/bin/bash", "bash"),
        ("-zsh", "zsh"),
        ("/usr/bin/ksh93", "ksh"),
        ("/bin/rbash", "bash"),
        ("mksh", "ksh"),
        ("C:\\Program Files\\PowerShell\\7\\pwsh.exe", "pwsh"),
        ("powershell.exe", "pwsh"),
        ("/usr/sbin/nologin", None),
        ("/usr/bin/tmux", None),
        ("", None),
    ],
)
def test_shell_name(command: str, name: str | None) -> None:
    assert shell_name(command) == name


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (("-bash",), "bash"),
        (("/usr/bin/zsh", "-l"), "zsh"),
        (("fish", "--login"), "fish"),
        (("bash", "-i"), "bash"),
        (("/bin/sh", "-c", "make"), None),
        (("bash", "-lc", "torchup"), None),
        (("bash", "install.sh"), None),
        (("python3", "-m", "torchup"), None),
        ((), None),
    ],
)
def test_interactive_shell(arguments: tuple[str, ...], name: str | None) -> None:
    assert interactive_shell(arguments) == name


def test_parse_parent_with_a_name_that_looks_like_fields() -> None:
    assert parse_parent("42 (a) S 7 (b)) R 17 42 42 0") == 17
    assert parse_parent("") is None


def test_the_shell_above_make_and_its_script_is_found() -> None:
    processes = {
        "/proc/9/stat": "9 (python) S 8 0",
        "/proc/8/cmdline": "/bin/sh\0-c\0torchup setup\0",
        "/proc/8/stat": "8 (sh) S 7 0",
        "/proc/7/cmdline": "make\0setup\0",
        "/proc/7/stat": "7 (make) S 6 0",
        "/proc/6/cmdline": "-zsh\0",
        "/proc/6/stat": "6 (zsh) S 1 0",
    }
    assert current_shell(9, processes.get) == "zsh"
    assert current_shell(6, processes.get) is None
    assert current_shell(9, lambda _: None) is None


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "tcsh", "ksh", "dash"])
def test_a_real_shell_recognises_itself(shell: str, tmp_path: Path) -> None:
    path = require(shell)
    script = tmp_path / "ask.py"
    script.write_text(
        "from torchup.detect.shells import current_shell\n"
        "import os\n"
        "def read(path):\n"
        "    with open(path, 'rb') as file:\n"
        "        return file.read().decode()\n"
        "print(current_shell(os.getpid(), read))\n",
        encoding="utf-8",
    )
    ran = subprocess.run(
        [path],
        input=f"{sys.executable} {script}; true\n",
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
        timeout=60,
    )
    assert ran.stdout.split() == [shell]


def test_shells_and_their_files(tmp_path: Path, host_at: Callable[..., Host]) -> None:
    run = {"run": ""}
    home = "/home/user"
    lay_out(
        tmp_path,
        {
            "/etc/passwd": PASSWD,
            "/etc/shells": "# shells\n/bin/sh\n/bin/bash\n/usr/bin/tmux\n/usr/bin/gone-zsh\n/usr/bin/ksh93\n",
            "/bin/bash": run,
            "/usr/bin/ksh93": run,
            "/opt/fish/bin/fish": run,
            f"{home}/.bashrc": "",
            f"{home}/.profile": {"link": "gone"},
            f"{home}/.cshrc": None,
            f"{home}/zsh/.zshrc": "",
            f"{home}/.zshrc": "",
            f"{home}/.config/fish/conf.d/b.fish": "",
            f"{home}/.config/fish/conf.d/a.fish": "",
            f"{home}/.config/fish/conf.d/a.txt": "",
        },
    )
    host = host_at(environ={"PATH": "/opt/fish/bin", "ZDOTDIR": f"{home}/zsh", "SHELL": "/bin/bash"})
    account = read_account(host)
    assert account is not None

    assert read_shells(host, host.notes, host, account.shell) == Shells(
        login="zsh",
        current=None,
        installed=("bash", "fish", "ksh"),
        files=(
            f"{home}/.bashrc",
            f"{home}/zsh/.zshrc",
            f"{home}/.config/fish/conf.d/a.fish",
            f"{home}/.config/fish/conf.d/b.fish",
        ),
    )
    assert host.notes.codes() == {"startup-file-dangling", "startup-file-is-directory"}
    assert read_user(host, host.notes, account) == User(name="ada", uid=1000, home=home, privilege=None)


def test_parse_passwd_passes_over_what_is_no_account() -> None:
    assert [(account.name, account.uid) for account in parse_passwd(PASSWD)] == [("root", 0), ("ada", 1000)]


@pytest.mark.parametrize(
    ("returncode", "stderr", "admin", "expected"),
    [
        (0, "", False, ("sudo", False)),
        (1, "sudo: a password is required\n", True, ("sudo-password", False)),
        (1, "sudo: a password is required\n", False, ("sudo-password", True)),
        (1, "doas: Authentication required\n", False, ("sudo-password", False)),
        (1, "doas: Operation not permitted\n", True, ("none", False)),
        (1, "Sorry, user ada may not run sudo on box.\n", True, ("none", False)),
        (1, "ada is not in the sudoers file.\n", True, ("none", False)),
        (1, "sudo: /usr/bin/sudo must be owned by uid 0 and have the setuid bit set", True, ("none", False)),
        (
            1,
            'sudo: The "no new privileges" flag is set, which prevents sudo from running as root.',
            True,
            ("none", False),
        ),
        (None, "", True, ("none", True)),
    ],
)
def test_judge_sudo(returncode: int | None, stderr: str, admin: bool, expected: tuple[str, bool]) -> None:
    assert judge_sudo(returncode, stderr, admin=admin) == expected


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody else")
@pytest.mark.parametrize(
    ("script", "privilege"),
    [("exit 0", "sudo"), ("echo 'sudo: a password is required' >&2; exit 1", "sudo-password"), ("sleep 60", "none")],
)
def test_privilege_of_an_ordinary_user(tmp_path: Path, script: str, privilege: str) -> None:
    lay_out(tmp_path, {"/usr/bin/sudo": {"run": f"#!/bin/sh\n{script}\n"}})
    for folder in (tmp_path, *tmp_path.parents):
        if folder.is_relative_to("/tmp") and folder != Path("/tmp"):
            folder.chmod(0o755)
    code = (
        "import grp, os, pwd, sys  # before the rights to read the standard library are gone\n"
        "from pathlib import Path\n"
        "import torchup.detect.commands\n"
        "from torchup.detect.host import Host, Limits\n"
        "from torchup.detect.user import read_account, read_user\n"
        "host = Host(sysroot=Path(sys.argv[1]), environ={'PATH': '/usr/bin:/bin'}, home='/home/user', live=True,\n"
        "            limits=Limits(command=1.0))\n"
        "os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "user = read_user(host, host.notes, read_account(host))\n"
        "print(user.uid, user.privilege, *sorted(host.notes.codes()))\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True, timeout=60
    )
    uid, found, *codes = ran.stdout.split()
    assert (uid, found) == ("65534", privilege)
    assert "home-missing" in codes


def test_running_through_sudo_is_noted(host_at: Callable[..., Host]) -> None:
    if os.getuid() != 0:
        pytest.skip("needs root")
    host = host_at(Path("/"), environ={"SUDO_USER": "ada", "PATH": "/usr/bin"}, live=True)
    user = read_user(host, host.notes, read_account(host))

    assert user.privilege == "root"
    assert "run-through-sudo" in host.notes.codes()


def test_memory_is_the_smaller_of_machine_and_group(tmp_path: Path, host_at: Callable[..., Host]) -> None:
    lay_out(
        tmp_path,
        {
            "/proc/meminfo": "MemTotal:       65848872 kB\nMemFree: 1 kB\n",
            "/sys/fs/cgroup/memory.max": "8589934592\n",
            "/sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
        },
    )
    host = host_at()

    assert read_space(host, host.notes).memory_mib == 8192
    assert host.notes.codes() == {"memory-limited"}


@pytest.mark.parametrize(
    ("text", "limit"), [("max", None), ("9223372036854771712", None), ("0", None), ("", None), ("1048576", 1)]
)
def test_parse_memory_limit(text: str, limit: int | None) -> None:
    assert parse_memory_limit(text) == limit


def test_parse_meminfo() -> None:
    assert parse_meminfo("MemTotal:       24683024 kB\n") == 24104
    assert parse_meminfo("") is None


def test_free_space_is_measured_at_the_nearest_folder(tmp_path: Path) -> None:
    host = Host(sysroot=Path("/"), environ={"TMPDIR": str(tmp_path)}, home=f"{tmp_path}/not/there/yet", live=True)
    space = read_space(host, Notes())

    usage = os.statvfs(tmp_path)
    free = usage.f_bavail * usage.f_frsize // 1024**2
    assert space.home_mib is not None
    assert space.tmp_mib is not None
    assert abs(space.home_mib - free) < 2048
    assert abs(space.tmp_mib - free) < 2048


def test_relevant_environment_hides_secrets() -> None:
    environ = {
        "PATH": "/usr/bin",
        "HOME": "/home/user",
        "CUDA_HOME": "/usr/local/cuda",
        "PIP_INDEX_URL": "https://ada:p@ss@index.example/simple?token=1",
        "PIP_EXTRA_INDEX_URL": "https://a:b@one.example/ https://two.example/",
        "UV_INDEX_INNER_PASSWORD": "hunter2",
        "UV_PUBLISH_TOKEN": "t",
        "https_proxy": "ada:hunter2@proxy.example:3128",
        "HTTP_PROXY": "http://proxy.example:3128",
        "PIP_FIND_LINKS": "/opt/wheels@2",
        "AWS_SECRET_ACCESS_KEY": "never",
        "UNRELATED": "x",
    }
    assert relevant_environment(environ) == {
        "CUDA_HOME": "/usr/local/cuda",
        "HTTP_PROXY": "http://proxy.example:3128",
        "PIP_EXTRA_INDEX_URL": "https://****@one.example/ https://two.example/",
        "PIP_FIND_LINKS": "/opt/wheels@2",
        "PIP_INDEX_URL": "https://****@index.example/simple?****",
        "UV_INDEX_INNER_PASSWORD": "****",
        "UV_PUBLISH_TOKEN": "****",
        "https_proxy": "****@proxy.example:3128",
    }


@pytest.mark.parametrize(
    ("value", "gpus", "hides"),
    [
        ("", 0, True),
        ("-1", 0, True),
        ("0", 0, False),
        ("0", 1, False),
        ("0", 2, True),
        ("0,1", 2, False),
        ("1,0", 2, False),
        ("0,-1,1", 2, True),
        ("5", 1, True),
        ("GPU-1234", 2, False),
    ],
)
def test_hides_devices(value: str, gpus: int, hides: bool) -> None:
    assert hides_devices(value, gpus) is hides


@pytest.mark.parametrize(
    ("environ", "code"),
    [
        ({"CUDA_VISIBLE_DEVICES": ""}, "gpus-hidden"),
        ({"LD_LIBRARY_PATH": "/a::/b"}, "library-path-empty-element"),
        ({"LD_LIBRARY_PATH": "/a:"}, "library-path-empty-element"),
        ({"LD_LIBRARY_PATH": "/usr/local/cuda-12.4/compat"}, "library-path-compat"),
        ({"LD_PRELOAD": "libx.so"}, "ld-preload-set"),
        ({"PYTHONHOME": "/usr"}, "pythonhome-set"),
        ({"PYTHONPATH": "/src"}, "pythonpath-set"),
        ({"HSA_OVERRIDE_GFX_VERSION": "10.3.0"}, "gfx-override-set"),
        ({"NVIDIA_DRIVER_CAPABILITIES": "graphics,utility"}, "driver-capabilities-without-compute"),
        ({"NVIDIA_DRIVER_CAPABILITIES": "compute,utility", "LD_LIBRARY_PATH": "/a:/b", "PYTHONPATH": ""}, None),
    ],
)
def test_note_environment(environ: dict[str, str], code: str | None) -> None:
    notes = Notes()
    note_environment(environ, notes, gpus=1)
    assert notes.codes() == ({code} if code else set())
