"""APT's list of package sources, in both of its forms."""

from __future__ import annotations

import re
from collections.abc import Iterator

from torchup.detect.host import Host
from torchup.model.facts import PackageSource

_LIST = "/etc/apt/sources.list"
_PARTS = "/etc/apt/sources.list.d"
_LINE = re.compile(
    r"^\s*deb\s+(?:\[(?P<options>[^\]]*)\]\s+)?(?P<uri>\S+)\s+(?P<suite>\S+)(?P<components>(?:\s+[^\s#]+)*)"
)
_OFF = ("no", "false", "without", "off", "disable", "0")


def read_apt_sources(host: Host) -> tuple[PackageSource, ...]:
    """Read every source of binary packages that is switched on; nothing where the system has no APT."""
    found: list[PackageSource] = list(parse_list(host.read_text(_LIST) or ""))
    for name in host.names(_PARTS):
        text = host.read_text(f"{_PARTS}/{name}") if name.endswith((".list", ".sources")) else None
        found += (parse_list if name.endswith(".list") else parse_deb822)(text or "")
    return tuple(found)


def parse_list(text: str) -> tuple[PackageSource, ...]:
    """Parse lines such as `deb [signed-by=KEYRING] URI SUITE COMPONENT...` (sources.list(5))."""
    found = []
    for line in text.splitlines():
        match = _LINE.match(line)
        if match is None:
            continue
        options = dict(part.partition("=")[::2] for part in (match["options"] or "").split())
        found.append(
            PackageSource(
                uri=match["uri"],
                suites=(match["suite"],),
                components=tuple(match["components"].split()),
                signed_by=options.get("signed-by"),
            )
        )
    return tuple(found)


def parse_deb822(text: str) -> tuple[PackageSource, ...]:
    """Parse paragraphs of `Field: value`; a key may be the value of Signed-By, over several lines."""
    found = []
    for fields in _paragraphs(text):
        if "deb" not in fields.get("types", "").split() or fields.get("enabled", "yes").lower() in _OFF:
            continue
        found += [
            PackageSource(
                uri=uri,
                suites=tuple(fields.get("suites", "").split()),
                components=tuple(fields.get("components", "").split()),
                signed_by=fields.get("signed-by") or None,
            )
            for uri in fields.get("uris", "").split()
        ]
    return tuple(source for source in found if source.suites)


def _paragraphs(text: str) -> Iterator[dict[str, str]]:
    fields: dict[str, str] = {}
    name = ""
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        if not line.strip():
            if fields:
                yield fields
            fields, name = {}, ""
        elif line[0] in " \t":
            # With its leading blank, so that a key can be written back as it was.
            if name:
                fields[name] = f"{fields[name]}\n{line}"
        else:
            name, _, value = line.partition(":")
            name = name.strip().lower()
            fields[name] = value.strip()
    if fields:
        yield fields
