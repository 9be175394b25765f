"""Root for one step: by which program, and never for torchup as a whole."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event, Thread
from typing import Literal

from torchup.children import NEUTRAL_FOLDER
from torchup.errors import RefusedError
from torchup.model.plan import Command
from torchup.words import tr

Way = Literal["root", "sudo", "doas", "pkexec"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Elevation:
    """How root is had on this machine; `program` is the path of that program.

    `passed_on` are the names of variables that sudo is to let through: proxies, whose values may hold a
    password and so cannot stand on a command line.
    """

    way: Way
    program: str = ""
    attended: bool = False
    passed_on: tuple[str, ...] = ()

    def asks(self) -> bool:
        """Tell whether the next command asks for a password: only doas does, where it is not told to `persist`.

        Then it has to be in the terminal's own process group while it asks.
        """
        return self.way == "doas" and self.attended and not self._lets_in_unasked()

    def argv(self, command: Command, *, asks: bool = False) -> tuple[str, ...]:
        """Put the elevating program before a command; its environment travels through `env`.

        sudo and doas are kept from prompting: a password was asked for beforehand, by `authorise`. A command
        before which doas `asks` is moved out of the terminal's session once it may run, where no Ctrl-C reaches it.
        """
        if self.way == "root":
            return command.argv
        added = tuple(f"{name}={value}" for name, value in sorted(command.environment.items()))
        inner = ("env", *added, *command.argv) if added else command.argv
        if asks:
            return (self.program, "setsid", *inner)
        kept = (f"--preserve-env={','.join(self.passed_on)}",) if self.way == "sudo" and self.passed_on else ()
        return (self.program, *kept, *_FLAGS[self.way], *inner)

    def authorise(self) -> None:
        """Let sudo or doas ask for the password once, on the terminal, before anything is changed.

        Unattended it must not ask. Raises RefusedError with code no-privilege.
        """
        if self.way == "root":
            return
        if self.way == "pkexec" and not self.attended:
            raise _refused(tr("pkexec asks on the desktop, and nobody is asked in an unattended run"))
        done = subprocess.run([self.program, *self._check()], cwd=NEUTRAL_FOLDER, check=False, timeout=300)
        if done.returncode == 0:
            return
        if self.way == "doas" and not self.attended:
            raise _refused(tr("doas asks for a password, and nobody is asked in an unattended run"))
        raise _refused(tr("{way} did not let this user in", way=self.way))

    def _check(self) -> tuple[str, ...]:
        match self.way:
            case "sudo":
                return ("-v",) if self.attended else ("-n", "true")
            case "doas":
                return ("true",) if self.attended else ("-n", "true")
            case _:
                return ("true",)

    def _lets_in_unasked(self) -> bool:
        words = [self.program, *_FLAGS[self.way], "true"]
        return (
            subprocess.run(words, cwd=NEUTRAL_FOLDER, check=False, capture_output=True, process_group=0).returncode == 0
        )

    @contextmanager
    def kept_fresh(self) -> Iterator[None]:
        """Keep sudo, or a doas that persists, from forgetting that it asked, while a long step runs."""
        if self.way not in _REFRESHING or not self.attended:
            yield
            return
        over = Event()

        def refresh() -> None:
            while not over.wait(_REFRESH_SECONDS):
                words = [self.program, *_REFRESHING[self.way]]
                subprocess.run(words, cwd=NEUTRAL_FOLDER, check=False, capture_output=True, process_group=0)

        thread = Thread(target=refresh, daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join(timeout=_REFRESH_SECONDS)

    def kill(self, targets: Sequence[int], number: int) -> None:
        """Signal processes of root's, by the shell: small systems have no program for it. -N is a group."""
        name = signal.Signals(number).name.removeprefix("SIG")
        command = Command(argv=("sh", "-c", 'kill -s "$@"', "sh", name, "--", *map(str, targets)))
        asks = self.asks()
        subprocess.run(
            self.argv(command, asks=asks),
            cwd=NEUTRAL_FOLDER,
            check=False,
            capture_output=True,
            process_group=None if asks else 0,
        )


_REFRESH_SECONDS = 60.0
_REFRESHING: Mapping[str, tuple[str, ...]] = {"sudo": ("-n", "-v"), "doas": ("-n", "true")}
_PROXIES = ("http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
_WAYS: tuple[Way, ...] = ("sudo", "doas", "pkexec")
_FLAGS: dict[Way, tuple[str, ...]] = {"root": (), "sudo": ("-n", "--"), "doas": ("-n",), "pkexec": ()}


def find_elevation(*, attended: bool, environ: Mapping[str, str]) -> Elevation:
    """Find the way to root: none is needed, or sudo, doas or pkexec. Raises RefusedError, code no-privilege."""
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        return Elevation(way="root", attended=attended)
    for way in _WAYS:
        program = shutil.which(way)
        if program is not None:
            proxies = tuple(name for name in _PROXIES if environ.get(name))
            return Elevation(way=way, program=program, attended=attended, passed_on=proxies)
    raise _refused(tr("this machine has no sudo, doas or pkexec"))


def words_for_root() -> tuple[str, ...]:
    """Give what a person puts before a command that needs root: the way of this machine, sudo where there is none."""
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        return ()
    return (next((way for way in _WAYS if shutil.which(way)), "sudo"),)


def _refused(why: str) -> RefusedError:
    return RefusedError(
        tr("A step needs root, and {why}.", why=why),
        code="no-privilege",
        hint=tr("Have an administrator run the commands of `torchup setup --dry-run`, or run on a machine with sudo."),
    )
