"""The catalogue of causes: what can be wrong with a GPU set-up, how to recognise it, and what to do about it."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path, PurePath
from typing import Any

from torchup.model.diagnosis import LayerName, Severity
from torchup.model.facts import MachineFacts
from torchup.model.serial import dump, load

# Checks that only know that something broke; a text or a fact may tell what.
GENERAL = frozenset(
    {
        *("torch-import-error", "operation-failed", "companion-broken", "probe-died", "native-crash", "driver-missing"),
        *("compile-failed", "extension-failed", None),
    }
)
_DISTRIBUTIONS = frozenset({"debian", "ubuntu", "fedora", "rhel", "arch", "suse"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Fix:
    """One thing to do: a sentence, the commands that do it, and the systems it is for (none: every system)."""

    do: str
    run: tuple[str, ...] = ()
    on: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """Something that can be wrong.

    `why` explains the title in a sentence. `fix` is in the order to try it. `symptoms` are regular
    expressions that an error text of this cause matches, `findings` the codes with which detection says
    it. `sources` say where it was seen.
    """

    title: str
    layer: LayerName
    severity: Severity
    why: str
    fix: tuple[Fix, ...]
    symptoms: tuple[str, ...] = ()
    findings: tuple[str, ...] = ()
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


@cache
def _symptoms() -> tuple[tuple[re.Pattern[str], str], ...]:
    pairs = [(re.compile(text), name) for name, cause in known_causes().items() for text in cause.symptoms]
    # The longer expression knows more: "No devices were found" is what several causes end in.
    return tuple(sorted(pairs, key=lambda pair: -len(pair[0].pattern)))


def cause_of_text(text: str) -> str | None:
    """Name the cause that an error text shows, the most telling one where it shows several; None for none."""
    return next((name for expression, name in _symptoms() if expression.search(text)), None)


def causes_in(text: str) -> tuple[tuple[str, str], ...]:
    """Find every cause that the lines of a log show, in the order of the log, with the last line that shows it."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        name = cause_of_text(line)
        if name is not None:
            found[name] = line.strip()
    return tuple(found.items())


@cache
def cause_of_finding(code: str) -> str | None:
    """Name the cause behind a finding of detection; None for one that is only a remark."""
    return next((name for name, cause in known_causes().items() if code in cause.findings), None)


def fixes_for(cause: Cause, facts: MachineFacts | None, python: str | None = None) -> tuple[Fix, ...]:
    """Keep of a cause's fixes those for this machine, with what is known put into their commands.

    All of them where nothing about the machine is known.
    """
    fixes = cause.fix if facts is None else _fixes_here(cause, facts)
    known = _placeholders(facts, python)
    return tuple(replace(fix, run=tuple(_fill(command, known) for command in fix.run)) for fix in fixes)


def explain(names: Iterable[str], facts: MachineFacts | None, python: str | None = None) -> dict[str, Any]:
    """Give what a report says about causes, by their names: without how they are recognised."""
    known = known_causes()
    told = ("title", "layer", "severity", "why", "sources")
    return {
        name: {key: dump(known[name])[key] for key in told} | {"fix": dump(fixes_for(known[name], facts, python))}
        for name in names
    }


def _placeholders(facts: MachineFacts | None, python: str | None) -> dict[str, str]:
    known = {} if python is None else {"<python>": shlex.quote(python)}
    if python is not None and (place := PurePath(python)).parent.name in ("bin", "Scripts"):
        known["<environment>"] = shlex.quote(str(place.parent.parent))
    driver = facts.nvidia.driver_version if facts is not None and facts.nvidia is not None else None
    if driver:
        known |= {"<driver version>": driver, "<branch>": driver.partition(".")[0]}
    capabilities = {gpu.compute_capability for gpu in facts.gpus} - {None} if facts is not None else set()
    if len(capabilities) == 1:
        known["<compute capability>"] = str(capabilities.pop())
    return known


def _fill(command: str, known: dict[str, str]) -> str:
    for name, value in known.items():
        command = command.replace(name, value)
    return command


def _fixes_here(cause: Cause, facts: MachineFacts) -> tuple[Fix, ...]:
    here = {facts.os.system, facts.os.id or "", *facts.os.like}
    here |= {"rhel"} if here & {"fedora", "centos"} else set()
    here |= {"debian"} if "ubuntu" in here else set()
    here |= {"wsl"} if facts.context.wsl else set()
    here |= {"container"} if facts.context.container else set()
    named = here & _DISTRIBUTIONS
    return tuple(fix for fix in cause.fix if _fits(fix.on, here, known=bool(named)))


def _fits(wanted: Iterable[str], here: set[str], *, known: bool) -> bool:
    wanted = set(wanted)
    if not wanted or wanted & here:
        return True
    # On a distribution that is not known, how others do it is better than nothing.
    return not known and wanted <= _DISTRIBUTIONS
