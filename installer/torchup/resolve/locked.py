"""A lock file (pylock.toml, PEP 751) as an offer book: the resolver then decides over nothing but its wheels."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from torchup.errors import NoSolutionError, UsageError
from torchup.knowledge.platforms import platform_of
from torchup.model.facts import MachineFacts
from torchup.model.markers import marker_environment
from torchup.model.offer import Offer, OfferBook, SourceKind
from torchup.model.quick import dataclass
from torchup.resolve.offers.listed import offers_of
from torchup.resolve.offers.simple_page import IndexFile
from torchup.resolve.offers.sources import PYTORCH_INDEX, Source
from torchup.resolve.offers.urls import host_of, variant_of_path
from torchup.resolve.python_range import satisfies
from torchup.resolve.wheels import Host, fits_python, platform_refusal
from torchup.resolve.wheels import host_of as wheel_host
from torchup.words import mark, tr

if TYPE_CHECKING:
    from packaging.pylock import Package, Pylock

_SHOWN = 6
_HINT = mark(
    "A lock is for the platform and the Python that it was written on; `torchup setup` decides anew for this machine."
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lock:
    """A lock that was read: its text, and what uv and the resolver need of it."""

    source: str
    text: str
    content: Pylock

    @property
    def versions(self) -> dict[str, str]:
        """The version of each package that has one, by canonical name."""
        return {str(package.name): str(package.version) for package in self.content.packages if package.version}


def read_lock(text: str, source: str) -> Lock:
    """Read a lock; raises UsageError (lock-invalid, lock-incomplete, lock-without-torch)."""
    from packaging.pylock import Pylock, PylockUnsupportedVersionError, PylockValidationError

    try:
        content = Pylock.from_dict(tomllib.loads(text))
    except (tomllib.TOMLDecodeError, PylockValidationError, PylockUnsupportedVersionError) as error:
        raise UsageError(
            tr("{source} is no lock file that can be read.", source=source),
            code="lock-invalid",
            evidence=[str(error)],
            hint=tr(
                "torchup setup writes pylock.toml into the environment that it makes; uv and pip write the same form."
            ),
        ) from error
    lock = Lock(source=source, text=text, content=content)
    if loose := [str(package.name) for package in content.packages if not _is_fixed(package)]:
        raise UsageError(
            tr("{source} does not say for every package which file it is, with a hash and an address.", source=source),
            code="lock-incomplete",
            evidence=loose[:_SHOWN],
            hint=tr(
                "Packages from a folder, a repository or a path beside the lock cannot be installed from it elsewhere."
            ),
        )
    if "torch" not in lock.versions:
        raise UsageError(
            tr("{source} has no torch in it.", source=source),
            code="lock-without-torch",
            hint=tr("Name the pylock.toml of an environment."),
        )
    return lock


def lock_book(lock: Lock, facts: MachineFacts, today: str) -> OfferBook:
    """Offer the wheels of a lock; raises NoSolutionError (lock-does-not-fit) where a package has none for this platform."""
    platform = platform_of(facts.os)
    host = wheel_host(facts.os)
    misses = [
        f"{package.name} {package.version}: {', '.join(sorted(_platforms(package)))}"
        for package in _applying(lock, facts, None)
        if package.sdist is None and not any(platform_refusal(tags[2], host) is None for tags in _tags(package))
    ]
    if platform is None or misses:
        raise NoSolutionError(
            tr(
                "{source} was written for another platform than {system} on {arch}.",
                source=lock.source,
                system=facts.os.system,
                arch=facts.os.arch,
            ),
            code="lock-does-not-fit",
            evidence=misses[:_SHOWN],
            hint=tr(_HINT),
        )
    offers: list[Offer] = []
    for package in lock.content.packages:
        for file in _files(package):
            origin = package.index or _origin(file.url)
            source = Source(kind=_kind(origin), origin=origin, layout="simple")
            names = frozenset({str(package.name)})
            offers += offers_of([file], source, names, platform, origin=origin, variant=variant_of_path(origin))
    return OfferBook(offers=tuple(offers), as_of=today)


def locked_pins(lock: Lock, facts: MachineFacts, python: str, version: str | None) -> tuple[str, ...]:
    """Give the pins that apply for an interpreter; raises NoSolutionError (lock-does-not-fit) where one cannot.

    `python` is `3.12` or `3.13t`; `version` the full version of the interpreter where it is known.
    """
    host = wheel_host(facts.os)
    full = version or python.rstrip("t")
    major, minor = (int(part) for part in python.rstrip("t").split(".")[:2])
    packages = list(_applying(lock, facts, full))
    misses = [
        f"{package.name} {package.version}"
        for package in packages
        if not _fits(package, host, (major, minor), python.endswith("t"), full)
    ]
    required = lock.content.requires_python
    if required is not None and not satisfies(str(required), full):
        misses.insert(0, tr("the lock asks for Python {required}", required=required))
    if misses:
        raise NoSolutionError(
            tr("{source} cannot be installed for Python {full}.", source=lock.source, full=full),
            code="lock-does-not-fit",
            evidence=misses[:_SHOWN],
            hint=tr(_HINT),
        )
    return tuple(f"{package.name}=={package.version}" for package in packages if package.version)


def _is_fixed(package: Package) -> bool:
    if package.version is None or package.vcs or package.directory or package.archive:
        return False
    wheels = package.wheels or ()
    source = package.sdist
    fixed = all(wheel.hashes and wheel.url for wheel in wheels) and (
        source is None or bool(source.hashes and source.url)
    )
    return fixed and bool(wheels or source)


def _applying(lock: Lock, facts: MachineFacts, python: str | None) -> Iterator[Package]:
    for package in lock.content.packages:
        if (
            package.marker is None
            or python is None
            or package.marker.evaluate(_environment(facts, python), context="lock_file")
        ):
            yield package


def _environment(facts: MachineFacts, python: str) -> dict[str, Any]:
    return {**marker_environment(facts.os, python), "extras": set(), "dependency_groups": set()}


def _fits(package: Package, host: Host, release: tuple[int, int], free_threaded: bool, full: str) -> bool:
    if package.requires_python is not None and not satisfies(str(package.requires_python), full):
        return False
    return package.sdist is not None or any(
        fits_python(python, abi, release, free_threaded) and platform_refusal(platform, host) is None
        for python, abi, platform in _tags(package)
    )


def _files(package: Package) -> Iterator[IndexFile]:
    for wheel in package.wheels or ():
        url = wheel.url or ""
        name = wheel.name or unquote(urlsplit(url).path.rpartition("/")[2])
        yield IndexFile(filename=name, url=url, hashes=tuple(wheel.hashes.items()), size=wheel.size)


def _tags(package: Package) -> Iterator[tuple[str, str, str]]:
    for file in _files(package):
        parts = file.filename.removesuffix(".whl").split("-")[-3:]
        yield (parts[0], parts[1], parts[2])


def _platforms(package: Package) -> set[str]:
    return {platform for _, _, platform in _tags(package)}


def _origin(url: str) -> str:
    return url.rpartition("/")[0]


def _kind(origin: str) -> SourceKind:
    if origin.startswith("file:"):
        return "find-links"
    return "pytorch" if host_of(origin) == host_of(PYTORCH_INDEX) else "default"
