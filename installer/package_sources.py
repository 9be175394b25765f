"""Where this machine takes packages from, as pip is configured: handed to pip and to uv, which reads no pip.conf.

Settings that would change what is installed, or where, reach neither. Nothing but the standard library is used.
"""

from __future__ import annotations

import ast
import os
import subprocess
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

INDEXES = {"index-url": "UV_DEFAULT_INDEX", "extra-index-url": "UV_INDEX", "find-links": "UV_FIND_LINKS"}
FOR_UV = {
    **INDEXES,
    "trusted-host": "UV_INSECURE_HOST",
    "cert": "SSL_CERT_FILE",
    "client-cert": "SSL_CLIENT_CERT",
    "proxy": "ALL_PROXY",
    "timeout": "UV_HTTP_TIMEOUT",
    "retries": "UV_HTTP_RETRIES",
    "keyring-provider": "UV_KEYRING_PROVIDER",
}
"""Options of pip, and the variables in which uv takes the same."""
FOR_PIP = (*FOR_UV, "no-index", "cache-dir", "no-cache-dir", "use-feature", "use-deprecated")
OF_UV = (
    *(
        "UV_DEFAULT_INDEX",
        "UV_INDEX",
        "UV_EXTRA_INDEX_URL",
        "UV_FIND_LINKS",
        "UV_INSECURE_HOST",
        "UV_HTTP",
        "UV_NO_CACHE",
    ),
    *("UV_REQUEST_TIMEOUT", "UV_KEYRING_PROVIDER", "UV_CREDENTIALS_DIR", "UV_NATIVE_TLS", "UV_SYSTEM_CERTS"),
    *(
        "UV_CACHE_DIR",
        "UV_CONFIG_FILE",
        "UV_NO_CONFIG",
        "UV_OFFLINE",
        "UV_LINK_MODE",
        "UV_CONCURRENT",
        "UV_EXCLUDE_NEWER",
    ),
)
"""How the names of uv's own variables begin that it is left with."""


class UnreadableError(Exception):
    """pip does not understand its own configuration; the message is what it says."""


@dataclass(frozen=True)
class Sources:
    """pip's settings about sources, as pip merges them, and the environment that they were found in."""

    settings: Mapping[str, str]
    environ: Mapping[str, str]

    def for_pip(self) -> dict[str, str]:
        """Give the environment of a pip that knows these sources and nothing else of its configuration."""
        named = {f"PIP_{name.upper().replace('-', '_')}": value for name, value in self.settings.items()}
        own = {"PIP_CONFIG_FILE": os.devnull, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1"}
        return {**self._bare(), **named, **own}

    def for_uv(self, *, leave_out: tuple[str, ...] = ()) -> dict[str, str]:
        """Give the environment of a uv that knows these sources; what uv itself was told goes before pip's."""
        environ = {name: value for name, value in self._bare().items() if name[:3] != "UV_" or name.startswith(OF_UV)}
        unset = {name: value for name, value in self.settings.items() if FOR_UV.get(name, name) not in environ}
        if self._uv_has_an_index():
            leave_out = (*leave_out, *INDEXES)
        if any(name.lower().endswith("_proxy") and name.lower() != "no_proxy" for name in environ):
            leave_out = (*leave_out, "proxy")
        if self.settings.get("keyring-provider") != "subprocess":  # the one that both have
            leave_out = (*leave_out, "keyring-provider")
        if "UV_NATIVE_TLS" not in environ:
            environ.setdefault("UV_SYSTEM_CERTS", "1")  # a company adds its own certificate to the system's
        for name, value in unset.items():
            if name in FOR_UV and name not in leave_out:
                between = "," if name == "find-links" else " "
                environ[FOR_UV[name]] = between.join(value.split())
        return environ

    def uv_options(self) -> list[str]:
        """Give what uv takes by option only, or needs to look through several indexes as pip does."""
        closed = self.settings.get("no-index", "").lower() in ("1", "true", "yes", "on")
        # Of several indexes pip takes what any of them has; the hash is the locked one wherever a file comes from.
        several = "extra-index-url" in self.settings
        return [*(["--index-strategy", "unsafe-best-match"] if several else []), *(["--no-index"] if closed else [])]

    def _bare(self) -> dict[str, str]:
        named = ("PIP_", "PYTHONPATH", "PYTHONHOME")
        return {name: value for name, value in self.environ.items() if not name.startswith(named)}

    def _uv_has_an_index(self) -> bool:
        """Whether uv was told an index, by a variable or in a file of the person or the system."""
        variables = {"UV_DEFAULT_INDEX", "UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS"}
        if self.environ.keys() & variables:
            return True
        home = Path(self.environ.get("XDG_CONFIG_HOME") or Path(self.environ.get("HOME", "/")) / ".config")
        files = [home / "uv/uv.toml", Path("/etc/uv/uv.toml")]
        if named := self.environ.get("UV_CONFIG_FILE"):
            files = [Path(named)]
        for path in () if self.environ.get("UV_NO_CONFIG") else files:
            try:
                read = tomllib.loads(path.read_text(encoding="utf-8-sig"))
            except (OSError, ValueError):
                continue  # uv itself says what is wrong with it
            if {"index", "no-index", *INDEXES} & {*read, *read.get("pip", {})}:
                return True
        return False


def read_sources(pip: list[str] | None, environ: Mapping[str, str]) -> Sources:
    """Ask pip for its configuration; without a pip, take what the environment says.

    Raises UnreadableError where a configuration file is broken.
    """
    variables = {name: name[4:].lower().replace("_", "-") for name in environ if name[:4] == "PIP_"}
    named = {variables[name]: value for name, value in environ.items() if name in variables}
    levels: dict[str, dict[str, str]] = {"global": {}, "install": {}, ":env:": named if pip is None else {}}
    if pip is not None:
        known = (*FOR_PIP, "default-timeout", "config-file")
        kept = {name: value for name, value in environ.items() if variables.get(name, known[0]) in known}
        done = subprocess.run([*pip, "config", "list"], capture_output=True, text=True, env=kept, check=False)
        if done.returncode != 0:
            raise UnreadableError((done.stderr or done.stdout).strip())
        for line in done.stdout.splitlines():
            key, _, quoted = line.partition("=")
            section, _, name = key.partition(".")
            if section in levels and quoted:
                levels[section][name.lstrip(".")] = ast.literal_eval(quoted)
    merged = {**levels["global"], **levels["install"], **levels[":env:"]}
    if "default-timeout" in merged:
        merged.setdefault("timeout", merged["default-timeout"])
    found = {name: " ".join(value.split()) for name, value in merged.items() if name in FOR_PIP}
    return Sources({name: value for name, value in found.items() if value}, dict(environ))


def pip_of(python: str) -> list[str] | None:
    """Give the command of an interpreter's pip, or None where it has none; its configuration may be broken."""
    found = subprocess.run([python, "-I", "-c", "import pip"], capture_output=True, check=False)
    return [python, "-I", "-m", "pip"] if found.returncode == 0 else None
