"""Which packages a step brought, which of them may go again, and what a package manager calls each of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from torchup.apply.package_commands import matching
from torchup.apply.system import Relations, SystemPackage


def listed(packages: Iterable[SystemPackage]) -> bytes:
    """Write packages down, one a line, as `read_list` reads them."""
    lines = {"\t".join((package.name, package.version, package.architecture)) for package in packages}
    return "\n".join(sorted(lines)).encode()


def read_list(content: bytes) -> frozenset[SystemPackage]:
    """Read what `listed` wrote; torchup 0.1.0 wrote names only."""
    rows = ((*line.split("\t"), "", "") for line in content.decode().split("\n") if line)
    return frozenset(SystemPackage(row[0], row[1], row[2]) for row in rows)


def came(manager: str, before: Collection[SystemPackage], after: Collection[SystemPackage]) -> tuple[str, ...]:
    """Name the packages that are new, dependencies included; one that took an older version's place is not.

    A second version or architecture beside one that was there is named so that only it is meant.
    """
    known: dict[str, set[SystemPackage]] = {}
    for package in before:
        known.setdefault(package.name, set()).add(package)
    now = {_key(package) for package in after}
    architectures = {(package.name, package.architecture) for package in after}
    words = set()
    for package in after:
        earlier = known.get(package.name)
        if earlier is None:
            words.add(package.name)
            continue
        alike = [one for one in earlier if one.architecture == package.architecture]
        if alike:
            beside = _key(package) not in map(_key, alike) and all(_key(one) in now for one in alike)
        else:
            beside = all(one.version and (one.name, one.architecture) in architectures for one in earlier)
        if beside:
            words.add(_exactly(manager, package, earlier))
    return tuple(sorted(words))


def staying(
    going: Collection[SystemPackage], relations: Mapping[SystemPackage, Relations]
) -> Mapping[SystemPackage, str]:
    """Find those of the packages without which something would break that does not go, and what needs each."""
    stays = {package for package in relations if package not in going}
    provided = {name for package in stays for name in relations[package].provides}
    providers: dict[str, list[SystemPackage]] = {}
    for package in going:
        for name in relations[package].provides if package in relations else ():
            providers.setdefault(name, []).append(package)
    found: dict[SystemPackage, str] = {}
    to_look_at = sorted(stays)
    while to_look_at:
        needer = to_look_at.pop()
        for alternatives in relations[needer].needs:
            if not alternatives.isdisjoint(provided):
                continue
            for package in (one for name in sorted(alternatives) for one in providers.get(name, ())):
                if package not in found:
                    found[package] = needer.name
                    to_look_at.append(package)
    return found


def still_there(words: Iterable[str], installed: Iterable[SystemPackage]) -> dict[str, tuple[SystemPackage, ...]]:
    """Give the packages that words of `came` name, those that are not there any more left out."""
    packages = tuple(installed)
    return {word: found for word in words if (found := matching(word, packages))}


def _key(package: SystemPackage) -> tuple[str, str, str]:
    return package.name, package.version, package.architecture


def _exactly(manager: str, package: SystemPackage, earlier: Iterable[SystemPackage]) -> str:
    plain = package.version.partition(":")[2] or package.version
    other_architecture = package.architecture not in {one.architecture for one in earlier}
    match manager:
        case "dnf":
            return f"{package.name}-{plain}.{package.architecture}"
        case "zypper":
            return (
                f"{package.name}.{package.architecture}" if other_architecture else f"{package.name}={package.version}"
            )
        case _:
            return f"{package.name}:{package.architecture}"
