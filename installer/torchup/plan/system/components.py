"""The parts of a Debian or Ubuntu archive that are not on by default, switched on in a file of our own."""

from __future__ import annotations

from torchup.errors import RefusedError
from torchup.knowledge.systems import release_of
from torchup.model.facts import MachineFacts, PackageSource
from torchup.model.plan import Step, WriteFile
from torchup.words import tr

PLACE = "/etc/apt/sources.list.d/torchup-components.sources"


def component_steps(facts: MachineFacts, codename: str | None, wanted: tuple[str, ...]) -> tuple[Step, ...]:
    """Give the step that switches on components which the machine's own sources leave out; none where all are on.

    The file repeats address, suites and key of the sources that are there, so that a mirror stays in use and APT
    finds no two keys for one source. Where the sources are not known, Ubuntu's are taken to have all components, as
    they do unless somebody took them out; Debian's have none unless somebody put them in. Raises RefusedError
    (apt-sources-unknown).
    """
    entries = _lacking(facts, codename, wanted)
    if not entries:
        return ()
    names = list(dict.fromkeys(component for entry in entries for component in entry.components))
    return (
        WriteFile(
            id="archive-components",
            summary=tr("Switch on the archive's {names}", names=", ".join(names)),
            why=tr("The packages are there, and not in main. Your own list of sources stays as it is."),
            privilege="root",
            path=PLACE,
            content="\n".join(map(_stanza, entries)),
        ),
    )


def _lacking(facts: MachineFacts, codename: str | None, wanted: tuple[str, ...]) -> tuple[PackageSource, ...]:
    release = release_of(facts.os)
    if not facts.apt_sources:
        if release is None or release.id != "debian" or codename is None or not wanted:
            return ()
        raise RefusedError(
            tr(
                "The archive's {wanted} have to be switched on, and where this machine gets its packages is not known.",
                wanted=", ".join(wanted),
            ),
            code="apt-sources-unknown",
            hint=tr(
                "`torchup detect --json` on the machine itself names its sources; in a facts file they are apt_sources."
            ),
        )
    on: dict[tuple[str, str], set[str]] = {}
    for source in facts.apt_sources:
        for suite in source.suites:
            on.setdefault((source.uri.rstrip("/"), suite), set()).update(source.components)
    entries: list[PackageSource] = []
    for source in facts.apt_sources:
        found = [on[source.uri.rstrip("/"), suite] for suite in source.suites]
        if "main" not in source.components or (codename and not source.suites[0].startswith(codename)):
            continue
        components = tuple(name for name in wanted if not all(name in there for there in found))
        if components:
            entries.append(
                PackageSource(uri=source.uri, suites=source.suites, components=components, signed_by=source.signed_by)
            )
    return tuple(entries)


def _stanza(entry: PackageSource) -> str:
    lines = [
        "# Written by torchup.",
        "Types: deb",
        f"URIs: {entry.uri}",
        f"Suites: {' '.join(entry.suites)}",
        f"Components: {' '.join(entry.components)}",
        *([f"Signed-By: {entry.signed_by}"] if entry.signed_by else []),
    ]
    return "".join(f"{line}\n" for line in lines)
