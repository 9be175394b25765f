"""Which sources are asked for a request on this machine; pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from torchup.model.offer import IndexSettings, SourceKind, SourceReport
from torchup.model.quick import dataclass
from torchup.model.request import SourceWish
from torchup.resolve.offers.urls import host_of, is_url, local_path, split_credentials, variant_of_path, without_slash
from torchup.words import tr

PYTORCH_INDEX = "https://download.pytorch.org/whl"
"""The root of PyTorch's own index: below it one folder per variant, each a simple index."""

Layout = Literal["variants", "simple", "links"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One place to ask.

    Its layout is one simple index per variant (`variants`), one simple index (`simple`), or a flat page or
    folder (`links`). `variant` is that of unlabelled wheels where the address names one. With `either` the
    address may turn out to be the root of folders per variant although it is asked as one index.
    """

    kind: SourceKind
    origin: str
    layout: Layout
    variant: str | None = None
    either: bool = False

    @property
    def title(self) -> str:
        """What a sentence calls it."""
        if self.kind == "pytorch":
            return tr("PyTorch's index")
        if self.kind == "find-links":
            return f"find-links {self.origin}"
        if self.kind == "default":
            return tr("the default index")
        if self.kind == "mirror":
            return tr("the mirror {origin}", origin=self.origin)
        return tr("the extra index {origin}", origin=self.origin)


def with_wish(settings: IndexSettings, wish: SourceWish) -> IndexSettings:
    """Let the request's proxy and certificates win, and add the logins in the request's addresses."""
    credentials = dict(settings.credentials)
    for address in (wish.index, wish.mirror, wish.proxy, *wish.find_links):
        bare, login = split_credentials(address or "")
        if login is not None:
            credentials[without_slash(bare)] = login
    proxy = without_slash(split_credentials(wish.proxy)[0]) if wish.proxy else None
    return replace(
        settings,
        credentials=credentials,
        proxy=proxy or settings.proxy,
        http_proxy=proxy or settings.http_proxy,
        ca_bundle=wish.ca_bundle or settings.ca_bundle,
    )


def sources_of(wish: SourceWish, settings: IndexSettings) -> tuple[tuple[Source, ...], tuple[SourceReport, ...]]:
    """List the sources to ask, and reports on those that are left out although somebody might expect them.

    `auto` asks all; `pytorch` only PyTorch's index or its mirror; `default` only what pip and uv are
    configured with; a URL only that. Wheel folders that the request itself names always count.
    """
    named = tuple(_links(location) for location in wish.find_links)
    if wish.index not in ("auto", "pytorch", "default"):
        return _unique((_by_url(wish.index), *named)), ()
    pytorch = (_pytorch(wish),)
    if wish.index == "pytorch":
        return _unique((*pytorch, *named)), ()
    links = (*named, *map(_links, settings.find_links))
    if settings.no_index and wish.mirror is None:
        report = SourceReport(
            kind="pytorch",
            origin=PYTORCH_INDEX,
            state="skipped",
            detail=tr(
                "No index is asked: {setting} allows find-links only.",
                setting=settings.origins.get("no_index") or tr("the configuration"),
            ),
        )
        return _unique(links), () if wish.index == "default" else (report,)
    configured = [
        *([_simple("default", settings.default_index)] if settings.default_index else []),
        *(_simple("extra", url) for url in settings.extra_indexes),
    ]
    if wish.index == "default":
        return _unique((*configured, *links)), ()
    return _unique((*pytorch, *configured, *links)), ()


def addresses_of(wish: SourceWish) -> tuple[str, ...]:
    """List the addresses that a request itself asks; PyTorch's index is one where the request names no other."""
    if wish.index not in ("auto", "pytorch", "default"):
        return (wish.index, *wish.find_links)
    return (wish.mirror or PYTORCH_INDEX, *wish.find_links)


def _pytorch(wish: SourceWish) -> Source:
    if wish.mirror is None:
        return Source(kind="pytorch", origin=PYTORCH_INDEX, layout="variants")
    return Source(kind="mirror", origin=_index_address(wish.mirror), layout="variants")


def _by_url(url: str) -> Source:
    # The page of torch itself is what a browser shows; the index is the folder above.
    origin = _index_address(url).removesuffix("/torch")
    variant = variant_of_path(origin)
    if host_of(origin) == host_of(PYTORCH_INDEX):
        whole = origin == PYTORCH_INDEX
        return Source(kind="pytorch", origin=origin, layout="variants" if whole else "simple", variant=variant)
    kind: SourceKind = "mirror" if variant else "default"
    return Source(kind=kind, origin=origin, layout="simple", variant=variant, either=variant is None)


def _simple(kind: SourceKind, url: str) -> Source:
    origin = _index_address(url)
    return Source(kind=kind, origin=origin, layout="simple", variant=variant_of_path(origin))


def _links(location: str) -> Source:
    origin = without_slash(_address(location))
    return Source(kind="find-links", origin=origin, layout="links", variant=variant_of_path(origin))


def _index_address(location: str) -> str:
    """Write an index as installers take it: a folder becomes a `file:` URL."""
    address = _address(location)
    return without_slash(address if is_url(address) else local_path(address).absolute().as_uri())


def _address(location: str) -> str:
    bare = split_credentials(location)[0]
    return bare if is_url(bare) else str(local_path(bare).expanduser())


def _unique(sources: tuple[Source, ...]) -> tuple[Source, ...]:
    by_place: dict[tuple[str, Layout], Source] = {}
    for source in sources:
        by_place.setdefault((without_slash(source.origin), source.layout), source)
    return tuple(by_place.values())
