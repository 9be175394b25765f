"""Asking one source for all packages: which pages, in which order, and what came back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from torchup.model.quick import dataclass
from torchup.resolve.offers.client import Page, PageReader
from torchup.resolve.offers.sources import Source
from torchup.resolve.offers.transport import FetchError

Key = tuple[str | None, str]
"""(variant of the folder or None, package); a flat page has the package ""."""

Task = Callable[[], None]
ChooseVariants = Callable[[tuple[str, ...]], tuple[str, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of asking one source: every page that was wanted, read or not, in a fixed order."""

    source: Source
    pages: Mapping[Key, Page | FetchError]

    @property
    def good(self) -> dict[Key, Page]:
        """The pages that were read."""
        return {key: page for key, page in self.pages.items() if isinstance(page, Page)}

    @property
    def faults(self) -> dict[Key, FetchError]:
        """What went wrong per page, missing pages included."""
        return {key: page for key, page in self.pages.items() if isinstance(page, FetchError)}

    def origin_of(self, key: Key) -> str:
        """Give the index that an installer is pointed at for the files of a page."""
        return f"{self.source.origin}/{key[0]}" if self.source.layout == "variants" and key[0] else self.source.origin


class Lookup:
    """One source while it is being asked, by several threads.

    `choose` turns the names that the index lists (none known: an empty tuple) into the variants to ask for;
    with `discover` the index is asked which it has.
    """

    def __init__(
        self, source: Source, packages: tuple[str, ...], reader: PageReader, choose: ChooseVariants, *, discover: bool
    ) -> None:
        self._source = source
        self._packages = packages
        self._reader = reader
        self._choose = choose
        self._discover = discover
        self._wanted: list[Key] = []
        self._pages: dict[Key, Page | FetchError] = {}

    def start(self, add: Callable[[Task], None]) -> None:
        """Queue the first page; it finds out whether the server can be reached, and queues the others."""
        begin = {"variants": self._variants, "simple": self._simple, "links": self._links}[self._source.layout]
        add(lambda: begin(add))

    def settle(self, late: FetchError) -> Outcome:
        """Give what there is now; pages that have not come get the fault `late`."""
        pages = dict(self._pages)
        wanted = list(self._wanted) or [(self._source.variant, "")]
        return Outcome(source=self._source, pages={key: pages.get(key, late) for key in wanted})

    def _variants(self, add: Callable[[Task], None]) -> None:
        variants = self._choose(self._listed() if self._discover else ())
        self._read_pages([(variant, package) for variant in variants for package in self._packages], add)

    def _listed(self) -> tuple[str, ...]:
        """Find the variants that the index has: its root may list them, its page of torch links into their folders."""
        root = self._source.origin
        for read, url in ((self._reader.names, f"{root}/"), (self._reader.variant_folders, f"{root}/torch/")):
            try:
                names = read(url).names
            except FetchError as fault:
                if fault.kind == "host":
                    break
                continue
            if self._names_variants(names):
                return names
        # The known variants are asked all the same, and their pages tell what is wrong.
        return ()

    def _names_variants(self, names: tuple[str, ...]) -> bool:
        return not set(names).isdisjoint(self._choose(names))

    def _simple(self, add: Callable[[Task], None]) -> None:
        keys: list[Key] = [(self._source.variant, package) for package in self._packages]
        self._wanted = keys
        self._fetch_project(keys[0])
        if self._source.either and self._is_root(self._pages[keys[0]]):
            # Not an index itself but the root of one per variant, as PyTorch's is.
            self._source = Source(kind="mirror", origin=self._source.origin, layout="variants")
            self._pages = {}
            self._variants(add)
            return
        self._read_pages(keys, add)

    def _is_root(self, first: Page | FetchError) -> bool:
        if isinstance(first, Page) or first.kind not in ("missing", "offline"):
            return False
        try:
            return self._names_variants(self._reader.names(f"{self._source.origin}/").names)
        except FetchError:
            return False

    def _links(self, add: Callable[[Task], None]) -> None:  # noqa: ARG002  one signature for the three layouts
        key = (self._source.variant, "")
        self._wanted = [key]
        self._fetch(key, self._source.origin, self._reader.links)

    def _read_pages(self, keys: list[Key], add: Callable[[Task], None]) -> None:
        """Read the first page here and queue the rest: a server that cannot be reached is then known."""
        self._wanted = keys
        for key in keys:
            if key in self._pages:
                continue
            if key == keys[0]:
                self._fetch_project(key)
            else:
                add(partial(self._fetch_project, key))

    def _fetch_project(self, key: Key) -> None:
        root = self._source.origin
        folder = f"{root}/{key[0]}" if self._source.layout == "variants" else root
        self._fetch(key, f"{folder}/{key[1]}/", self._reader.files)

    def _fetch(self, key: Key, url: str, read: Callable[[str], Page]) -> None:
        try:
            self._pages[key] = read(url)
        except FetchError as fault:
            self._pages[key] = fault
