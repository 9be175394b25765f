"""From the files of a page to offers; pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from torchup.knowledge.platforms import Platform
from torchup.model.offer import Offer
from torchup.resolve.offers.simple_page import IndexFile
from torchup.resolve.offers.sources import Source
from torchup.resolve.offers.urls import as_variant
from torchup.resolve.offers.variants import unlabelled_variant
from torchup.resolve.offers.wheel_names import platforms_of, split_wheel_name


def offers_of(
    files: Iterable[IndexFile],
    source: Source,
    packages: frozenset[str],
    platform: Platform,
    *,
    origin: str,
    variant: str | None,
) -> Iterator[Offer]:
    """Turn the wheels of some packages for a platform family into offers; all Python tags are kept.

    `origin` is the index to point an installer at. The variant is that of the label, else the one the index
    path names (`variant`), else what the package index's unlabelled wheel of that release is.
    """
    for file in files:
        name = split_wheel_name(file.filename)
        if name is None or name.project not in packages or platform not in platforms_of(name.tags[2]):
            continue
        yield Offer(
            package=name.project,
            version=name.version,
            local=name.local,
            variant=_variant(name.project, name.version, name.local, variant, platform),
            tags=name.tags,
            filename=file.filename,
            url=file.url,
            origin=origin,
            source=source.kind,
            hashes=file.hashes,
            requires_python=file.requires_python,
            yanked=file.yanked,
            size=file.size,
        )


def _variant(package: str, version: str, local: str | None, of_path: str | None, platform: Platform) -> str | None:
    if local is not None:
        # A vendor's label such as `computecanada` tells nothing, and its builds are nobody's default.
        return as_variant(local.partition(".")[0] if local.startswith("cpu") else local) or of_path
    return of_path or unlabelled_variant(package, version, platform)
