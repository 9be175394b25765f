"""A home with start-up files, set up by the pure functions of the shell part."""

from __future__ import annotations

from pathlib import Path

from torchup.model.facts import Shells
from torchup.shell.block_body import block_body, own_file
from torchup.shell.env_files import ShellEnvironment, env_file_name, render_env_file
from torchup.shell.kinds.kind import StartupFile
from torchup.shell.managed_block import insert
from torchup.shell.startup_choice import StartupChoice
from torchup.shell.startup_files import choose_startup_files


def choose(
    home: Path, *shells: str, scope: str = "interactive", environ: dict[str, str] | None = None
) -> StartupChoice:
    """Choose the start-up files of a home as it lies on disk."""
    existing = {str(path): path.read_bytes() for path in home.rglob("*") if path.is_file()}
    return choose_startup_files(
        shells=shells,
        scope="all" if scope == "all" else "interactive",
        rc=None,
        home=str(home),
        facts_shells=Shells(files=tuple(existing)),
        environ=environ or {},
        contents=existing,
    )


def set_up(home: Path, choice: StartupChoice, environment: ShellEnvironment) -> tuple[StartupFile, ...]:
    """Write the env files and put the block into the chosen files."""
    config = home / ".config" / "torchup"
    config.mkdir(parents=True, exist_ok=True)
    for file in choice.files:
        env_file = config / env_file_name(file.language)
        env_file.write_bytes(render_env_file(file.language, environment).encode("utf-8", "surrogateescape"))
        path = Path(file.path)
        path.parent.mkdir(parents=True, exist_ok=True)
        if file.form == "own-file":
            path.write_text(own_file("fish", str(env_file)))
            continue
        old = path.read_bytes() if path.exists() else None
        body = block_body(file.language, str(env_file))
        new = insert(old, body, placement=file.placement, language=file.language).after
        assert new is not None
        path.write_bytes(new)
    return choice.files
