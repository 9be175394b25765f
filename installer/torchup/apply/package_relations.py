"""What installed packages need of each other, and which of them somebody asked for, from the managers' own records."""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from torchup.apply.installed_packages import ABSENT, unreadable
from torchup.apply.system import Relations, SystemPackage
from torchup.children import NEUTRAL_FOLDER

_SECONDS = 120.0
_VERSION = re.compile(r"\s*[(<>=].*|:.*|\s+\[.*")
_RPM = (
    "@%{NAME}\t%|EPOCH?{%{EPOCH}:}:{}|%{VERSION}-%{RELEASE}\t%{ARCH}\n"
    "[<%{REQUIRENAME}\n][>%{PROVIDENAME}\n][|%{FILENAMES}\n]"
)
_RICH = re.compile(r"[()]|\s(?:[<>]=?|=)\s\S+")


def package_relations(manager: str, root: Path = Path("/")) -> Mapping[SystemPackage, Relations]:
    """Read the relations of every installed package. Raises StepError (packages-unreadable)."""
    try:
        match manager:
            case "apt":
                automatic = root / "var/lib/apt/extended_states"
                return of_dpkg((root / "var/lib/dpkg/status").read_text(errors="replace"), _read(automatic))
            case "pacman":
                folders = (root / "var/lib/pacman/local").iterdir()
                return of_pacman(_read(folder / "desc") for folder in folders if folder.is_dir())
            case _:
                asked_for = _asked_of_dnf() if manager == "dnf" else None
                automatic_names = _automatic_of_zypper(root) if manager == "zypper" else None
                text = _output(["rpm", "--root", str(root), "--query", "--all", "--queryformat", _RPM])
                return of_rpm(text, asked_for=asked_for, automatic=automatic_names)
    except (OSError, subprocess.SubprocessError) as error:
        raise unreadable(manager, error) from error


def of_dpkg(status: str, extended_states: str = "") -> dict[SystemPackage, Relations]:
    """Read dpkg's paragraphs, and apt's of those that came along with others."""
    automatic = {
        (values.get("Package"), values.get("Architecture"))
        for values in _paragraphs(extended_states)
        if values.get("Auto-Installed") == "1"
    }
    # apt notes a package for all architectures under the machine's own.
    automatic |= {(name, "all") for name, _ in automatic}
    found = {}
    for values in _paragraphs(status):
        state, name = values.get("Status", "").split()[-1:], values.get("Package")
        if not name or not state or state[0] in ABSENT:
            continue
        architecture = values.get("Architecture", "")
        whole = state[0] in ("installed", "triggers-pending", "triggers-awaited")
        needs = (*values.get("Pre-Depends", "").split(","), *values.get("Depends", "").split(","))
        provided = {_plain(word) for word in values.get("Provides", "").split(",") if word.strip()}
        found[SystemPackage(name, values.get("Version", ""), architecture, whole)] = Relations(
            needs=tuple(frozenset(map(_plain, need.split("|"))) for need in needs if need.strip()),
            provides=frozenset({name, *provided}),
            asked_for=(name, architecture) not in automatic,
        )
    return found


def of_pacman(descriptions: Iterable[str]) -> dict[SystemPackage, Relations]:
    """Read pacman's `desc` files: a heading between per cent signs, then one value a line."""
    found = {}
    for text in descriptions:
        values: dict[str, list[str]] = {}
        for block in text.split("\n\n"):
            heading, *lines = block.strip().splitlines() or [""]
            values[heading] = lines
        if not values.get("%NAME%"):
            continue
        name = values["%NAME%"][0]
        found[SystemPackage(name, "".join(values.get("%VERSION%", [])))] = Relations(
            needs=tuple(frozenset({_plain(word)}) for word in values.get("%DEPENDS%", ())),
            provides=frozenset({name, *map(_plain, values.get("%PROVIDES%", ()))}),
            asked_for=values.get("%REASON%") != ["1"],
        )
    return found


def of_rpm(
    text: str, *, asked_for: frozenset[str] | None = None, automatic: frozenset[str] | None = None
) -> dict[SystemPackage, Relations]:
    """Read what rpm prints with our format: a line for the package, then its needs, what it provides, its files."""
    blocks = [block.split("\n") for block in f"\n{text}".split("\n@")[1:]]
    needed = {line[1:] for block in blocks for line in block[1:] if line.startswith("<")}
    found = {}
    for head, *lines in blocks:
        row = head.split("\t")
        if len(row) != 3:  # noqa: PLR2004 - the format has three
            continue
        wanted: bool | None = row[0] in asked_for if asked_for is not None else None
        wanted = row[0] not in automatic if automatic is not None else wanted
        found[SystemPackage(row[0], row[1], row[2])] = Relations(
            needs=tuple(_rich(line[1:]) for line in lines if line.startswith("<")),
            provides=frozenset(
                {row[0], *(line[1:] for line in lines if line[:1] in (">", "|") and line[1:] in needed)}
            ),
            asked_for=wanted,
        )
    return found


def _rich(text: str) -> frozenset[str]:
    """Read a need of rpm's: a name, `(a or b)`, or another rich one, of which the first name counts."""
    if not text.startswith("("):
        return frozenset({text})
    names = _RICH.sub(" ", text)
    alternatives = re.split(r"\s+or\s+", names)
    return frozenset(re.split(r"\s+(?:and|if|unless|with|without|else)\s+", one)[0].strip() for one in alternatives)


def _asked_of_dnf() -> frozenset[str] | None:
    """Ask dnf which packages somebody wanted; None where it does not say. It is kept from leaving a cache behind."""
    with tempfile.TemporaryDirectory(prefix="torchup-") as folder:
        words = ["-q", "-C", f"--setopt=cachedir={folder}", "repoquery", "--userinstalled", "--qf", "%{name}\n"]
        try:
            return frozenset(_output(["dnf", *words]).split())
        except (OSError, subprocess.SubprocessError):
            return None


def _automatic_of_zypper(root: Path) -> frozenset[str]:
    lines = _read(root / "var/lib/zypp/AutoInstalled").splitlines()
    return frozenset(line.strip() for line in lines if line.strip() and not line.startswith("#"))


def _output(argv: list[str]) -> str:
    done = subprocess.run(
        argv,
        cwd=NEUTRAL_FOLDER,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=True,
        timeout=_SECONDS,
    )
    return done.stdout


def _paragraphs(text: str) -> Iterator[dict[str, str]]:
    for paragraph in text.split("\n\n"):
        rows = (line.partition(":") for line in paragraph.splitlines() if line[:1].strip())
        yield {key: value.strip() for key, colon, value in rows if colon}


def _plain(word: str) -> str:
    """Take version and architecture off a need: `libc6 (>= 2.36)`, `python3:any`, `glibc>=2.40`."""
    return _VERSION.sub("", word.strip())


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except FileNotFoundError:
        return ""
