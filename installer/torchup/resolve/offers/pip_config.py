"""pip's configuration: its files in the order in which pip reads them, and its PIP_ variables.

Order and rules are those of pip 23 to 26: files of the system, the user and the environment, then the
file that PIP_CONFIG_FILE names, then variables; `[install]` wins over `[global]`; an empty value does
not count; a later list replaces an earlier one.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from torchup.model.facts import System
from torchup.resolve.offers.configured import Configured, Files, Setting, below, folders_from

_SECTIONS = ("global", "install")
_TRUE = frozenset({"y", "yes", "t", "true", "on", "1"})


def read_pip(
    environ: Mapping[str, str], home: Path, *, prefix: Path, system: System, root: Path, cwd: Path
) -> Configured:
    """Read what pip would install from."""
    files = Files()
    merged: dict[str, Setting] = {}
    for path in config_files(environ, home, prefix=prefix, system=system, root=root):
        sections = files.parse(path, parse_pip_file)
        for section in _SECTIONS:
            options = sections.get(section)
            if isinstance(options, dict):
                merged |= {key: Setting(value, str(path)) for key, value in options.items() if value}
    merged |= variables(environ)
    return configured_pip(merged, home=home, cwd=cwd, problems=tuple(files.problems))


def config_files(environ: Mapping[str, str], home: Path, *, prefix: Path, system: System, root: Path) -> list[Path]:
    """List pip's configuration files, the weakest first."""
    named = environ.get("PIP_CONFIG_FILE")
    if named == os.devnull:
        return []
    name = "pip.ini" if system == "windows" else "pip.conf"
    files = [below(root, folder / "pip" / name) for folder in _system_folders(environ, system)]
    if system == "linux":
        files.append(below(root, Path("/etc") / name))
    if named is None or not Path(named).exists():
        files.append(home / ("pip" if system == "windows" else ".pip") / name)
        files.append(_user_folder(environ, home, system) / "pip" / name)
    files.append(prefix / name)
    if named:
        files.append(Path(named))
    return files


def _system_folders(environ: Mapping[str, str], system: System) -> list[Path]:
    if system == "windows":
        return [Path(environ["PROGRAMDATA"])] if environ.get("PROGRAMDATA") else []
    if system == "darwin":
        return [Path("/Library/Application Support")]
    return folders_from(environ, "XDG_CONFIG_DIRS", "/etc/xdg")


def _user_folder(environ: Mapping[str, str], home: Path, system: System) -> Path:
    if system == "windows" and environ.get("APPDATA"):
        return Path(environ["APPDATA"])
    if system == "darwin" and (home / "Library/Application Support/pip").is_dir():
        return home / "Library/Application Support"
    configured = environ.get("XDG_CONFIG_HOME", "")
    return Path(configured) if configured.startswith("/") else home / ".config"


def parse_pip_file(text: str) -> dict[str, dict[str, str]]:
    """Parse one pip.conf into its sections; raises ValueError when it is not one."""
    import configparser

    parser = configparser.RawConfigParser()
    try:
        parser.read_string(text)
    except configparser.Error as error:
        raise ValueError(str(error)) from error
    return {name: {_key(key): value.strip() for key, value in parser.items(name)} for name in parser.sections()}


def variables(environ: Mapping[str, str]) -> dict[str, Setting]:
    """Read the PIP_ variables under the names of their options."""
    return {
        _key(name.removeprefix("PIP_")): Setting(value, name)
        for name, value in environ.items()
        if name.startswith("PIP_") and value.strip()
    }


def _key(name: str) -> str:
    return name.lower().replace("_", "-").removeprefix("--")


def configured_pip(
    options: Mapping[str, Setting], *, home: Path, cwd: Path, problems: tuple[str, ...] = ()
) -> Configured:
    """Turn pip's merged options into package sources; lists are split at white space as pip does."""
    no_index = options.get("no-index")
    return Configured(
        index=options.get("index-url") or options.get("pypi-url"),
        extra_indexes=_split(options.get("extra-index-url")),
        find_links=tuple(
            Setting(_located(item.value, home, cwd), item.origin) for item in _split(options.get("find-links"))
        ),
        no_index=no_index if no_index and no_index.value.lower() in _TRUE else None,
        certificate=options.get("cert"),
        proxy=options.get("proxy"),
        problems=problems,
    )


def _split(setting: Setting | None) -> tuple[Setting, ...]:
    return () if setting is None else tuple(Setting(part, setting.origin) for part in setting.value.split())


def _located(location: str, home: Path, cwd: Path) -> str:
    if "://" in location or location.lower().startswith("file:"):
        return location
    if location == "~" or location.startswith("~/"):
        return str(home / location[2:])
    return str(cwd / location)
