"""What a person asks the matrix for: a GPU by any of its names, torch releases, a driver."""

from __future__ import annotations

import re
from difflib import get_close_matches

from torchup.errors import UsageError
from torchup.knowledge.chips import Chip, chips, chips_named
from torchup.knowledge.order import release_numbers
from torchup.knowledge.release_table import releases
from torchup.knowledge.rocm import gfx_lists, gfx_of_chip
from torchup.knowledge.snapshot import snapshot_date
from torchup.model.quick import dataclass
from torchup.model.versions import ComputeCapability, DriverVersion
from torchup.words import tr

_GFX = re.compile(r"gfx[0-9a-f]{3,5}")


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuQuery:
    """A GPU as asked for: NVIDIA chips with their compute capabilities, or an AMD gfx target.

    A capability of the form `8.9` that no known chip has stands alone, without chips.
    """

    text: str
    chips: tuple[Chip, ...] = ()
    capabilities: tuple[ComputeCapability, ...] = ()
    gfx: str | None = None


def read_gpu(text: str) -> GpuQuery:
    """Find out which GPU is meant; raises UsageError (`unknown-gpu`) when nothing known has that name."""
    found = chips_named(text)
    if found:
        capabilities = {chip.compute_capability for chip in found if chip.compute_capability}
        return GpuQuery(text=text, chips=found, capabilities=tuple(sorted(capabilities)))
    gfx = text.lower() if _GFX.fullmatch(text.lower()) else gfx_of_chip(text)
    if gfx:
        return GpuQuery(text=text, gfx=gfx)
    try:
        return GpuQuery(text=text, capabilities=(ComputeCapability.parse(text),))
    except ValueError:
        raise UsageError(
            tr("No GPU is known by the name {text!r}.", text=text),
            code="unknown-gpu",
            evidence=_nearest(text),
            hint=tr("Give a compute capability (8.9), a chip (AD102), a product (RTX 4090) or a gfx target (gfx1100)."),
        ) from None


def read_torch(torch: str | None) -> frozenset[str]:
    """Find the known releases that a version, a minor (`2.14`) or a specifier names; None names them all.

    Raises UsageError for text that is none of these (`bad-torch-version`), and for one that no known
    release matches (`unknown-torch-version`).
    """
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    known = [patch for release in releases() for patch in release.patches]
    if torch is None:
        return frozenset(known)
    text = torch.strip()
    if text[:1].isdigit():
        exact = len(release_numbers(text)) > 2  # noqa: PLR2004 (major, minor and patch make a full version)
        text = f"=={text.partition('+')[0]}" if exact or "*" in text else f"=={text}.*"
    try:
        specifier = SpecifierSet(text)
    except InvalidSpecifier:
        raise UsageError(
            tr("{torch!r} is neither a torch version nor a version specifier.", torch=torch),
            code="bad-torch-version",
            hint=tr("Write a version (2.14.1), a minor (2.14) or a specifier (>=2.12)."),
        ) from None
    found = frozenset(specifier.filter(known))
    if not found:
        raise UsageError(
            tr("No torch release in the tables matches {torch!r}.", torch=torch),
            code="unknown-torch-version",
            evidence=(
                tr(
                    "The tables of {date} go from {oldest} to {newest}.",
                    date=snapshot_date(),
                    oldest=known[0],
                    newest=known[-1],
                ),
            ),
            hint=tr("Ask for a version in that range."),
        )
    return found


def read_driver(text: str) -> DriverVersion:
    """Read a driver version; raises UsageError (`bad-driver-version`) for anything else."""
    try:
        return DriverVersion.parse(text)
    except ValueError:
        raise UsageError(
            tr("{text!r} is not an NVIDIA driver version.", text=text),
            code="bad-driver-version",
            hint=tr("Write it as nvidia-smi shows it, such as 580.65.06."),
        ) from None


def _nearest(text: str) -> tuple[str, ...]:
    names = [chip.name for chip in chips()] + [example for chip in chips() for example in chip.examples]
    names += [gfx for row in gfx_lists() for gfx in row.gfx]
    by_lower = {name.lower(): name for name in names}
    near = get_close_matches(text.lower(), by_lower, n=3, cutoff=0.6)
    return (tr("Similar names: {names}.", names=", ".join(by_lower[name] for name in near)),) if near else ()
