"""The shell configuration on Windows: variables of the user's account, and the PowerShell profile where asked.

The account's variables reach every program, so no start-up file is needed. A profile gets our block only
where PowerShell is named, or where the environment is to be activated in every new window. Written for
Windows and proved by plans only: it was not run there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import PureWindowsPath

from torchup.model.context import Context
from torchup.model.facts import MachineFacts
from torchup.model.plan import EditManagedBlock, MakeDirectory, SetUserVariable, Step, WriteFile
from torchup.model.request import ShellWish
from torchup.model.resolution import Reason
from torchup.shell.block_body import block_body
from torchup.shell.env_files import ShellEnvironment, env_file_name, render_env_file
from torchup.shell.kinds.kind import StartupFile
from torchup.shell.library_path import LibraryPathDecision
from torchup.shell.quoting import check_entry
from torchup.shell.startup_choice import SkippedShell, StartupChoice
from torchup.words import mark, tr

ReadFile = Callable[[str], bytes | None]

_EVERY_PROGRAM = mark("Every program that is started afterwards gets it, whatever the shell.")
_PROFILES = (r"Documents\WindowsPowerShell\profile.ps1", r"Documents\PowerShell\profile.ps1")
_POLICY = mark(
    "PowerShell runs its profile only where scripts may run: `Get-ExecutionPolicy` says Restricted where they may not, and `Set-ExecutionPolicy RemoteSigned -Scope CurrentUser` allows your own."
)


def no_library_path() -> LibraryPathDecision:
    """Give the decision on LD_LIBRARY_PATH, which Windows does not have."""
    text = tr("Windows has no LD_LIBRARY_PATH: programs find their libraries by PATH.")
    return LibraryPathDecision(directories=(), reason=Reason(code="windows", text=text))


def windows_environment(cuda_home: str | None, environment: str | None, *, activate: bool) -> ShellEnvironment:
    """Give what new shells are to know; raises UsageError `path-has-colon` for a folder that PATH cannot hold."""
    bin_dir = f"{cuda_home}\\bin" if cuda_home is not None else None
    if bin_dir is not None:
        check_entry(bin_dir, separator=";")
    return ShellEnvironment(
        cuda_home=cuda_home, bin_dirs=(bin_dir,) if bin_dir else (), environment=environment, activate=activate
    )


def variable_steps(known: ShellEnvironment) -> tuple[Step, ...]:
    """Plan the account's variables; what an earlier run set and is no longer wanted goes.

    The lists of what is ours are variables too: they are also what our PowerShell file goes by.
    """
    entries = known.bin_dirs
    steps = [
        SetUserVariable(
            id="variable:Path",
            summary=tr("Put {entry} to the front of your Path", entry=entries[0])
            if entries
            else tr("Keep your Path free of old toolkits"),
            why=tr("nvcc is then the one in CUDA_HOME."),
            name="Path",
            is_list=True,
            entries=entries,
            record="TORCHUP_PATH_ENTRIES",
        ),
        _scalar("TORCHUP_PATH_ENTRIES", ";".join(entries) or None, tr("It says which entries of Path are torchup's.")),
        _scalar("CUDA_HOME", known.cuda_home, tr(_EVERY_PROGRAM), record="TORCHUP_CUDA_HOME"),
        _scalar("TORCHUP_CUDA_HOME", known.cuda_home, tr("It says which CUDA_HOME is torchup's.")),
        _scalar("TORCHUP_ENVIRONMENT", known.environment, tr(_EVERY_PROGRAM)),
    ]
    return tuple(steps)


def choose_profiles(wish: ShellWish, facts: MachineFacts, context: Context) -> StartupChoice:
    """Choose the PowerShell profiles: those that exist, else one for each edition of PowerShell."""
    if wish.shells == "none":
        return StartupChoice(notes=(tr("no start-up file and no variable is changed, as you asked"),))
    skipped = tuple(
        SkippedShell(shell=shell, reason=tr("on Windows the variables of your account reach it"))
        for shell in (wish.shells if wish.shells != "auto" else ())
        if shell not in ("powershell", "conda")
    )
    listed = wish.shells != "auto" and "powershell" in wish.shells
    if not (listed or wish.activate or wish.rc):
        return StartupChoice(skipped=skipped)
    home = PureWindowsPath(facts.user.home or str(context.home))
    known = [path for path in facts.shells.files if path.lower().endswith("profile.ps1")]
    paths = [wish.rc] if wish.rc else known or [str(home / profile) for profile in _PROFILES]
    why = tr("you named this file") if wish.rc else tr("PowerShell reads it in every window")
    files = tuple(_profile(path, why, create=path not in facts.shells.files) for path in paths)
    return StartupChoice(files=files, skipped=skipped, notes=(tr(_POLICY),))


def profile_steps(choice: StartupChoice, known: ShellEnvironment, config: str, files: ReadFile) -> Iterable[Step]:
    """Plan the env file for PowerShell and the block that reads it."""
    if not choice.files:
        return
    name = env_file_name("powershell")
    env_file = str(PureWindowsPath(config) / name) if "\\" in config else f"{config}/{name}"
    yield WriteFile(
        id=f"env-file:{name}",
        summary=tr("Write the shell settings to {path}", path=env_file),
        why=tr("torchup owns this file; profiles only read it, so that an update changes nothing else."),
        path=env_file,
        content=render_env_file("powershell", replace(known, library_dirs=())),
    )
    for file in choice.files:
        folder = str(PureWindowsPath(file.path).parent)
        seen = files(file.path)
        why = tr("{clause}.", clause=file.why[:1].upper() + file.why[1:])
        yield MakeDirectory(id=f"folder:{folder}", summary=tr("Make {path}", path=folder), why=why, path=folder)
        yield EditManagedBlock(  # noqa: S604 - names the language, starts no shell
            id=f"block:{file.path}",
            summary=tr("Put a block into {path} that reads the shell settings", path=file.path),
            why=why,
            path=file.path,
            shell="powershell",
            body=block_body("powershell", env_file),
            expected_sha256=None if seen is None else hashlib.sha256(seen).hexdigest(),
            create=file.create,
        )


def _scalar(name: str, value: str | None, why: str, record: str | None = None) -> SetUserVariable:
    summary = (
        tr("Set {name} to {value}", name=name, value=value)
        if value is not None
        else tr("Keep {name} free of what torchup set earlier", name=name)
    )
    return SetUserVariable(id=f"variable:{name}", summary=summary, why=why, name=name, value=value, record=record)


def _profile(path: str, why: str, *, create: bool) -> StartupFile:
    return StartupFile(  # noqa: S604 - names the shell, starts none
        shell="powershell",
        language="powershell",
        path=path,
        create=create,
        modes=("interactive", "login", "script"),
        why=tr("{why}; it will be created", why=why) if create else why,
    )
