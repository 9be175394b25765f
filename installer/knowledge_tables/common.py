"""What every source of a table may hold. The modules beside this one name each key, its type and what it means.

A key whose value nobody knows is left out. `None` as its default is written as null into the compiled table.
"""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import BaseModel, ConfigDict

Platform = Literal["linux_x86_64", "linux_aarch64", "windows_amd64", "windows_arm64", "macos_arm64", "macos_x86_64"]
KernelModule = Literal["open", "proprietary"]
Words = list[str]


class Row(BaseModel):
    """A table of a source, closed: an unknown key is an error, and no value is turned into another type."""

    model_config = ConfigDict(extra="forbid", strict=True, use_attribute_docstrings=True)


class File(Row):
    """What every source has."""

    as_of: date
    """The day on which what the file says was last looked at."""
    about: str = ""
    """What the table is about, for whoever reads it."""
    sources: dict[str, str] = {}
    """The sources behind the rows: from the short name that rows give to where it was read."""
