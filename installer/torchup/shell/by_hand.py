"""Lines for a person to add where torchup edits no file: the block's line, or plain values."""

from __future__ import annotations

from dataclasses import dataclass

from torchup.shell.block_body import block_body
from torchup.shell.env_files import ShellEnvironment
from torchup.shell.startup_choice import ByHand
from torchup.words import tr


@dataclass(frozen=True, slots=True, kw_only=True)
class HandLines:
    """The lines for one shell, the file they belong to where it is known, and why torchup does not add them."""

    shell: str
    path: str | None
    why: str
    lines: tuple[str, ...]


def lines_by_hand(item: ByHand, env_file: str | None, known: ShellEnvironment) -> HandLines:
    """Give the line that reads `env_file`, or the values as `name=value` for a shell that has no env file."""
    if item.language is None or env_file is None:
        lines = tuple(_values(known))
    else:
        lines = tuple(block_body(item.language, env_file).splitlines())
    return HandLines(shell=item.shell, path=item.path, why=item.why, lines=lines)


def _values(known: ShellEnvironment) -> list[str]:
    lines = [f"CUDA_HOME={known.cuda_home}"] if known.cuda_home else []
    if known.bin_dirs:
        lines.append(tr("PATH={folders}:(what PATH has already)", folders=":".join(known.bin_dirs)))
    if known.library_dirs:
        # An empty entry would make the loader search the current directory.
        lines.append(
            tr(
                "LD_LIBRARY_PATH=(what it has already, if anything, and a colon){folders}",
                folders=":".join(known.library_dirs),
            )
        )
    if known.environment:
        lines.append(f"TORCHUP_ENVIRONMENT={known.environment}")
    return lines
