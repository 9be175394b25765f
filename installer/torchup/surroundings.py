"""Read the process's surroundings once, at the program's edge, into a `Context`."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from torchup.errors import RefusedError
from torchup.model.context import Context, Mode, Places, Terminal
from torchup.ownership import may_search
from torchup.plan.inherited import PATHS
from torchup.words import tr

NARROWEST = 40


def read_context(*, root: Path | None = None, plain: bool = False) -> Context:
    """Read environment, home, places and terminal; `root` is the prefix of every write."""
    prefix = (root or Path("/")).absolute()
    if not os.environ.get("HOME"):
        # An empty HOME would make every program take the root folder for the home.
        os.environ.pop("HOME", None)
    home = _home(os.environ)
    for name in PATHS:
        if (value := os.environ.get(name)) and not Path(value).is_absolute() and not value.startswith("~"):
            os.environ[name] = str(Path.cwd() / value)  # children run in another folder
    if searched := os.environ.get("PATH"):
        os.environ["PATH"] = os.pathsep.join(entry for entry in searched.split(os.pathsep) if may_search(entry))
    return Context(
        environ=dict(os.environ),
        home=home,
        cwd=Path.cwd(),
        root=prefix,
        places=_places(prefix),
        terminal=_terminal(os.environ, plain=plain),
        now=lambda: datetime.now(UTC),
    )


def decide_mode(context: Context, *, answers_given: bool, yes: bool) -> Mode:
    """Decide once whether questions may be asked: on a terminal without answers, and never otherwise."""
    if answers_given or yes:
        return "unattended"
    if context.terminal.stdin_is_terminal and context.terminal.stdout_is_terminal:
        return "wizard"
    return "refused"


def _home(environ: Mapping[str, str]) -> Path:
    hint = tr("Set HOME to the folder that the configuration should go to.")
    try:
        home = Path(environ["HOME"]) if environ.get("HOME") else Path.home()
    except RuntimeError as error:
        raise RefusedError(
            tr("HOME is not set and this account has no home folder."), code="no-home", hint=hint
        ) from error
    if not home.is_absolute():
        # It would be another folder for every program that is started elsewhere.
        raise RefusedError(
            tr("HOME is not an absolute path."), code="home-not-absolute", evidence=[f"HOME={home}"], hint=hint
        )
    return home


def _places(prefix: Path) -> Places:
    from platformdirs import PlatformDirs

    dirs = PlatformDirs("torchup", appauthor=False)
    folders = (dirs.user_config_path, dirs.user_state_path, dirs.user_cache_path, dirs.user_log_path)
    config, state, cache, log = (
        folder if prefix == Path("/") else prefix / folder.relative_to(folder.anchor) for folder in folders
    )
    return Places(config=config, state=state, cache=cache, log=log)


def _terminal(environ: Mapping[str, str], *, plain: bool) -> Terminal:
    streams = {name: _is_terminal(getattr(sys, name)) for name in ("stdin", "stdout", "stderr")}
    dumb = environ.get("TERM", "") in ("dumb", "")
    return Terminal(
        stdin_is_terminal=streams["stdin"],
        stdout_is_terminal=streams["stdout"],
        stderr_is_terminal=streams["stderr"],
        columns=max(NARROWEST, shutil.get_terminal_size().columns),
        color=not environ.get("NO_COLOR") and not dumb,
        plain=plain or dumb or bool(environ.get("ACCESSIBLE")),
        encoding=(getattr(sys.stdout, "encoding", None) or "ascii").lower(),
    )


def _is_terminal(stream: object) -> bool:
    try:
        return bool(stream is not None and stream.isatty())  # type: ignore[attr-defined]
    except ValueError:  # closed
        return False
