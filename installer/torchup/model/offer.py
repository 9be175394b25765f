"""Offers: wheels that some source really has."""

from __future__ import annotations

from dataclasses import field
from typing import Literal

from torchup.model.quick import dataclass

SourceKind = Literal["pytorch", "mirror", "default", "extra", "find-links", "conda", "snapshot"]
_STRONG = ("sha256", "sha384", "sha512")
SourceState = Literal["live", "cached", "snapshot", "unreachable", "skipped"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """One wheel of torch or a companion.

    `version` is the public version without a local label; `local` is that label (`cu126`) or None.
    `variant` is known when the label, the index path or the facts about the default index tell it.
    `tags` are the compressed wheel tags of the file name (`cp311-cp311-manylinux_2_28_x86_64`).
    `hashes` holds `(algorithm, hex digest)` pairs as the source gave them.
    `origin` is the URL or folder that listed it, and what an installer has to be pointed at.
    """

    package: str
    version: str
    local: str | None = None
    variant: str | None
    tags: tuple[str, str, str]
    filename: str
    url: str
    origin: str
    source: SourceKind
    hashes: tuple[tuple[str, str], ...] = ()
    requires_python: str | None = None
    yanked: str | None = None
    size: int | None = None

    @property
    def strong_hashes(self) -> tuple[tuple[str, str], ...]:
        """The hashes that an installer can hold the file against."""
        return tuple((algorithm, digest) for algorithm, digest in self.hashes if algorithm in _STRONG)

    @property
    def pin(self) -> str:
        """The requirement that names exactly this build: `torch==2.13.0+cpu`."""
        label = f"+{self.local}" if self.local else ""
        return f"{self.package}=={self.version}{label}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceReport:
    """How asking one source went.

    `detail` is a sentence when it did not go well. `asked` is False where nobody tried, because of `--offline`.
    """

    kind: SourceKind
    origin: str
    variant: str | None = None
    state: SourceState
    offers: int = 0
    detail: str | None = None
    as_of: str | None = None
    asked: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferBook:
    """All offers of one look at the sources, and how each source answered.

    `offers` may be installed in this run. `stand_ins` come from the bundled snapshot for sources that
    could not be asked: they tell what would be picked, not what can be fetched now. `others` are wheels that
    do not belong to PyTorch: those of a CUDA toolkit that is to come from a package index, None where nobody asked.
    """

    offers: tuple[Offer, ...]
    others: tuple[Offer, ...] | None = None
    stand_ins: tuple[Offer, ...] = ()
    reports: tuple[SourceReport, ...] = ()
    as_of: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexSettings:
    """The package sources that pip and uv are configured with on this machine.

    `default_index` is asked for, never written down. URLs carry no credentials: those are in
    `credentials`, from the URL without them to user name and password, and are never shown or stored.
    `origins` maps a field name to the file or variable it came from. `proxy` serves https, and http too
    unless `http_proxy` is set; `no_proxy` is the usual comma-separated list. With `no_index` only
    `find_links` may be used. `problems` are sentences about configuration that could not be read.
    """

    default_index: str | None = None
    extra_indexes: tuple[str, ...] = ()
    find_links: tuple[str, ...] = ()
    ca_bundle: str | None = None
    proxy: str | None = None
    http_proxy: str | None = None
    no_proxy: str | None = None
    no_index: bool = False
    problems: tuple[str, ...] = ()
    origins: dict[str, str] = field(default_factory=dict)
    credentials: dict[str, tuple[str, str]] = field(default_factory=dict, repr=False)
