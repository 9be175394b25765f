"""The shipped data files, read once each and only when something is looked up in them."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from torchup.words import tr


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
    """Give a data file as it was installed; nothing else knows where they lie."""
    # pkgutil, because importlib.resources pulls in tempfile and shutil on the way to the first decision.
    from pkgutil import get_data

    return get_data(__package__, f"data/{name}.json")
