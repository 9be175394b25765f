"""The user's variables in the Windows registry (its key `Environment`), and the message that they changed.

Not run on Windows yet: the tests put a stand-in in the place of the module `winreg`.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torchup.apply.change import UserVariable
from torchup.apply.user_variables import Variables
from torchup.errors import StepError
from torchup.words import mark, tr

_KEY = "Environment"
_HWND_BROADCAST, _WM_SETTINGCHANGE, _SMTO_ABORTIFHUNG = 0xFFFF, 0x001A, 0x0002
_PATIENCE_MS = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryVariables:
    """The key `Environment` of the current user; `registry` is the module winreg, `announce` tells running programs."""

    registry: Any
    announce: Callable[[], None]

    def read(self, name: str) -> UserVariable | None:
        """Read a value with its kind, unexpanded; raises StepError with code variable-not-read."""
        registry = self.registry
        try:
            with registry.OpenKey(registry.HKEY_CURRENT_USER, _KEY, 0, registry.KEY_READ) as key:
                value, kind = registry.QueryValueEx(key, name)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _failed(
                "read", mark("The variable {name} of this account could not be read: {reason}."), name, error
            ) from error
        return UserVariable(value=str(value), expand=kind == registry.REG_EXPAND_SZ)

    def write(self, name: str, value: UserVariable | None) -> None:
        """Set or delete a value, then announce it; raises StepError with code variable-not-written."""
        registry = self.registry
        try:
            with registry.CreateKeyEx(registry.HKEY_CURRENT_USER, _KEY, 0, registry.KEY_WRITE) as key:
                if value is None:
                    registry.DeleteValue(key, name)
                else:
                    kind = registry.REG_EXPAND_SZ if value.expand else registry.REG_SZ
                    registry.SetValueEx(key, name, 0, kind, value.value)
        except FileNotFoundError:
            return  # there was nothing to delete
        except OSError as error:
            raise _failed(
                "written", mark("The variable {name} of this account could not be written: {reason}."), name, error
            ) from error
        self.announce()


class NoVariables:
    """Another system: an account has no variables there, which a dry run for a Windows machine may ask for."""

    def read(self, name: str) -> UserVariable | None:
        """Give None: there is no such variable."""
        del name
        return None

    def write(self, name: str, value: UserVariable | None) -> None:
        """Raise StepError with code no-user-variables."""
        del value
        raise StepError(
            tr("{name} is to be set for the account, and only Windows keeps variables for an account.", name=name),
            code="no-user-variables",
            hint=tr("Carry the plan out on the machine that it is for."),
        )


def user_variables() -> Variables:
    """Give this machine's variables."""
    if os.name != "nt":
        return NoVariables()
    return RegistryVariables(registry=importlib.import_module("winreg"), announce=_announce)


def _announce() -> None:
    """Tell running programs, above all the Explorer, that new processes get other variables."""
    import ctypes

    user32: Any = ctypes.WinDLL("user32", use_last_error=True)  # type: ignore[attr-defined,unused-ignore]
    # A program that hangs must not hold us up, and one that does not listen is no error.
    user32.SendMessageTimeoutW(
        _HWND_BROADCAST, _WM_SETTINGCHANGE, 0, "Environment", _SMTO_ABORTIFHUNG, _PATIENCE_MS, None
    )


def _failed(what: str, text: str, name: str, error: OSError) -> StepError:
    return StepError(
        tr(text, name=name, reason=error.strerror or error),
        code=f"variable-not-{what}",
        evidence=(f"HKCU\\{_KEY}",),
        hint=tr(
            "A policy of your organisation may forbid it: set it in the account's settings, or ask who manages this machine."
        ),
    )
