"""The compatibility matrix: every build of every release, and which GPUs, drivers and Pythons it goes with."""

from __future__ import annotations

from collections import Counter
from functools import cache

from torchup.knowledge.arch_lists import ArchList, arch_list
from torchup.knowledge.chips import chips
from torchup.knowledge.cubins import serving
from torchup.knowledge.drivers import DriverMinimum, cuda_ceiling, minimum_driver
from torchup.knowledge.matrix_query import GpuQuery, read_driver, read_gpu, read_torch
from torchup.knowledge.platforms import Platform
from torchup.knowledge.release_table import TorchRelease, releases
from torchup.knowledge.releases import BundledLibraries, variant_details, variants_of
from torchup.knowledge.rocm import gfx_list
from torchup.knowledge.snapshot import snapshot_date
from torchup.knowledge.variants import Variant, parse_variant
from torchup.knowledge.wheel_tags import pythons_of
from torchup.model.facts import System
from torchup.model.quick import dataclass
from torchup.model.versions import ComputeCapability, DriverVersion
from torchup.words import tr

SCHEMA = 1

_THOR = ComputeCapability(11, 0)
_ORIN = ComputeCapability(8, 7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """How a build serves one compute capability: `by` names the code (`sm_86`, `compute_120`), None for not at all."""

    compute_capability: str
    by: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MatrixRow:
    """One build: a variant of a torch release on the matrix's platform.

    `versions` are the patch releases that have it, `pythons` the interpreters of the newest of them. `serves`
    covers every capability of the tables, or those asked for. `gfx` are the targets of a ROCm build.
    `inferred_from` names the build whose list of GPUs was taken because nobody has read this one.
    """

    torch: str
    versions: tuple[str, ...]
    variant: str
    kind: str
    pythons: tuple[str, ...]
    driver_minimum: str | None
    libraries: BundledLibraries
    serves: tuple[Served, ...] = ()
    gfx: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()
    inferred_from: str | None = None
    uncertain: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """The rows that fit the question, newest torch first, and notes on what the question means."""

    schema: int = SCHEMA
    platform: Platform
    as_of: str
    torch: str | None
    gpu: str | None
    driver: str | None
    capabilities: tuple[str, ...]
    rows: tuple[MatrixRow, ...]
    notes: tuple[str, ...]


def matrix(
    platform: Platform, *, torch: str | None = None, gpu: str | None = None, driver: str | None = None
) -> Matrix:
    """Build the matrix of a platform, keeping only the builds that fit what is asked.

    `torch` is a version, a minor (`2.14`) or a specifier; `gpu` whatever `read_gpu` reads; `driver` an NVIDIA
    driver version, of Windows for the Windows platforms. Raises UsageError when one of them cannot be read.
    """
    query = read_gpu(gpu) if gpu is not None else None
    if query and not query.gfx and not query.capabilities:
        return _unknown(platform, torch, query, driver)
    installed = read_driver(driver) if driver is not None else None
    wanted = read_torch(torch)
    rows: list[MatrixRow] = []
    left_out: Counter[str] = Counter()
    for release in reversed(releases()):
        for variant, versions in _builds(release, platform, wanted):
            if _is_another_kind(variant, query, installed):
                continue
            row = _row(release, variant, versions, platform, query)
            if misfit := _misfit(row, variant, query, _minimum(variant, platform), installed):
                left_out[misfit] += 1
            else:
                rows.append(row)
    notes = [
        *_about(query),
        *(tr("{count} builds left out: {why}.", count=count, why=why) for why, count in left_out.most_common()),
    ]
    return Matrix(
        platform=platform,
        as_of=snapshot_date(),
        torch=torch,
        gpu=gpu,
        driver=driver,
        capabilities=tuple(map(str, _capabilities(query, platform))),
        rows=tuple(rows),
        notes=tuple(notes),
    )


def _unknown(platform: Platform, torch: str | None, query: GpuQuery, driver: str | None) -> Matrix:
    notes = (*_about(query), tr("Without a compute capability no build can be named for it."))
    return Matrix(
        platform=platform,
        as_of=snapshot_date(),
        torch=torch,
        gpu=query.text,
        driver=driver,
        capabilities=(),
        rows=(),
        notes=notes,
    )


@cache
def all_capabilities(platform: Platform) -> tuple[ComputeCapability, ...]:
    """Give the capabilities that a full matrix covers: those of cards, and on Arm the Jetsons that wheels serve."""
    cards = {chip.compute_capability for chip in chips() if chip.compute_capability and not chip.soc}
    boards = {_ORIN, _THOR} if platform == "linux_aarch64" else set()
    return tuple(sorted(cards | boards))


def _capabilities(query: GpuQuery | None, platform: Platform) -> tuple[ComputeCapability, ...]:
    return query.capabilities if query else all_capabilities(platform)


def _builds(release: TorchRelease, platform: Platform, wanted: frozenset[str]) -> list[tuple[Variant, tuple[str, ...]]]:
    versions: dict[str, list[str]] = {}
    for patch in release.patches:
        if patch in wanted:
            for name in variants_of(patch, platform):
                versions.setdefault(name, []).append(patch)
    return [(parse_variant(name), tuple(patches)) for name, patches in versions.items()]


def _row(
    release: TorchRelease, variant: Variant, versions: tuple[str, ...], platform: Platform, query: GpuQuery | None
) -> MatrixRow:
    newest = versions[-1]
    archs = arch_list(newest, variant.name, platform)
    minimum = _minimum(variant, platform)
    gfx = gfx_list(variant.name, newest) if variant.kind == "rocm" else None
    known = archs or gfx
    return MatrixRow(
        torch=release.minor if versions == release.patches else ", ".join(versions),
        versions=versions,
        variant=variant.name,
        kind=variant.kind,
        pythons=pythons_of(newest, platform),
        driver_minimum=minimum.text if minimum else None,
        libraries=variant_details(newest, variant.name),
        serves=_served(archs, variant, _capabilities(query, platform)),
        gfx=gfx.gfx if gfx else (),
        evidence=known.evidence if known else (),
        inferred_from=known.inferred_from if known else None,
        uncertain=archs.uncertain if archs else False,
    )


def _served(
    archs: ArchList | None, variant: Variant, capabilities: tuple[ComputeCapability, ...]
) -> tuple[Served, ...]:
    if archs is None or variant.cuda is None:
        return ()
    found = [(capability, serving(capability, archs, variant.cuda)) for capability in capabilities]
    return tuple(Served(compute_capability=str(cc), by=str(by) if by else None) for cc, by in found)


def _is_another_kind(variant: Variant, query: GpuQuery | None, driver: DriverVersion | None) -> bool:
    """Say whether a build is for other hardware than the question, so that it needs no reason to be left out."""
    if query and query.gfx:
        return variant.kind != "rocm"
    return (query is not None or driver is not None) and variant.kind != "cuda"


def _misfit(
    row: MatrixRow,
    variant: Variant,
    query: GpuQuery | None,
    driver: DriverMinimum | None,
    installed: DriverVersion | None,
) -> str | None:
    if query and query.gfx:
        return None if query.gfx in row.gfx else tr("no code for {gfx}", gfx=query.gfx)
    if query and not any(served.by for served in row.serves):
        return tr(
            "no code for compute capability {capabilities}", capabilities=tr(" or ").join(map(str, query.capabilities))
        )
    if installed is None or variant.cuda is None:
        return None
    if driver and installed < driver.version:
        return tr("CUDA {cuda} needs driver {minimum} or newer", cuda=variant.cuda[0], minimum=driver.text)
    only_ptx = query and all(not served.by or served.by.startswith("compute") for served in row.serves)
    ceiling = cuda_ceiling(installed)
    if only_ptx and ceiling and ceiling < variant.cuda:
        return tr("only PTX, which needs a driver that names CUDA {cuda}", cuda=variant.number)
    return None


def _about(query: GpuQuery | None) -> list[str]:
    if query is None:
        return []
    notes = []
    for chip in query.chips:
        capability = chip.compute_capability or tr("unknown")
        text = tr(
            "{name} ({architecture}): compute capability {capability}",
            name=chip.name,
            architecture=chip.architecture,
            capability=capability,
        )
        text += tr(", inferred from its family") if chip.uncertain and chip.compute_capability else ""
        text += (
            tr(", driver branches up to {branch}", branch=chip.last_driver_branch) if chip.last_driver_branch else ""
        )
        text += tr(", open kernel module only") if chip.modules == "open_only" and not chip.soc else ""
        text += tr(", proprietary kernel module only") if chip.modules == "proprietary_only" else ""
        text += tr(", driver from Jetson Linux") if chip.soc else ""
        notes.append(tr("{clause}.", clause=text))
    if query.gfx:
        notes.append(tr("{clause}.", clause=f"AMD {query.gfx}"))
    return notes


def _minimum(variant: Variant, platform: Platform) -> DriverMinimum | None:
    system: System = "windows" if platform.startswith("windows") else "linux"
    return minimum_driver(variant.cuda[0], system) if variant.cuda else None
