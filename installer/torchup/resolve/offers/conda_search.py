"""What a conda channel has of PyTorch: asked by `conda search`, so that mirrors, logins and caches are conda's own.

A build's name tells its CUDA and its Python (`cuda129_mkl_py312_h1_300`, `cpu_generic_py312_h1_0`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from torchup.children import NEUTRAL_FOLDER
from torchup.knowledge.platforms import Platform, platform_of
from torchup.model.facts import CondaInstall, MachineFacts
from torchup.model.offer import Offer, OfferBook, SourceReport
from torchup.model.quick import dataclass
from torchup.model.request import SourceWish
from torchup.resolve.offers.wheel_names import normalized
from torchup.words import mark, tr

Search = Callable[[tuple[str, ...]], str | None]

NAMES = {"torch": "pytorch"}
"""Packages that conda-forge calls otherwise than the package index."""

_TIME_LIMIT_S = 180
_PARTS = 3
_PYTHON = re.compile(r"(?:^|_)py(?P<major>\d)(?P<minor>\d{1,2})(?:_|$)")
_CUDA = re.compile(r"(?:^|_)cuda(?P<release>\d{3})(?:_|$)")
_CPU = re.compile(r"(?:^|_)cpu(?:_|$)")
_TAGS: dict[Platform, str] = {
    "linux_x86_64": "manylinux_2_17_x86_64",
    "linux_aarch64": "manylinux_2_17_aarch64",
    "windows_amd64": "win_amd64",
    "windows_arm64": "win_arm64",
    "macos_x86_64": "macosx_11_0_x86_64",
    "macos_arm64": "macosx_11_0_arm64",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CondaBuild:
    """One package of a channel."""

    name: str
    version: str
    build: str


def ask_conda(
    conda: CondaInstall,
    source: SourceWish,
    facts: MachineFacts,
    packages: tuple[str, ...],
    *,
    today: str,
    search: Search,
) -> OfferBook:
    """Ask for every package in turn; `search` runs a command and gives its output, None where it could not run."""
    platform = platform_of(facts.os)
    origin = ", ".join(source.conda_channels) or mark("conda's channels")
    offers: list[Offer] = []
    answered = False
    for package in dict.fromkeys(map(normalized, packages)):
        text = search(search_command(conda, source, NAMES.get(package, package)))
        builds = parse_search(text) if text is not None else None
        answered = answered or builds is not None
        if platform is not None:
            offers += [offer for build in builds or () if (offer := _offer(build, package, platform, origin))]
    report = SourceReport(
        kind="conda",
        origin=origin,
        state="live" if answered else "unreachable",
        offers=len(offers),
        detail=None if answered else tr("{kind} could not read {origin}.", kind=conda.kind, origin=tr(origin)),
        asked=not source.offline,
    )
    return OfferBook(offers=tuple(offers), reports=(report,), as_of=today)


def search_command(conda: CondaInstall, source: SourceWish, name: str) -> tuple[str, ...]:
    """Give the command; its options are those that conda, mamba and micromamba share."""
    channels = [word for channel in source.conda_channels for word in ("--channel", channel)]
    flags = [*(["--override-channels", *channels] if channels else []), *(["--offline"] if source.offline else [])]
    return (conda.path, "search", "--json", *flags, name)


def parse_search(text: str) -> tuple[CondaBuild, ...] | None:
    """Read the answer of conda (a list by name) or of mamba (a result with `pkgs`); None where it is an error.

    A name that no channel has is no error: the answer is that there are no builds.
    """
    try:
        data = json.loads(text)
    except ValueError:
        return None
    if not isinstance(data, Mapping):
        return None
    if "exception_name" in data or "error" in data:
        return () if "PackagesNotFound" in str(data.get("exception_name")) else None
    return tuple(_builds(data))


def run_search(environ: Mapping[str, str]) -> Search:
    """Give what runs a search: nothing is asked on a terminal, and nothing takes longer than three minutes."""

    def run(command: tuple[str, ...]) -> str | None:
        import subprocess

        try:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=False,
                env=dict(environ),
                cwd=NEUTRAL_FOLDER,
                timeout=_TIME_LIMIT_S,
            )
        except (OSError, subprocess.TimeoutExpired):
            # A conda that cannot be run has no offers; the report says that it could not be asked.
            return None
        return done.stdout.decode(errors="replace")

    return run


def _builds(data: Mapping[str, Any]) -> Iterator[CondaBuild]:
    result = data.get("result")
    lists = [result.get("pkgs")] if isinstance(result, Mapping) else list(data.values())
    for entries in lists:
        for entry in entries if isinstance(entries, list) else ():
            if not isinstance(entry, Mapping):
                continue
            build = entry.get("build_string") or entry.get("build")
            texts = [text for text in (entry.get("name"), entry.get("version"), build) if isinstance(text, str)]
            if len(texts) == _PARTS and all(texts):
                yield CondaBuild(name=texts[0], version=texts[1], build=texts[2])


def _offer(build: CondaBuild, package: str, platform: Platform, origin: str) -> Offer | None:
    python, cuda = _PYTHON.search(build.build), _CUDA.search(build.build)
    variant = f"cu{cuda['release']}" if cuda else "cpu" if _CPU.search(build.build) else None
    if python is None or variant is None or build.name != NAMES.get(package, package):
        return None
    label = f"cp{python['major']}{python['minor']}"
    return Offer(
        package=package,
        version=build.version,
        variant=variant,
        tags=(label, label, _TAGS[platform]),
        filename=f"{build.name}-{build.version}-{build.build}.conda",
        url=origin,
        origin=origin,
        source="conda",
    )
