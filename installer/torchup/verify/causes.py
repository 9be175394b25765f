"""The causes that a failing check can name, each with what to do about it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from torchup.model.serial import load


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """Why a check can fail: a title, what to do in the order to try it, and where it was seen."""

    title: str
    fix: tuple[str, ...]
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Catalogue:
    schema: int = 1
    as_of: str
    source: str
    causes: dict[str, Cause]


@cache
def known_causes() -> dict[str, Cause]:
    """Read the shipped catalogue, from the id that `Check.hint` holds to the cause."""
    text = Path(__file__).with_name("causes.json").read_text(encoding="utf-8")
    return load(_Catalogue, json.loads(text)).causes
