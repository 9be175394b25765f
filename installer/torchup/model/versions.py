"""Driver versions and compute capabilities, as values that compare."""

from __future__ import annotations

import re
from typing import NamedTuple, Self

_DRIVER = re.compile(r"\s*(\d+(?:\.\d+)*)")
_CAPABILITY = re.compile(r"(\d+)\.(\d)$")


class DriverVersion(tuple[int, ...]):
    """An NVIDIA driver version such as `580.65.06`, compared field by field as numbers."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the leading dotted number and ignore a vendor suffix such as `-grid` or `_cloud`.

        Raises ValueError when the text does not begin with a number.
        """
        match = _DRIVER.match(text)
        if match is None:
            raise ValueError(f"not a driver version: {text!r}")
        return cls(int(field) for field in match.group(1).split("."))

    @property
    def branch(self) -> int:
        """The driver branch: the first field."""
        return self[0]


class ComputeCapability(NamedTuple):
    """A CUDA compute capability, `8.9` as major 8 and minor 9."""

    major: int
    minor: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `8.9`; raises ValueError for anything else."""
        match = _CAPABILITY.fullmatch(text.strip())
        if match is None:
            raise ValueError(f"not a compute capability such as 8.9: {text!r}")
        return cls(int(match.group(1)), int(match.group(2)))

    @classmethod
    def from_sm(cls, sm: int) -> Self:
        """Read the number behind `sm_`: 89 is 8.9 and 120 is 12.0."""
        return cls(*divmod(sm, 10))

    @property
    def sm(self) -> int:
        """The number behind `sm_`."""
        return self.major * 10 + self.minor

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}"
