"""The user: who it is, and by which way root can be had."""

from __future__ import annotations

import os
from typing import NamedTuple

from torchup.detect.host import Host
from torchup.detect.notes import Notes
from torchup.detect.values import whole_number
from torchup.model.facts import PrivilegeKind, User
from torchup.words import tr

_ADMIN_GROUPS = {"sudo", "wheel", "admin", "root"}
_FIELDS = 7


class Account(NamedTuple):
    """An entry of passwd."""

    name: str
    uid: int
    home: str
    shell: str


def read_account(host: Host) -> Account | None:
    """Read the account that torchup runs as; in a captured tree, the one whose home it is."""
    if host.live and host.system == "windows":
        return None
    if host.live:
        import pwd

        try:
            entry = pwd.getpwuid(os.getuid())
        except KeyError:
            return None  # containers often run under a number that has no account
        return Account(name=entry.pw_name, uid=entry.pw_uid, home=entry.pw_dir, shell=entry.pw_shell)
    accounts = parse_passwd(host.read_text("/etc/passwd") or "")
    return next((account for account in accounts if account.home == host.home), None)


def read_user(host: Host, notes: Notes, account: Account | None) -> User:
    """Describe the user, and note what is odd about running as this one."""
    if host.live and host.system == "windows":
        name = host.environ.get("USERNAME")
        return User(name=name, home=host.home, privilege="root" if _is_windows_admin() else "none")
    uid = os.getuid() if host.live else account.uid if account else None
    if host.live and account is None:
        notes.add("user-without-account", tr("The user has no account entry."), f"uid {uid}")
    if uid == 0 and (behind := host.environ.get("SUDO_USER")) and behind != "root":
        text = tr("torchup runs through sudo: what it sets up would belong to root, not to you.")
        notes.add("run-through-sudo", text, f"SUDO_USER={behind}")
    owner = host.stat(host.home)
    if host.live and owner is None:
        notes.add("home-missing", tr("The home folder does not exist."), host.home)
    elif host.live and owner is not None and owner.st_uid != uid:
        text = tr("The home folder belongs to another user.")
        notes.add(
            "home-not-owned",
            text,
            tr("{home} belongs to uid {owner}, this is uid {uid}", home=host.home, owner=owner.st_uid, uid=uid),
        )
    return User(
        name=account.name if account else host.environ.get("USER") or None,
        uid=uid,
        home=host.home,
        privilege=_read_privilege(host, notes) if host.live else None,
    )


def parse_passwd(text: str) -> tuple[Account, ...]:
    """Parse /etc/passwd; lines of another form are passed over."""
    rows = (line.split(":") for line in text.splitlines() if not line.startswith("#"))
    return tuple(
        Account(name=row[0], uid=uid, home=row[5], shell=row[6])
        for row in rows
        if len(row) == _FIELDS and (uid := whole_number(row[2])) is not None
    )


def judge_sudo(returncode: int | None, stderr: str, *, admin: bool) -> tuple[PrivilegeKind, bool]:
    """Judge what `sudo -n true` or `doas -n true` answered; the second value says that the judgement is not certain.

    Without a password at hand sudo asks for it before it looks the user up, so membership of a group that
    is usually allowed decides how sure the answer is.
    """
    if returncode == 0:
        return "sudo", False
    refused = (
        "not allowed",
        "not in the sudoers",
        "may not run sudo",
        "no new privileges",
        "must be setuid root",
        "setuid bit set",
        "operation not permitted",
    )
    said = stderr.lower()
    if any(words in said for words in refused):
        return "none", False
    if returncode is None:
        return "none", True
    if "authentication required" in said:  # doas looks the user up first
        return "sudo-password", False
    return "sudo-password", not admin


def _read_privilege(host: Host, notes: Notes) -> PrivilegeKind:
    if os.geteuid() == 0:
        return "root"
    if _no_new_privileges(host.read_text("/proc/self/status") or ""):
        text = tr("This process may not gain privileges (no_new_privs), so sudo cannot work here.")
        notes.add("no-new-privileges", text, "/proc/self/status")
        return "none"
    for program in ("sudo", "doas"):
        path = host.which(program)
        if path is None:
            continue
        ran = host.run([path, "-n", "true"])
        if ran is None:
            continue
        kind, unsure = judge_sudo(ran.returncode, ran.stderr, admin=bool(_ADMIN_GROUPS & _groups()))
        if unsure:
            text = tr("It is not certain that this user may use {program}.", program=program)
            notes.add("privilege-uncertain", text, ran.problem or ran.stderr.strip() or None)
        if kind != "none":
            return kind
    return "sudo-password" if host.which("pkexec") else "none"


def _is_windows_admin() -> bool:
    """Ask Windows whether this process runs elevated, which is what root is elsewhere."""
    import ctypes

    library = getattr(ctypes, "windll", None)
    return bool(library and library.shell32.IsUserAnAdmin())


def _no_new_privileges(status: str) -> bool:
    return any(line.split() == ["NoNewPrivs:", "1"] for line in status.splitlines())


def _groups() -> set[str]:
    import grp

    names: set[str] = set()
    for gid in os.getgroups():
        try:
            names.add(grp.getgrgid(gid).gr_name)
        except KeyError:
            continue  # a group without an entry cannot be one of those that matter
    return names
