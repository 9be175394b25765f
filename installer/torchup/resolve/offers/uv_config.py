"""uv's configuration: uv.toml of the user and the system, and its UV_ variables.

Rules are those of uv 0.9 to 0.13, tried against `uv pip compile --emit-index-url --emit-find-links`:
variables come first; a list of the user's file is followed by that of the system's; `[pip]` wins over the
top level; `[[index]]` comes before `extra-index-url`; an index marked `explicit` serves only the packages
that name it, so it is left out; UV_FIND_LINKS is split at commas, the index lists at white space; relative
paths count from the file that holds them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from torchup.model.facts import System
from torchup.resolve.offers.configured import Configured, Files, Setting, below, folders_from
from torchup.resolve.offers.urls import is_url

_NAMED_INDEX = re.compile(r"([A-Za-z0-9._-]+)=(.+)")


def read_uv(environ: Mapping[str, str], home: Path, *, system: System, root: Path, cwd: Path) -> Configured:
    """Read what `uv pip install` would install from."""
    files = Files()
    layers = [variables(environ, cwd)]
    for path in config_files(environ, home, system=system, root=root):
        data = files.parse(path, parse_uv_file)
        if data:
            layers.append(configured_uv(data, path, environ))
    return stack(layers, tuple(files.problems))


def config_files(environ: Mapping[str, str], home: Path, *, system: System, root: Path) -> list[Path]:
    """List uv's configuration files, the strongest first; a project's own settings do not count here."""
    if named := environ.get("UV_CONFIG_FILE"):
        return [Path(named)]
    if environ.get("UV_NO_CONFIG", "").lower() in ("1", "true", "yes", "on"):
        return []
    if system == "windows":
        folders = [Path(environ[name]) for name in ("APPDATA", "PROGRAMDATA") if environ.get(name)]
        return [folder / "uv" / "uv.toml" for folder in folders]
    configured = environ.get("XDG_CONFIG_HOME", "")
    user = Path(configured) if configured.startswith("/") else home / ".config"
    shared = [below(root, folder / "uv" / "uv.toml") for folder in folders_from(environ, "XDG_CONFIG_DIRS", "/etc/xdg")]
    # uv takes the first file of the system that exists and ignores the others.
    candidates = [*shared, below(root, Path("/etc/uv/uv.toml"))]
    return [user / "uv" / "uv.toml", *[path for path in candidates if path.is_file()][:1]]


def parse_uv_file(text: str) -> dict[str, Any]:
    """Parse one uv.toml; raises ValueError when it is not TOML."""
    import tomllib

    return tomllib.loads(text)


def variables(environ: Mapping[str, str], cwd: Path) -> Configured:
    """Read the UV_ variables that name package sources."""

    def listed(name: str, separator: str | None = None) -> list[Setting]:
        parts = environ.get(name, "").split(separator)
        return [Setting(part.strip(), name) for part in parts if part.strip()]

    default = next(
        (Setting(environ[name], name) for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL") if environ.get(name)), None
    )
    indexes = listed("UV_INDEX")
    extra = [_unnamed(item) for item in indexes] + listed("UV_EXTRA_INDEX_URL")
    named = [match.groups() for item in [*indexes, *([default] if default else [])] if (match := _named(item.value))]
    return Configured(
        index=_unnamed(default) if default else None,
        extra_indexes=tuple(extra),
        find_links=tuple(Setting(_located(item.value, cwd), item.origin) for item in listed("UV_FIND_LINKS", ",")),
        logins=tuple(_logins([{"name": name, "url": url} for name, url in named], environ)),
    )


def configured_uv(data: Mapping[str, Any], path: Path, environ: Mapping[str, str]) -> Configured:
    """Turn one parsed uv.toml into package sources; entries of a wrong type are left to uv to complain about."""
    pip: dict[str, Any] = data["pip"] if isinstance(data.get("pip"), dict) else {}
    origin, folder = str(path), path.parent
    tables = [table for table in data.get("index", ()) if isinstance(table, dict) and isinstance(table.get("url"), str)]
    usable = [table for table in tables if not table.get("explicit")]
    flat = [table["url"] for table in usable if table.get("format") == "flat"]
    simple = [table for table in usable if table.get("format") != "flat"]
    defaults = [table["url"] for table in simple if table.get("default")]

    def strings(key: str) -> list[str]:
        return [*_strings(pip, key), *_strings(data, key)]

    def settings(values: list[str]) -> tuple[Setting, ...]:
        return tuple(Setting(_located(value, folder), origin) for value in values)

    indexes = settings([*strings("index-url"), *defaults])
    return Configured(
        index=indexes[0] if indexes else None,
        extra_indexes=settings(
            [table["url"] for table in simple if not table.get("default")] + strings("extra-index-url")
        ),
        find_links=settings([*flat, *strings("find-links")]),
        no_index=Setting("true", origin) if pip.get("no-index", data.get("no-index")) is True else None,
        proxy=_first(data, "https-proxy", origin),
        http_proxy=_first(data, "http-proxy", origin),
        no_proxy=Setting(",".join(_strings(data, "no-proxy")), origin) if _strings(data, "no-proxy") else None,
        logins=tuple(_logins(tables, environ)),
    )


def stack(layers: list[Configured], problems: tuple[str, ...] = ()) -> Configured:
    """Lay configurations over each other, the strongest first: single values win, lists follow each other."""

    def first(name: str) -> Any:
        return next((value for layer in layers if (value := getattr(layer, name)) is not None), None)

    def joined(name: str) -> tuple[Any, ...]:
        return tuple(value for layer in layers for value in getattr(layer, name))

    return Configured(
        index=first("index"),
        extra_indexes=joined("extra_indexes"),
        find_links=joined("find_links"),
        no_index=first("no_index"),
        certificate=first("certificate"),
        proxy=first("proxy"),
        http_proxy=first("http_proxy"),
        no_proxy=first("no_proxy"),
        logins=joined("logins"),
        problems=(*joined("problems"), *problems),
    )


def _logins(tables: list[dict[str, Any]], environ: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    for table in tables:
        name = re.sub(r"[^A-Z0-9]", "_", str(table.get("name", "")).upper())
        user, password = environ.get(f"UV_INDEX_{name}_USERNAME"), environ.get(f"UV_INDEX_{name}_PASSWORD")
        if name and (user or password):
            yield table["url"], user or "", password or ""


def _unnamed(setting: Setting) -> Setting:
    named = _named(setting.value)
    return Setting(named.group(2), setting.origin) if named else setting


def _named(text: str) -> re.Match[str] | None:
    return None if is_url(text) else _NAMED_INDEX.fullmatch(text)


def _strings(table: Any, key: str) -> list[str]:
    value = table.get(key, [])
    values = value if isinstance(value, list) else [value]
    return [item for item in values if isinstance(item, str) and item]


def _first(table: Mapping[str, Any], key: str, origin: str) -> Setting | None:
    values = _strings(table, key)
    return Setting(values[0], origin) if values else None


def _located(location: str, folder: Path) -> str:
    return location if is_url(location) or location.lower().startswith("file:") else str(folder / location)
