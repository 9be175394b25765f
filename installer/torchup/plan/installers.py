"""The commands that make an environment and put packages into it: uv, and pip when told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torchup.errors import RefusedError
from torchup.model.plan import Command
from torchup.plan.requirements import hashed
from torchup.plan.sources import PackageSources, pip_flags, uv_flags
from torchup.words import tr

_PIP = ("-m", "pip", "--disable-pip-version-check", "--no-input")


@dataclass(frozen=True, slots=True, kw_only=True)
class Installer:
    """How packages go in: the tool, its sources and its environment.

    `uv` is the path of uv's program. `names` maps private indexes to their names (`plan.secrets`).
    """

    kind: Literal["uv", "pip"]
    uv: str
    sources: PackageSources
    names: dict[str, str]
    find_links_secret: bool
    environment: dict[str, str]

    def create_venv(self, path: str, python: str, interpreter: str | None) -> tuple[Command, ...]:
        """Give the commands that make a venv at `path`.

        `python` is `3.12` or `3.13t`; without an interpreter on the machine uv fetches one. Raises
        RefusedError with code no-interpreter where that is not possible.
        """
        if self.kind == "pip":
            if interpreter is None:
                raise RefusedError(
                    tr("This machine has no Python {python}, and pip cannot fetch one.", python=python),
                    code="no-interpreter",
                    hint=tr("Install that Python, or set environment.installer to uv, which can."),
                )
            return (self._command(interpreter, "-m", "venv", path),)
        if interpreter is None and self.sources.offline:
            raise RefusedError(
                tr("This machine has no Python {python}, and offline none can be fetched.", python=python),
                code="no-interpreter",
                hint=tr("Install that Python, or leave out --offline."),
            )
        downloads = [] if interpreter is None else ["--no-python-downloads"]
        offline = ["--offline"] if self.sources.offline else []
        chosen = interpreter or _uv_request(python)
        return (
            self._command(
                self.uv, "venv", "--no-config", "--no-project", *downloads, *offline, "--python", chosen, path
            ),
        )

    def install_file(
        self, python: str, path: str, lines: tuple[str, ...], *, constraints: str | None = None
    ) -> tuple[Command, ...]:
        """Give the commands that install the requirements file at `path`, whose lines are `lines`.

        pip wants a hash for everything as soon as one line has one, dependencies too: so the named wheels
        go in alone first, and their dependencies after them. `constraints` is a file of pins that nothing may move.
        """
        within = _within(constraints)
        if self.kind == "uv":
            return (self._uv_install(python, *within, "--requirements", path),)
        plain = tuple(line.split()[0] for line in lines)
        alone = ["--no-deps", *(["--require-hashes"] if all(map(hashed, lines)) else []), "--requirement", path]
        return (self._pip_install(python, *alone), self._pip_install(python, *within, *plain))

    def install(
        self, python: str, requirements: tuple[str, ...], *, constraints: str | None = None
    ) -> tuple[Command, ...]:
        """Give the commands that install requirements named one by one, within the pins of a file."""
        install = self._uv_install if self.kind == "uv" else self._pip_install
        return (install(python, *_within(constraints), *requirements),)

    def install_locked(self, python: str, path: str) -> tuple[Command, ...]:
        """Give the command that installs what a pylock.toml names, and nothing else: uv, whatever is told."""
        offline = ["--offline"] if self.sources.offline else []
        uv = (self.uv, "pip", "install", "--no-config", "--python", python, "--no-deps", *offline)
        return (self._command(*uv, "--requirements", path),)

    def lock(self, python: str, listed: str, path: str, *, release: str | None = None) -> Command:
        """Give the command that turns a list of exact pins into a pylock.toml at `path`.

        It is for every Python of a release (`3.12`), which uv takes as 3.12.0 and later; without one for the
        whole version of the interpreter and later.
        """
        flags = uv_flags(self.sources, self.names, find_links_secret=self.find_links_secret)
        versions = ("--python-version", release) if release is not None else ()
        uv = (self.uv, "pip", "compile", "--no-config", "--python", python, *versions)
        how = ("--quiet", "--no-deps", "--no-header", "--format", "pylock.toml", "--output-file", path)
        return self._command(*uv, *how, *flags, listed)

    def _uv_install(self, python: str, *what: str) -> Command:
        flags = uv_flags(self.sources, self.names, find_links_secret=self.find_links_secret)
        return self._command(self.uv, "pip", "install", "--no-config", "--python", python, *flags, *what)

    def _pip_install(self, python: str, *what: str) -> Command:
        return self._command(python, *_PIP, "install", *pip_flags(self.sources), *what)

    def _command(self, *argv: str) -> Command:
        return Command(argv=argv, environment=dict(self.environment))


def _within(constraints: str | None) -> tuple[str, ...]:
    return ("--constraint", constraints) if constraints is not None else ()


def _uv_request(python: str) -> str:
    return f"{python.removesuffix('t')}+freethreaded" if python.endswith("t") else python
