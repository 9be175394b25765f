"""System packages in real Debian roots: in, again, out; what goes wrong on the way; Ctrl-C once and twice."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from support.debian_root import DebianRoot, debian_root
from support.tools import NIGHTLY
from system.debian_steps import LOCAL, SOURCES, add_package, components, install, note, update
from torchup.model.plan import MakeDirectory, RemoveFile, WriteFile

RELEASES = ["trixie", "bookworm"] if NIGHTLY else ["trixie"]
pytestmark = [pytest.mark.real, pytest.mark.xdist_group("debian")]

Make = Callable[..., DebianRoot]


@pytest.fixture(params=RELEASES)
def release(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def make(release: str, tmp_path: Path) -> Iterator[Make]:
    """Make fresh roots with a person in them who may become root without a password."""
    with ExitStack() as stack:
        count = 0

        def enter(*, network: bool = True) -> DebianRoot:
            nonlocal count
            count += 1
            root = stack.enter_context(debian_root(release, tmp_path / str(count), network=network))
            root.run("useradd", "--create-home", "anna")
            root.put("/etc/sudoers.d/anna", "anna ALL=(ALL:ALL) NOPASSWD: ALL\n", mode=0o440)
            return root

        yield enter


@pytest.fixture
def root(make: Make) -> DebianRoot:
    return make()


def installed(root: DebianRoot) -> set[str]:
    form = "${db:Status-Abbrev}${Package}\n"
    lines = root.run("dpkg-query", "--show", "--showformat", form).stdout.splitlines()
    return {line[3:] for line in lines if line.startswith("ii ")}


def audit(root: DebianRoot) -> str:
    """Give what dpkg itself says about packages that are not whole."""
    return root.run("dpkg", "--audit").stdout


def running(root: DebianRoot) -> set[str]:
    """Name the programs at work; what has ended and was not waited for is none."""
    lines = root.run("sh", "-c", "cat /proc/[0-9]*/stat 2>/dev/null; true").stdout.splitlines()
    found = [re.fullmatch(r"\d+ \((.*)\) (\S).*", line) for line in lines]
    return {match[1] for match in found if match and match[2] not in "ZX"}


def wait_for(root: DebianRoot, path: str) -> None:
    for _ in range(600):
        if root.run("test", "-e", path, check=False).returncode == 0:
            return
        time.sleep(0.05)
    pytest.fail(f"{path} never came")


def test_a_component_is_added_a_package_goes_in_and_undo_tells_how_it_goes_out(make: Make, release: str) -> None:
    root = make()
    steps = (components(release), update(SOURCES), install("nvidia-modprobe"), note())
    plan = root.plan(*steps)
    etc, before = root.files("/etc/apt", "/home/anna"), installed(root)

    dry = root.torchup("setup", "--plan", plan, "--dry-run", user="anna")
    assert dry.returncode == 0, dry.stderr
    assert root.files("/etc/apt", "/home/anna") == etc

    done = root.torchup("setup", "--plan", plan, user="anna")
    assert done.returncode == 0, done.stderr
    assert installed(root) - before == {"nvidia-modprobe"}
    assert root.run("stat", "-c", "%a %U:%G", SOURCES).stdout == "644 root:root\n"
    made = root.files("/etc/apt", "/home/anna/note")

    again = root.torchup("setup", "--plan", plan, user="anna")
    assert again.returncode == 0, again.stderr
    assert "nothing: everything was in place already" in again.stdout

    # Running the script of the dry run on the same machine ends in the same state.
    other = make()
    other.put("/tmp/script", dry.stdout.encode())
    other.run("sh", "/tmp/script", user="anna")
    assert installed(other) == installed(root)
    assert other.files("/etc/apt", "/home/anna/note") == made

    undone = root.torchup("undo", "--yes", user="anna")
    assert undone.returncode == 5, undone.stdout
    assert "apt-get remove -y --autoremove nvidia-modprobe" in undone.stderr
    # torchup keeps its own journal and settings.
    assert root.files("/etc/apt") == "".join(re.findall(r"/etc/apt.*\n.*\n", etc))
    assert "nvidia-modprobe" in installed(root)
    root.run("apt-get", "remove", "-y", "--autoremove", "nvidia-modprobe")
    assert root.torchup("undo", "--yes", user="anna").returncode == 0


def test_files_of_root_keep_owner_and_mode_and_come_back_to_the_byte(root: DebianRoot) -> None:
    for path, mode in (("/etc/secret", 0o600), ("/etc/modprobe.d/old.conf", 0o644)):
        root.put(path, b"\xff old\r\n", mode=mode)
    root.run("chown", "root:adm", "/etc/secret")
    common = {"summary": "s", "why": "w", "privilege": "root"}
    plan = root.plan(
        WriteFile(id="secret", path="/etc/secret", content="new\n", mode=0o600, **common),  # type: ignore[arg-type]
        WriteFile(id="new", path="/etc/modprobe.d/new.conf", content="blacklist nouveau\n", **common),  # type: ignore[arg-type]
        RemoveFile(id="old", path="/etc/modprobe.d/old.conf", **common),  # type: ignore[arg-type]
        MakeDirectory(id="folder", path="/opt/a/b", mode=0o755, **common),  # type: ignore[arg-type]
    )
    before = root.files("/etc", "/opt")
    done = root.torchup("setup", "--plan", plan, user="anna")
    assert done.returncode == 0, done.stderr
    assert root.read("/etc/secret") == b"new\n"
    assert root.run("stat", "-c", "%a %U:%G", "/etc/secret").stdout == "600 root:adm\n"
    assert root.run("stat", "-c", "%a %U:%G", "/etc/modprobe.d/new.conf").stdout == "644 root:root\n"
    assert root.run("stat", "-c", "%a %U:%G", "/opt/a/b").stdout == "755 root:root\n"
    assert root.run("test", "-e", "/etc/modprobe.d/old.conf", check=False).returncode == 1
    undone = root.torchup("undo", "--yes", user="anna")
    assert undone.returncode == 0, undone.stderr
    assert root.files("/etc", "/opt") == before
    assert root.run("test", "-e", "/opt/a", check=False).returncode == 1


def test_only_what_was_not_there_before_is_named_for_removal(root: DebianRoot) -> None:
    for name in ("there", "new"):
        add_package(root, name)
    root.run("apt-get", "install", "-y", "there")
    assert root.torchup("setup", "--plan", root.plan(install("there", "new"))).returncode == 0
    undone = root.torchup("undo", "--yes")
    assert "remove -y --autoremove new" in undone.stderr


HOLD = """
import fcntl, pathlib, time
held = [open(path, "w") for path in ("/var/lib/dpkg/lock-frontend", "/var/lib/dpkg/lock")]
for file in held:
    fcntl.lockf(file, fcntl.LOCK_EX)
pathlib.Path("/tmp/held").write_text("")
while not pathlib.Path("/tmp/let-go").exists():
    time.sleep(0.05)
"""


def test_a_lock_is_waited_for_and_its_holder_is_named(root: DebianRoot) -> None:
    add_package(root, "small")
    root.put("/usr/bin/unattended-upgr", f"#!/usr/bin/python3\n{HOLD}", mode=0o755)
    holder = root.start("/usr/bin/unattended-upgr")
    wait_for(root, "/tmp/held")
    torchup = root.start(*root.command("setup", "--plan", root.plan(install("small"))))
    assert torchup.stdout is not None
    first = torchup.stdout.readline()
    assert re.search(r"Waiting for the package lock, held by unattended-upgr \(process \d+\)", first), first
    assert "small" not in installed(root)
    root.put("/tmp/let-go", "")
    rest = torchup.communicate(timeout=180)[0]
    assert torchup.returncode == 0, rest
    assert "small" in installed(root)
    holder.communicate(timeout=10)


def test_a_failing_post_install_script_is_named_and_resume_finishes_it(root: DebianRoot) -> None:
    add_package(root, "picky", postinst="[ -e /etc/fine ] || { echo 'Error! no headers' >&2; exit 7; }")
    plan = root.plan(note("/root/note"), install("picky"))
    failed = root.torchup("setup", "--plan", plan)
    assert failed.returncode == 5
    assert "the installation script of a package failed" in failed.stderr
    assert "Error! no headers" in failed.stderr
    assert "dpkg --configure -a" in failed.stderr
    assert root.run("test", "-e", "/root/note", check=False).returncode == 1
    assert "picky" in audit(root)
    root.put("/etc/fine", "")
    resumed = root.torchup("resume")
    assert resumed.returncode == 0, resumed.stderr
    assert audit(root) == ""
    assert "picky" in installed(root)


def test_without_a_network_everything_is_put_back(make: Make, release: str) -> None:
    root = make(network=False)
    before = root.files("/etc/apt")
    failed = root.torchup(
        "setup", "--plan", root.plan(components(release), update(SOURCES), install("nvidia-modprobe")), user="anna"
    )
    assert failed.returncode == 1, failed.stderr
    assert "a package repository could not be reached" in failed.stderr
    assert root.files("/etc/apt") == before


def test_a_full_disk_is_named_and_leaves_dpkg_whole(root: DebianRoot) -> None:
    add_package(root, "big", kib=600)
    root.run("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", "/opt")
    failed = root.torchup("setup", "--plan", root.plan(install("big")))
    assert failed.returncode == 1, failed.stderr
    assert "the disk is full" in failed.stderr
    assert audit(root) == ""
    root.run("umount", "/opt")
    assert root.torchup("setup", "--plan", root.plan(install("big"))).returncode == 0


SLOW = "touch /tmp/begun; while [ ! -e /tmp/go ]; do sleep 0.1; done; touch /tmp/ended"


def interrupted(root: DebianRoot, user: str | None, times: int) -> tuple[int, str]:
    """Stop a run while a package's script is at work; give how it ended and what it said."""
    torchup = root.start(*root.command("setup", "--plan", "/tmp/plan.json"), user=user)
    wait_for(root, "/tmp/begun")
    pid = root.read("/tmp/torchup.pid").decode()
    assert torchup.stdout is not None
    said = ""
    for press in range(times):
        root.run("sh", "-c", f"kill -INT {pid}")
        if press == 0:
            said = torchup.stdout.readline()
            assert "finishes its work first" in said
    if times == 1:
        assert torchup.poll() is None
        root.put("/tmp/go", "")
    said += torchup.communicate(timeout=180)[0]
    return torchup.returncode, said


@pytest.mark.parametrize("user", ["anna", None] if NIGHTLY else ["anna"])
def test_ctrl_c_once_lets_the_package_manager_finish(root: DebianRoot, user: str | None) -> None:
    add_package(root, "slow", postinst=SLOW)
    home = f"/home/{user}" if user else "/root"
    root.plan(install("slow"), note(f"{home}/note"))
    status, said = interrupted(root, user, 1)
    assert status == 130, said
    assert "torchup resume" in said
    assert root.run("test", "-e", "/tmp/ended", check=False).returncode == 0
    assert audit(root) == ""
    assert "slow" in installed(root)
    assert root.run("test", "-e", f"{home}/note", check=False).returncode == 1
    resumed = root.torchup("resume", user=user)
    assert resumed.returncode == 0, resumed.stderr
    assert root.read(f"{home}/note") == b"note\n"


SERVER = """
import http.server, pathlib, time
class Handler(http.server.SimpleHTTPRequestHandler):
    def do_GET(self):
        if self.path.endswith(".deb"):
            pathlib.Path("/tmp/begun").write_text("")
            time.sleep(600)
        super().do_GET()
http.server.ThreadingHTTPServer(("127.0.0.1", 8765), lambda *a: Handler(*a, directory="/srv/repository")).serve_forever()
"""


@pytest.mark.parametrize("user", ["anna", None] if NIGHTLY else ["anna"])
def test_ctrl_c_ends_a_download_at_once(make: Make, user: str | None) -> None:
    root = make(network=False)
    root.run(
        "python3",
        "-c",
        "import socket, fcntl, struct; s = socket.socket(); fcntl.ioctl(s, 0x8914, struct.pack('16sh', b'lo', 0x49))",
    )
    add_package(root, "far")
    server = root.start("python3", "-c", SERVER)
    root.put(LOCAL, "deb [trusted=yes] http://127.0.0.1:8765 ./\n")
    root.plan(update(), install("far"))
    torchup = root.start(*root.command("setup", "--plan", "/tmp/plan.json"), user=user)
    wait_for(root, "/tmp/begun")
    root.run("sh", "-c", f"kill -INT {root.read('/tmp/torchup.pid').decode()}")
    said = torchup.communicate(timeout=180)[0]
    os.killpg(server.pid, signal.SIGKILL)  # nsenter and what it started
    server.communicate()
    assert torchup.returncode == 130, said
    assert "one moment" in said
    assert "dpkg --configure" not in said
    assert not {"apt-get", "sudo"} & running(root)
    root.put(LOCAL, "deb [trusted=yes] file:/srv/repository ./\n")
    assert root.torchup("resume", user=user).returncode == 0
    assert "far" in installed(root)


@pytest.mark.parametrize("user", ["anna", None] if NIGHTLY else ["anna"])
def test_ctrl_c_twice_stops_now_and_resume_mends(root: DebianRoot, user: str | None) -> None:
    add_package(root, "slow", postinst=SLOW)
    root.plan(install("slow"))
    status, said = interrupted(root, user, 2)
    assert status == 130, said
    assert "dpkg --configure -a" in said
    assert "slow" in audit(root)
    assert root.run("test", "-e", "/tmp/ended", check=False).returncode == 1
    assert not {"apt-get", "dpkg", "slow.postinst", "sudo"} & running(root)
    root.put("/tmp/go", "")
    resumed = root.torchup("resume", user=user)
    assert resumed.returncode == 0, resumed.stderr
    assert audit(root) == ""
    assert "slow" in installed(root)
