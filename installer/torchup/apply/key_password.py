"""The one-time password with which a person confirms a signing key at the next start of the machine.

mokutil gets its hash in a file that only its owner can read; the password is on no command line, in no
file and in no log.
"""

from __future__ import annotations

import ctypes
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from torchup.apply.events import KeyPassword, OnEvent
from torchup.errors import StepError
from torchup.model.plan import Command
from torchup.private_folders import new_file, temporary_folder
from torchup.words import tr

_DIGITS = 8
"""Digits only: the screen that asks for it knows the American keyboard alone. MokManager takes 1 to 256."""
_SALT = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_LIBRARIES = ("libcrypt.so.1", "libcrypt.so.2")


@contextmanager
def with_one_time_password(
    command: Command, on_event: OnEvent, *, make: Callable[[], str] | None = None
) -> Iterator[Command]:
    """Give the command with the file of the hash, which is gone afterwards; the person is told the password."""
    password = make() if make is not None else "".join(secrets.choice("0123456789") for _ in range(_DIGITS))
    with temporary_folder() as folder:
        place = folder / "hash"
        with new_file(place) as file:
            file.write(hash_password(password).encode() + b"\n")
        on_event(KeyPassword(password=password))
        yield replace(command, argv=(*command.argv, "--hash-file", str(place)))


def hash_password(password: str) -> str:
    """Hash a password as `mokutil --generate-hash` does: SHA-512 of crypt(3), with a salt of 16 characters.

    The library is the one that mokutil itself uses. Raises StepError (no-crypt).
    """
    salt = "".join(secrets.choice(_SALT) for _ in range(16))
    for library in _LIBRARIES:
        try:
            crypt = ctypes.CDLL(library).crypt
        except OSError:
            continue
        crypt.restype = ctypes.c_char_p
        crypt.argtypes = [ctypes.c_char_p, ctypes.c_char_p]
        hashed = crypt(password.encode(), f"$6${salt}$".encode())
        if hashed and hashed.startswith(b"$6$"):
            return str(hashed.decode())
    raise StepError(
        tr("This system has no libcrypt, with which the password for the key is hashed."),
        code="no-crypt",
        hint=tr("Run mokutil by hand; it asks for a password itself."),
    )
