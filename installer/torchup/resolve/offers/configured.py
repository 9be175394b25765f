"""What one installer is configured with, each value with the file or variable it came from."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from torchup.model.quick import dataclass
from torchup.reading import read_file
from torchup.words import tr


class Setting(NamedTuple):
    """A configured value and its origin: a variable's name or a file's path."""

    value: str
    origin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Configured:
    """The package sources in the configuration of pip or of uv.

    `problems` are sentences about files that could not be read; what they hold is unknown.
    """

    index: Setting | None = None
    extra_indexes: tuple[Setting, ...] = ()
    find_links: tuple[Setting, ...] = ()
    no_index: Setting | None = None
    certificate: Setting | None = None
    proxy: Setting | None = None
    http_proxy: Setting | None = None
    no_proxy: Setting | None = None
    logins: tuple[tuple[str, str, str], ...] = ()
    problems: tuple[str, ...] = ()


class Files:
    """Reads configuration files as text and notes the ones that are there but cannot be read."""

    def __init__(self) -> None:
        self.problems: list[str] = []

    def read(self, path: Path) -> str | None:
        """Give the text of a file; None when there is none, or with a problem noted when it is unreadable."""
        try:
            # pip and uv are told by it that there is no configuration.
            return None if str(path) == os.devnull else read_file(path).decode("utf-8")
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError) as error:
            self.problems.append(tr("{path} could not be read: {error}.", path=path, error=error))
            return None

    def parse(self, path: Path, parser: Callable[[str], Mapping[str, object]]) -> Mapping[str, object]:
        """Read and parse one file; a file that the parser refuses counts as empty, with a problem noted."""
        text = self.read(path)
        if text is None:
            return {}
        try:
            return parser(text)
        except ValueError as error:
            self.problems.append(
                tr("{path} could not be understood: {error}.", path=path, error=str(error).splitlines()[0])
            )
            return {}


def folders_from(environ: Mapping[str, str], name: str, default: str) -> list[Path]:
    """Split a list of folders such as XDG_CONFIG_DIRS; relative entries do not count, as the standard says."""
    listed = environ.get(name) or default
    return [Path(entry) for entry in listed.split(":") if entry.startswith("/")]


def below(root: Path, path: Path) -> Path:
    """Give the place of an absolute path below another root."""
    return path if root == Path("/") else root / path.relative_to(path.anchor)
