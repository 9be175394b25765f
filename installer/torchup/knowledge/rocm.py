"""AMD: the gfx targets in each ROCm index's wheels, and the gfx target of each chip."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from torchup.knowledge.order import by_nearness, release_numbers
from torchup.knowledge.tables import table
from torchup.knowledge.variants import parse_variant
from torchup.model.quick import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class GfxList:
    """The gfx targets of a ROCm variant; `inferred_from` names the variant they were really taken from.

    `later` are the targets among them that only torch from the given minor on has on this index.
    """

    variant: str
    gfx: tuple[str, ...]
    later: tuple[tuple[str, tuple[int, ...]], ...]
    evidence: tuple[str, ...]
    note: str | None
    inferred_from: str | None


@cache
def gfx_lists() -> tuple[GfxList, ...]:
    """Give the lists of every known ROCm index, oldest first."""
    return tuple(
        GfxList(
            variant=row["variant"],
            gfx=tuple(row["gfx"]),
            later=tuple((gfx, release_numbers(added["torch"])) for added in row["later"] for gfx in added["gfx"]),
            evidence=tuple(row["evidence"]),
            note=row["note"],
            inferred_from=None,
        )
        for row in table("rocm")["indexes"]
    )


@cache
def gfx_list(variant: str, torch_version: str | None = None) -> GfxList | None:
    """Give the list of a ROCm variant, that of the nearest known ROCm where it is unknown.

    With a torch version, targets that only a later torch has are left out. None for variants that are
    not ROCm; raises ValueError for a name of no known form.
    """
    wanted = parse_variant(variant)
    if wanted.kind != "rocm":
        return None
    known = {parse_variant(row.variant).version: row for row in gfx_lists()}
    nearest = known[by_nearness(wanted.version, known)[0]]
    inferred_from = None if nearest.variant == variant else nearest.variant
    numbers = release_numbers(torch_version) if torch_version else None
    too_new = {gfx for gfx, since in nearest.later if numbers and numbers < since}
    return replace(
        nearest,
        variant=variant,
        gfx=tuple(gfx for gfx in nearest.gfx if gfx not in too_new),
        inferred_from=inferred_from,
    )


def gfx_targets(variant: str, torch_version: str | None = None) -> tuple[str, ...] | None:
    """Give the gfx targets of a ROCm variant, as `gfx_list` finds them."""
    found = gfx_list(variant, torch_version)
    return found.gfx if found else None


@cache
def _names() -> tuple[tuple[str, str], ...]:
    rows = table("rocm")["chips"]
    pairs = [(_plain(name), row["gfx"]) for row in rows for name in row["names"]]
    # "Strix Halo" before any shorter name that a longer text could also hold.
    return tuple(sorted(pairs, key=lambda pair: -len(pair[0])))


def gfx_of_chip(name: str) -> str | None:
    """Find the gfx target of an AMD chip by its name (`Navi 31`) or by a text that holds it.

    Product names work only where the table has them (`MI300X`, `680M`); None for any other.
    """
    text = _plain(name)
    return next((gfx for known, gfx in _names() if known in text), None)


def _plain(text: str) -> str:
    words = "".join(character if character.isalnum() else " " for character in text.casefold()).split()
    return f" {' '.join(words)} "
