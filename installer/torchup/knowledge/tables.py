"""The shipped tables, read once each and only when something is looked up in them.

People write them as TOML in `sources`, which only a checkout has; `installer/knowledge_tables` compiles them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from functools import cache
from typing import Any

from torchup.words import tr

_HERE = os.path.dirname(__file__)  # noqa: PTH120  as below
_SOURCES = f"{_HERE}/sources"
_COMPILER = f"{_HERE}/../../knowledge_tables"


@cache
def table(name: str) -> dict[str, Any]:
    """Read `data/<name>.json`, which every look-up module turns into its own frozen values.

    Every file has `schema` and `as_of`; every row in it has `source` or `evidence`.
    """
    content = shipped(name)
    if content is None:
        raise FileNotFoundError(tr("this installation of torchup cannot read its own data: {name}.json", name=name))
    loaded: dict[str, Any] = json.loads(content)
    return loaded


def shipped(name: str) -> bytes | None:
    """Give a table as it was compiled; nothing else knows where they lie."""
    # pkgutil, because importlib.resources pulls in tempfile and shutil on the way to the first decision.
    from pkgutil import get_data

    edited = _last_edit()
    if edited and _changed(f"{_HERE}/data/{name}.json") < edited:
        return _compiled_now().get(name)
    return get_data(__package__, f"data/{name}.json")


@cache
def _last_edit() -> int:
    """Say when a source last changed; 0 in an installed torchup, which has none.

    A folder changes when a file in it comes or goes.
    """
    if not _changed(_SOURCES):
        return 0
    kinds = [entry.path for entry in os.scandir(_SOURCES) if entry.is_dir()]
    folders = [_SOURCES, *kinds]
    # The folder of the compiler changes with Python's own files, too.
    files = [entry for folder in (*folders, _COMPILER) for entry in os.scandir(folder) if entry.is_file()]
    return max(*map(_changed, folders), *(entry.stat().st_mtime_ns for entry in files))


@cache
def _compiled_now() -> Mapping[str, bytes]:
    from knowledge_tables.compiling import compile_in_checkout

    return compile_in_checkout()


def _changed(path: str) -> int:
    try:
        return os.stat(path).st_mtime_ns  # noqa: PTH116  pathlib takes longer than the question
    except FileNotFoundError:
        return 0
