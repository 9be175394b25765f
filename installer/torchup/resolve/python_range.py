"""`Requires-Python`, read without the whole of PEP 440 where it is as simple as it nearly always is."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from functools import lru_cache

_Numbers = tuple[int, ...]

_PLAIN = re.compile(r"\d+(?:\.\d+)*", re.ASCII)
_CLAUSE = re.compile(r"(>=|<=|==|!=|>|<)\s*(\d+(?:\.\d+)*)(\.\*)?", re.ASCII)
_COMPARE: dict[str, Callable[[_Numbers, _Numbers], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
    "==": operator.eq,
    "!=": operator.ne,
}


@lru_cache(maxsize=4096)
def satisfies(requires_python: str, version: str) -> bool:
    """Tell whether a full Python version meets a `Requires-Python`; one that cannot be read forbids nothing."""
    clauses = [_CLAUSE.fullmatch(clause.strip()) for clause in requires_python.split(",") if clause.strip()]
    if not _PLAIN.fullmatch(version) or not all(clauses):
        return _by_pep_440(requires_python, version)
    return all(_meets(match, _numbers(version)) for match in clauses if match)


def _meets(clause: re.Match[str], version: _Numbers) -> bool:
    compare, wanted, prefix = _COMPARE[clause[1]], _numbers(clause[2]), clause[3]
    if prefix:
        return compare(_padded(version, len(wanted))[: len(wanted)], wanted)
    length = max(len(version), len(wanted))
    return compare(_padded(version, length), _padded(wanted, length))


def _numbers(text: str) -> _Numbers:
    return tuple(map(int, text.split(".")))


def _padded(numbers: _Numbers, length: int) -> _Numbers:
    return numbers + (0,) * (length - len(numbers))


def _by_pep_440(requires_python: str, version: str) -> bool:
    # packaging's specifiers take longer to import than a whole decision takes.
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        return SpecifierSet(requires_python).contains(version, prereleases=True)
    except InvalidSpecifier:
        return True
