"""Which package sources an installation uses, in which order, and how they are told to uv and to pip.

The order is: the sources of the picked wheels, the extra indexes, the default index. uv is told to go on
to the next source when one has a project only in versions that do not fit (`unsafe-first-match`): PyTorch's
index mirrors some dependencies in a few versions only, and people's extra indexes are often partial. Its
own default, to stop at the first index that knows the name, then finds no set-up at all (tried with uv
0.13). The sources are the picked ones and the user's own, in this order, so an earlier one always wins.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from torchup.model.offer import IndexSettings
from torchup.model.request import SourceWish
from torchup.model.resolution import TorchPick


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageSources:
    """The sources of one installation; `indexes` without `default_index`, most preferred first.

    `own_default` says that the installer's built-in default index stays in use.
    """

    indexes: tuple[str, ...] = ()
    default_index: str | None = None
    own_default: bool = True
    find_links: tuple[str, ...] = ()
    offline: bool = False


def package_sources(
    pick: TorchPick, settings: IndexSettings, wish: SourceWish, *, unreachable: Collection[str] = ()
) -> PackageSources:
    """Choose the sources: those of the picked wheels first, then what the machine is configured with.

    `unreachable` are sources that did not answer a moment ago; they are left out, because uv stops at
    the first index that it cannot reach.
    """
    from_indexes = [offer.origin for offer in pick.wheels if offer.source not in ("find-links", "conda")]
    from_folders = [offer.origin for offer in pick.wheels if offer.source == "find-links"]
    if not pick.wheels:
        (from_folders if pick.source == "find-links" else from_indexes).append(pick.index)
    gone = {_same(source) for source in unreachable}
    default = settings.default_index
    own_default = default is None and not settings.no_index
    if default is not None and _same(default) in gone:
        default = None
    indexes = _unique([*from_indexes, *settings.extra_indexes], without=gone)
    if default is not None:
        indexes = tuple(index for index in indexes if _same(index) != _same(default))
        if from_indexes and _same(from_indexes[0]) == _same(default) and indexes:
            # The pick comes from the default index, and what comes first wins: so it is not the last any more.
            indexes, default = (default, *indexes[:-1]), indexes[-1]
    return PackageSources(
        indexes=indexes,
        default_index=default,
        own_default=own_default,
        find_links=_unique([*from_folders, *settings.find_links, *wish.find_links], without=gone),
        offline=wish.offline,
    )


def uv_flags(sources: PackageSources, names: dict[str, str], *, find_links_secret: bool = False) -> tuple[str, ...]:
    """Write the sources as options of `uv pip install`.

    `names` gives the indexes that need credentials a name, by which uv finds them in its environment.
    With `find_links_secret` the find-links travel in the environment too, since they hold credentials.
    """
    flags: list[str] = []
    indexes, default = sources.indexes, sources.default_index
    if default is None and not sources.own_default and indexes:
        *rest, default = indexes
        indexes = tuple(rest)
    count = len(indexes) + (default is not None or sources.own_default)
    if count > 1:
        flags += ["--index-strategy", "unsafe-first-match"]
    for index in indexes:
        flags += ["--index", _named(index, names)]
    if default is not None:
        flags += ["--default-index", _named(default, names)]
    elif not sources.own_default:
        flags += ["--no-index"]
    if not find_links_secret:
        for folder in sources.find_links:
            flags += ["--find-links", folder]
    return (*flags, *(["--offline"] if sources.offline else []))


def pip_flags(sources: PackageSources) -> tuple[str, ...]:
    """Write the sources as options of `pip install`; offline, only folders and `file:` indexes stay."""
    indexes = [*sources.indexes, *([sources.default_index] if sources.default_index else [])]
    folders = list(sources.find_links)
    own_default = sources.own_default
    if sources.offline:
        indexes = [index for index in indexes if not _remote(index)]
        folders = [folder for folder in folders if not _remote(folder)]
        own_default = False
    flags: list[str] = []
    if indexes and (sources.default_index in indexes or not own_default):
        flags += ["--index-url", indexes.pop()]
    elif not indexes and not own_default:
        flags += ["--no-index"]
    for index in indexes:
        flags += ["--extra-index-url", index]
    for folder in folders:
        flags += ["--find-links", folder]
    return tuple(flags)


def _named(index: str, names: dict[str, str]) -> str:
    name = names.get(_same(index))
    return f"{name}={index}" if name else index


def _unique(items: Iterable[str], *, without: Collection[str]) -> tuple[str, ...]:
    kept: dict[str, str] = {}
    for item in items:
        if _same(item) not in without:
            kept.setdefault(_same(item), item)
    return tuple(kept.values())


def _same(source: str) -> str:
    return source.rstrip("/") or source


def _remote(source: str) -> bool:
    return source.startswith(("http://", "https://"))
