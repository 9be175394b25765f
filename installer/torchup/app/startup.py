"""Start-up files before an edit: where a real zsh keeps them, and whether their shells can read them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from torchup.errors import RefusedError
from torchup.model.context import Context
from torchup.model.facts import MachineFacts
from torchup.model.plan import EditManagedBlock, Plan

# Running a csh file to see whether it parses would do what it says.
_NO_PARSER = ("csh", "powershell")


def with_zdotdir(context: Context, facts: MachineFacts) -> Context:
    """Let a real zsh name the folder of its start-up files, which `~/.zshenv` may move."""
    if "zsh" not in facts.shells.installed or context.environ.get("ZDOTDIR"):
        return context
    if not (context.home / ".zshenv").exists():
        return context
    from torchup.verify.shells import ask_zdotdir

    folder = ask_zdotdir(str(context.home))
    return replace(context, environ={**context.environ, "ZDOTDIR": folder}) if folder else context


def refuse_unreadable_startup_files(plan: Plan, read: Callable[[str], bytes | None]) -> None:
    """Refuse to append to a file that its own shell cannot read to the end, before or after the edit.

    What stands behind an open quote or here-document is not run, so the block would be lost in it.
    Raises RefusedError `startup-file-broken` for all such files together.
    """
    from torchup.shell.managed_block import insert
    from torchup.verify.shell_syntax import parse_check

    broken: list[str] = []
    lines: list[str] = []
    for step in plan.steps:
        if not isinstance(step, EditManagedBlock) or step.body is None or step.shell in _NO_PARSER:
            continue
        before = read(step.path)
        problem = parse_check(step.shell, before) if before else None
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
            "A start-up file cannot be read to its end by its own shell, so nothing was added to it.",
            code="startup-file-broken",
            evidence=broken,
            hint="Correct the file and run this again, or leave the shell out (--set shell.shells=none) and add "
            "these lines yourself:\n" + "\n".join(f"    {text}" for text in dict.fromkeys(lines)),
        )
