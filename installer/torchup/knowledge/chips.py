"""NVIDIA chips: from a PCI id or a compute capability to what a chip is and which drivers serve it."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable
from functools import cache
from typing import Literal

from torchup.knowledge.tables import table
from torchup.model.quick import dataclass
from torchup.model.versions import ComputeCapability, DriverVersion

Modules = Literal["proprietary_only", "either_open_preferred", "open_only"]

_NVIDIA = "10de"

_CAPABILITY = re.compile(r"(?:sm|compute)?_?(\d{2,3})")
_SAYS_NOTHING = frozenset({"nvidia", "geforce", "laptop", "mobile", "gpu", "graphics"})
_BRANDS = frozenset({"gtx", "rtx", "gt", "quadro", "tesla", "grid"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Chip:
    """One NVIDIA chip.

    `compute_capability` is None where unknown, and `uncertain` where no source states it. `modules` says which
    kernel modules serve it, None for the chips of Jetson boards, whose driver comes with the board. `first_driver`
    is the first driver in which it was seen (an earlier one may know it); `last_driver_branch` the last that does.
    """

    name: str
    architecture: str
    compute_capability: ComputeCapability | None
    uncertain: bool
    modules: Modules | None
    first_driver: DriverVersion | None
    last_driver_branch: int | None
    soc: bool
    examples: tuple[str, ...]
    source: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChipMatch:
    """A chip found by PCI id; not `exact` when only the block of ids around it is known."""

    chip: Chip
    exact: bool


@cache
def chips() -> tuple[Chip, ...]:
    """Give every known chip, in the order of their PCI ids; Jetson chips without one come last."""
    return tuple(
        Chip(
            name=row["name"],
            architecture=row["architecture"],
            compute_capability=ComputeCapability.parse(row["compute_capability"])
            if row["compute_capability"]
            else None,
            uncertain=row["uncertain"],
            modules=row["modules"],
            first_driver=DriverVersion.parse(row["first_driver"]) if row["first_driver"] else None,
            last_driver_branch=row["last_driver_branch"],
            soc=row["soc"],
            examples=tuple(row["examples"]),
            source=tuple(row["source"]),
        )
        for row in table("nvidia_chips")["chips"]
    )


@cache
def _by_name() -> dict[str, Chip]:
    return {chip.name: chip for chip in chips()}


def chip(name: str) -> Chip | None:
    """Find a chip by its name, `AD102`, in either case."""
    return _by_name().get(name.upper())


@cache
def _exact_ids() -> dict[int, str]:
    return {int(pci_id, 16): row["name"] for row in table("nvidia_chips")["chips"] for pci_id in row["pci_ids"]}


@cache
def _blocks() -> tuple[tuple[int, int, str], ...]:
    rows = table("nvidia_chips")["blocks"]
    return tuple((int(row["first"], 16), int(row["last"], 16), row["chip"]) for row in rows)


def chip_by_pci_id(pci_id: str) -> ChipMatch | None:
    """Find the chip behind `10de:2684`: the exact id, else the block of 0x80 ids that holds one chip only.

    Only ids of PCI classes 0300 to 0302 mean anything here; audio and bridge functions have others.
    None for another vendor and for an id that no block holds; raises ValueError for text of another form.
    """
    vendor, separator, device = pci_id.lower().partition(":")
    if not separator:
        raise ValueError(f"not a PCI id such as 10de:2684: {pci_id!r}")
    number = int(device, 16)
    if vendor.removeprefix("0x") != _NVIDIA:
        return None
    if name := _exact_ids().get(number):
        return ChipMatch(chip=_by_name()[name], exact=True)
    position = bisect_right(_blocks(), number, key=lambda block: block[0]) - 1
    if position < 0:
        return None
    _, last, name = _blocks()[position]
    return ChipMatch(chip=_by_name()[name], exact=False) if number <= last else None


def older_than_kepler(pci_id: str) -> tuple[str, ComputeCapability] | None:
    """Give the architecture and the highest compute capability of an id older than all chips in the table.

    None for a newer or unknown one, and for another vendor; raises ValueError for text of another form.
    """
    vendor, _, device = pci_id.lower().partition(":")
    number = int(device, 16)
    if vendor.removeprefix("0x") != _NVIDIA or number in _exact_ids():
        return None
    old = table("nvidia_chips")["before_kepler"]
    if any(int(first, 16) <= number <= int(last, 16) for first, last in old["blocks"]):
        return old["architecture"], ComputeCapability.parse(old["compute_capability_at_most"])
    return None


def open_module_required(pci_id: str) -> bool:
    """Say whether this very id needs the open kernel module although its chip does not: Grace Hopper.

    The rule of the chip itself is `Chip.modules`. Source: NVIDIA's driver installation guide.
    """
    return pci_id.lower() in table("driver_branches")["kernel_module"]["open_required_pci_ids"]


@cache
def _architectures() -> dict[ComputeCapability, str]:
    return {
        ComputeCapability.parse(text): row["architecture"]
        for row in table("cubin_rules")["architectures"]
        for text in row["compute_capabilities"]
    }


def architecture_of(capability: ComputeCapability) -> str | None:
    """Name the architecture of a compute capability, `kepler` to `rubin`; None for one not known yet.

    Jetson's own capabilities (5.3, 6.2, 7.2, 8.7, and Thor's 11.0) count to the architecture of their chip.
    """
    return _architectures().get(capability)


def chips_named(text: str) -> tuple[Chip, ...]:
    """Find chips by chip name, compute capability, architecture or product: `AD102`, `8.9`, `sm_89`, `ada`, `1080 Ti`.

    A product is matched by its whole name first, then without the brand, then by the words it has in
    common; several chips come back where one name was sold with several. Empty when nothing fits.
    """
    wanted = text.strip()
    if found := chip(wanted):
        return (found,)
    if capability := _capability(wanted):
        return tuple(known for known in chips() if known.compute_capability == capability)
    if of_architecture := tuple(known for known in chips() if known.architecture == wanted.lower()):
        return of_architecture
    return _by_product(_words(wanted))


def _capability(text: str) -> ComputeCapability | None:
    try:
        return ComputeCapability.parse(text)
    except ValueError:
        found = _CAPABILITY.fullmatch(text.lower())
    if found is None:
        return None
    capability = ComputeCapability.from_sm(int(found.group(1)))
    return capability if capability in _architectures() else None


def _by_product(words: tuple[str, ...]) -> tuple[Chip, ...]:
    compact = "".join(words)
    # One letter or digit is a word of too many names to mean one.
    if len(compact) < 2:  # noqa: PLR2004
        return ()
    if exact := _chips_with(product for product in _products() if "".join(product[1]) == compact):
        return exact
    if not _BRANDS.intersection(words):
        unbranded = (product for product in _products() if "".join(_without_brand(product[1])) == compact)
        if found := _chips_with(unbranded):
            return found
    asked = set(words)
    if found := _chips_with(product for product in _products() if asked <= set(product[1])):
        return found
    inside = [product for product in _products() if set(product[1]) <= asked]
    longest = max((len(product[1]) for product in inside), default=0)
    return _chips_with(product for product in inside if len(product[1]) == longest)


@cache
def _products() -> tuple[tuple[str, tuple[str, ...]], ...]:
    pairs = ((known.name, _words(example)) for known in chips() for example in known.examples)
    return tuple((name, words) for name, words in pairs if words)


def _chips_with(products: Iterable[tuple[str, tuple[str, ...]]]) -> tuple[Chip, ...]:
    return tuple(_by_name()[name] for name in dict.fromkeys(name for name, _ in products))


def _words(text: str) -> tuple[str, ...]:
    plain = "".join(character if character.isalnum() else " " for character in text.lower())
    return tuple(word for word in plain.split() if word not in _SAYS_NOTHING)


def _without_brand(words: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(word for word in words if word not in _BRANDS)
