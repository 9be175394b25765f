"""Root by the real doas on a terminal: asked for its password once where it persists, else for each command."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest

from support.debian_root import DebianRoot
from support.manager_roots import manager_root
from torchup.model.plan import Command, InstallSystemPackages, WriteFile

PASSWORD = "correct horse"
STEPS = (
    WriteFile(id="one", summary="s", why="w", privilege="root", path="/etc/one.conf", content="one\n"),
    WriteFile(id="two", summary="s", why="w", privilege="root", path="/etc/two.conf", content="two\n"),
    InstallSystemPackages(
        id="packages", summary="s", why="w", manager="apt", packages=("base-files", "stub"),
        commands=(Command(argv=("dpkg", "-i", "/srv/stub.deb")),),
    ),
)  # fmt: skip
CONTROL = "Package: stub\nVersion: 1\nArchitecture: all\nMaintainer: t <t@example.invalid>\nDescription: t\n"
# The package's own script tells whose process group it is in, and what it is given to read.
POSTINST = "#!/bin/sh\n{ ps -o tty= -p $$; readlink /proc/$$/fd/0; } >/srv/seen; exit 0\n"


@pytest.fixture
def root(tmp_path: Path) -> Iterator[DebianRoot]:
    with manager_root(tmp_path) as root:
        root.run("useradd", "--create-home", "anna")
        root.run("sh", "-c", f"echo 'anna:{PASSWORD}' | chpasswd")
        root.run("rm", "-f", "/usr/bin/sudo")
        root.put("/srv/stub/DEBIAN/control", CONTROL)
        root.put("/srv/stub/DEBIAN/postinst", POSTINST, mode=0o755)
        root.run("dpkg-deb", "--root-owner-group", "-b", "/srv/stub", "/srv/stub.deb")
        yield root


def on_a_terminal(root: DebianRoot, *arguments: str, password: str = PASSWORD) -> tuple[int, int, str]:
    """Run torchup as the person, type the password wherever it is asked for; give status, how often, and the text."""
    words = root.argv(*root.command(*arguments), user="anna")
    terminal = pexpect.spawn(words[0], words[1:], env=root.variables("anna"), encoding="utf-8", timeout=120)
    asked = 0
    while terminal.expect([r"password: ?$", pexpect.EOF]) == 0:
        asked += 1
        terminal.sendline(password)
    text = terminal.before or ""
    terminal.close()
    return terminal.exitstatus if terminal.exitstatus is not None else -1, asked, text


@pytest.mark.parametrize(("rule", "once"), [("permit persist anna", True), ("permit anna", False)])
def test_doas_asks_on_the_terminal_and_the_manager_does_not_get_it(root: DebianRoot, rule: str, once: bool) -> None:
    root.put("/etc/doas.conf", f"{rule}\n", mode=0o400)
    status, asked, text = on_a_terminal(root, "setup", "--plan", root.plan(*STEPS))
    assert status == 0, text
    assert (asked == 1) is once, text
    assert asked >= 1
    assert root.read("/etc/two.conf") == b"two\n"
    assert root.run("stat", "-c", "%U %a", "/etc/one.conf").stdout == "root 644\n"
    assert "/dev/null" in root.read("/srv/seen").decode()
    assert PASSWORD not in root.run("sh", "-c", "cat /home/anna/.local/state/torchup/log/*").stdout


def test_a_wrong_password_ends_before_anything_is_changed(root: DebianRoot) -> None:
    root.put("/etc/doas.conf", "permit anna\n", mode=0o400)
    status, asked, text = on_a_terminal(root, "setup", "--plan", root.plan(*STEPS), password="wrong")
    assert (status, asked) == (6, 1), text
    assert "doas did not let this user in" in re.sub(r"\s+", " ", text)
    assert root.run("test", "-e", "/etc/one.conf", check=False).returncode == 1


def test_unattended_it_is_refused_with_the_reason(root: DebianRoot) -> None:
    root.put("/etc/doas.conf", "permit anna\n", mode=0o400)
    refused = root.torchup("setup", "--plan", root.plan(*STEPS), user="anna")
    assert refused.returncode == 6, refused.stderr
    assert "doas asks for a password, and nobody is asked in an unattended run" in re.sub(r"\s+", " ", refused.stderr)
    assert root.run("test", "-e", "/etc/one.conf", check=False).returncode == 1
