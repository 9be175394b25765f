"""The envelope of every `--json`: one shape for what a command gives, and one for why it gave nothing."""

from __future__ import annotations

import json
from typing import Any

from torchup.errors import TorchupError
from torchup.model.serial import dump
from torchup.visible import visible_json

SCHEMA = 1


def envelope(given: Any) -> str:
    """Write what a command gives, or the error that stopped it, as one JSON document.

    Every document begins with `schema`. What a command gives stands beside it with keys of its own, for facts and
    plans are read again as they were printed. An error is one object, `error`, the same for every command; its
    `exit_status` is that of the program.
    """
    keys = {"error": _error(given)} if isinstance(given, TorchupError) else dump(given)
    return visible_json(json.dumps({"schema": SCHEMA, **keys}, indent=2, ensure_ascii=False)) + "\n"


def _error(error: TorchupError) -> dict[str, Any]:
    return {
        "code": error.code,
        "message": error.message,
        "evidence": list(error.evidence),
        "hint": error.hint,
        "exit_status": int(error.exit_status),
    }
