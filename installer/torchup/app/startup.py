"""Start-up files before an edit: where a real zsh keeps them, and whether their shells can read them."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from torchup.app.startup_look import look_at, read_startup
from torchup.errors import RefusedError
from torchup.model.context import Context
from torchup.model.facts import MachineFacts
from torchup.model.plan import EditManagedBlock, Plan
from torchup.model.request import ShellWish
from torchup.shell.kinds import SHELLS, named
from torchup.shell.kinds.kind import Home, StartupFile
from torchup.shell.kinds.zsh import ZSH
from torchup.shell.startup_choice import Asked, Unedited
from torchup.words import tr

_SOURCES = re.compile(rb"(?m)(?:^|[\s;&|])(?:\.|source)\s+(\"[^\"\n]+\"|'[^'\n]+'|[^\s;&|]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Startup:
    """The context with the places that the shells themselves name, every start-up file, and how to ask for more."""

    context: Context
    files: tuple[str, ...]
    asked: Asked


def ask_shells(context: Context, facts: MachineFacts, wish: ShellWish) -> Startup:
    """Let the shells name their start-up files: zsh its folder, which `~/.zshenv` may move, PowerShell its profile."""
    context = _with_zdotdir(context, facts)
    files = tuple(dict.fromkeys([*facts.shells.files, *_zsh_files(context)]))
    profiles: dict[str, str] = {}
    wanted = (*wish.shells,) if wish.shells not in ("auto", "none") else (facts.shells.login, facts.shells.current)
    for shell in {shell.name: shell for name in wanted if name and (shell := named(name)) is not None}.values():
        if shell.question is not None and shell.program in facts.shells.installed:
            from torchup.verify.shell_start import ask_profile

            moved = {name: context.environ[name] for name in ("XDG_CONFIG_HOME",) if context.environ.get(name)}
            if profile := ask_profile(shell, str(context.home), moved):
                profiles[shell.name] = profile
    look = lambda chosen: _look(chosen, context, files)  # noqa: E731
    return Startup(context=context, files=files, asked=Asked(profiles=profiles, files=files, look=look))


def _with_zdotdir(context: Context, facts: MachineFacts) -> Context:
    if "zsh" not in facts.shells.installed or context.environ.get("ZDOTDIR"):
        return context
    if not (context.home / ".zshenv").is_file():
        return context
    from torchup.verify.shell_start import ask_zdotdir

    folder = ask_zdotdir(str(context.home))
    return replace(context, environ={**context.environ, "ZDOTDIR": folder}) if folder else context


def _zsh_files(context: Context) -> list[str]:
    folder = context.environ.get("ZDOTDIR")
    if not folder:
        return []
    files = ZSH.reads(Home(home=str(context.home), environ=context.environ))
    return [path for path in files if context.below_root(Path(path)).is_file()]


def _look(chosen: tuple[StartupFile, ...], context: Context, files: tuple[str, ...]) -> dict[str, Unedited]:
    found = {}
    for file in chosen:
        problem = look_at(str(context.below_root(Path(file.path)))) or _served(file, context, files)
        if problem is not None:
            found[file.path] = problem
    return found


def _served(file: StartupFile, context: Context, files: tuple[str, ...]) -> Unedited | None:
    """See whether the shell reads our env file already, though this file has no block: a person may have moved it."""
    from torchup.plan.shell_steps import env_file_path
    from torchup.shell.managed_block import find

    env_file = env_file_path(file.language, context)
    content = read_startup(file.path)
    ours = content is not None and (file.form == "own-file" or find(content).kind != "absent")
    if ours or not file.modes or context.root != Path("/") or not Path(env_file).exists():
        return None
    from torchup.verify.shell_start import read_variables

    for mode in file.modes:
        reading = read_variables(file.shell, mode, home=str(context.home))
        # In a clean environment only our env file sets these.
        if reading.get("TORCHUP_ENVIRONMENT") is None and reading.get("TORCHUP_CUDA_HOME") is None:
            return None
    source = _where_read(env_file, files, context)
    why = (
        tr("new {shell} shells have the settings already, from {source}", shell=file.shell, source=source)
        if source
        else tr("new {shell} shells have the settings already, from a file that torchup did not find", shell=file.shell)
    )
    return Unedited(kind="served", why=why)


def _where_read(env_file: str, files: tuple[str, ...], context: Context) -> str | None:
    """Find the file that reads our env file: a start-up file, or one that a start-up file reads."""
    home = str(context.home)
    for path in files:
        content = read_startup(path) or b""
        for place in (path, *_sourced(content, home, str(Path(path).parent))):
            lines = (read_startup(place) or b"").split(b"\n")
            for number, line in enumerate(lines, start=1):
                if os.fsencode(env_file) in line and not line.lstrip().startswith(b"#"):
                    return f"{place}:{number}"
    return None


def _sourced(content: bytes, home: str, folder: str) -> list[str]:
    """List the files that a start-up file reads, as far as its text shows them."""
    found = []
    for match in _SOURCES.finditer(content):
        name = os.fsdecode(match[1]).strip("\"'")
        for variable, value in (("${ZDOTDIR}", folder), ("$ZDOTDIR", folder), ("${HOME}", home), ("$HOME", home)):
            name = name.replace(variable, value)
        if name.startswith("~/"):
            name = home + name[1:]
        if name.startswith("/") and not glob.has_magic(name):
            found.append(name)
        elif name.startswith("/"):
            found += sorted(glob.glob(name))[:50]  # noqa: PTH207 - the pattern is the user's, with an absolute path
    return found


def refuse_unreadable_startup_files(plan: Plan, read: Callable[[str], bytes | None]) -> None:
    """Refuse to append to a file that its own shell cannot read to the end, before or after the edit.

    What stands behind an open quote or here-document is not run, so the block would be lost in it.
    Raises RefusedError `startup-file-broken` for all such files together, and `no-startup-file`.
    """
    from torchup.shell.managed_block import insert
    from torchup.verify.shell_syntax import parse_check

    refuse_other_files(plan, read)

    broken: list[str] = []
    lines: list[str] = []
    for step in plan.steps:
        if not isinstance(step, EditManagedBlock) or step.body is None or not _has_parser(step.shell):
            continue
        before = read(step.path)
        # Our own block is no part of what the person wrote, and a tool may have spoilt it.
        own = _without_block(before)
        problem = parse_check(step.shell, own) if own else None
        if problem is None:
            try:
                after = insert(before, step.body, placement=step.placement, language=step.shell).after
            except RefusedError:
                continue  # the step itself says it, with the path of the file
            problem = parse_check(step.shell, after) if after and after != before else None
        if problem is not None:
            broken.append(f"{step.path}: {problem}")
            lines += step.body.splitlines()
    if broken:
        raise RefusedError(
            tr("A start-up file cannot be read to its end by its own shell, so nothing was added to it."),
            code="startup-file-broken",
            evidence=broken,
            hint=tr(
                "Correct the file and run this again, or leave the shell out (--set shell.shells=none) and add these lines yourself:\n"
            )
            + "\n".join(f"    {text}" for text in dict.fromkeys(lines)),
        )


def _has_parser(language: str) -> bool:
    """Tell whether a file can be checked without being run: what it says would be done."""
    return any(shell.parser for shell in SHELLS if shell.language is not None and shell.language.name == language)


def refuse_other_files(plan: Plan, read: Callable[[str], bytes | None]) -> None:
    """Refuse to write into a file that is no start-up file of a shell; raises RefusedError `no-startup-file`."""
    from torchup.shell.named_file import no_startup_file

    others = []
    for step in plan.steps:
        if isinstance(step, EditManagedBlock) and step.body is not None:
            # Where a link leads is what is written to.
            real = os.path.realpath(step.path)
            kind = no_startup_file(step.path) or no_startup_file(real, read(step.path))
            others += [f"{step.path} -> {real}: {kind}" if real != step.path else f"{real}: {kind}"] if kind else []
    if others:
        raise RefusedError(
            tr("This is no start-up file of a shell, so nothing is written to it."),
            code="no-startup-file",
            evidence=others,
            hint=tr(
                "Name a file that your shell reads: --rc FILE or shell.rc. Without it torchup takes the usual ones."
            ),
        )


def _without_block(content: bytes | None) -> bytes | None:
    from torchup.shell.managed_block import remove

    try:
        return remove(content).after
    except RefusedError:
        return content
