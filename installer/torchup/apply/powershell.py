"""Changes of user variables as PowerShell commands, for the script of a dry run."""

from __future__ import annotations

from torchup.apply.change import UserVariable
from torchup.apply.posix import words
from torchup.shell.quoting import quote

_KEY = "HKCU:\\Environment"
_RAW = f"(Get-Item {_KEY}).GetValue($n, $null, 'DoNotExpandEnvironmentNames')"


def variable_line(name: str, before: UserVariable | None, after: UserVariable | None) -> str:
    """Write the command that changes a variable, only while it is what it was when the plan was made.

    Deleting a variable that is not there is how the announcement is made: PowerShell then tells running
    programs that the variables changed.
    """
    expected = "$null" if before is None else _literal(before.value)
    if after is None:
        change = f"Remove-ItemProperty -Path {_KEY} -Name $n"
    else:
        kind = "ExpandString" if after.expand else "String"
        change = (
            f"[void](New-ItemProperty -Path {_KEY} -Name $n -PropertyType {kind} -Value {_literal(after.value)} -Force)"
        )
    command = (
        f"$ErrorActionPreference = 'Stop'; $n = {_literal(name)}; if ({_RAW} -cne {expected}) "
        '{ [Console]::Error.WriteLine("torchup: $n has changed since this script was made"); exit 1 }; '
        f"{change}; [Environment]::SetEnvironmentVariable('TORCHUP_ANNOUNCE', $null, 'User')"
    )
    return words(["powershell.exe", "-NoProfile", "-NonInteractive", "-Command", command])


def _literal(text: str) -> str:
    return str(quote("powershell", text))
