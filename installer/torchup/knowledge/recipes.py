"""How each system gets an NVIDIA driver and a CUDA toolkit: one recipe per source of packages, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from functools import cache
from typing import Any, Literal, get_args

from torchup.knowledge.systems import Release, kernel_flavour, major_of, release_of
from torchup.knowledge.tables import table
from torchup.model.facts import DriverOrigin, KernelModule, MachineFacts, OperatingSystem
from torchup.model.quick import dataclass

ManagerName = Literal["apt", "dnf", "zypper", "pacman"]
Part = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """One branch that a source holds, with one kernel module.

    Where the source `moves_on` by itself, the branch is the oldest that it can be by now.
    """

    branch: int
    module: KernelModule
    packages: tuple[str, ...]
    components: tuple[str, ...] = ()
    moves_on: bool = False
    unconfirmed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolkitOffer:
    """A CUDA toolkit from a source; `only` is the one version that it holds, None where it holds many.

    `words` go into the command that installs it. With `same_driver_only` its packages depend on the driver's
    libraries of the same source, so that beside a driver from elsewhere they would make a second one.
    """

    parts: tuple[Part, ...]
    packages: tuple[str, ...]
    path: str
    only: str | None = None
    words: tuple[str, ...] = ()
    same_driver_only: bool = False
    cudnn: tuple[str, ...] = ()
    cudnn_before_turing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How one release gets packages from one source.

    `parts` are the steps before the driver's packages, in order. `values` fill the placeholders of all texts.
    `signed_modules` come with a signature that Secure Boot knows; `signing_key` signs the others.
    `unconfirmed` says what no source stated.
    """

    id: str
    title: str
    origin: DriverOrigin
    manager: ManagerName
    offers: tuple[Offer, ...]
    parts: tuple[Part, ...]
    headers: tuple[str, ...]
    values: Mapping[str, str]
    components: tuple[str, ...] = ()
    versioned: bool = False
    after: tuple[tuple[str, ...], ...] = ()
    signed_modules: tuple[str, ...] = ()
    signed_branches: tuple[int, ...] = ()
    signing_key: str | None = None
    toolkit: ToolkitOffer | None = None
    source: tuple[str, ...] = ()
    unconfirmed: tuple[str, ...] = ()

    def offer(self, branch: int, module: KernelModule) -> Offer | None:
        """Find the offer of a branch with a module; one that moves on serves what asks for its branch."""
        return next((offer for offer in self.offers if offer.branch == branch and offer.module == module), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Manager:
    """A package manager's commands, without the packages; `remove` takes the packages' settings along.

    `take_back` removes exactly the packages that are named, and what depends on them. `exchange` are the words that
    let an installation take out what stands against it.
    """

    name: ManagerName
    refresh: tuple[str, ...]
    download: tuple[str, ...]
    install: tuple[str, ...]
    remove: tuple[str, ...]
    take_back: tuple[str, ...]
    initramfs: tuple[str, ...]
    exchange: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)


def recipes_for(facts: MachineFacts) -> tuple[Recipe, ...]:
    """Give the recipes for a machine, the preferred one first; inside WSL only the one for WSL."""
    release = release_of(facts.os)
    if release is None:
        return ()
    found = [_recipe(row, release, facts.os) for row in table("system_recipes")["recipes"]
             if bool(row.get("wsl")) == bool(facts.context.wsl)]  # fmt: skip
    return tuple(recipe for recipe in found if recipe is not None)


def offered(facts: MachineFacts) -> tuple[Offer, ...]:
    """Give every branch and module that a source for this machine holds; empty where no recipe is about it."""
    return tuple(offer for recipe in recipes_for(facts) for offer in recipe.offers)


@cache
def manager(name: ManagerName) -> Manager:
    """Give a package manager's commands: they ask nothing and wait for the lock where the manager can."""
    row = table("system_recipes")["managers"][name]

    def words(key: str) -> tuple[str, ...]:
        return tuple(word for given in row[key] for word in (row["options"] if given == "{options}" else [given]))

    return Manager(
        name=name,
        refresh=words("refresh"),
        download=words("download"),
        install=words("install"),
        remove=words("remove"),
        take_back=words("take_back"),
        initramfs=words("initramfs"),
        exchange=tuple(row.get("exchange", ())),
        environment=row["environment"],
    )


def removal_words(name: str) -> tuple[str, ...]:
    """Give the words that remove exactly the packages which follow; empty for a manager that is not known."""
    return next((manager(known).take_back for known in get_args(ManagerName) if known == name), ())


def newer_driver_packages(branch: int) -> tuple[str, ...]:
    """Give patterns for the rpm packages of every driver branch above this one, of three digits.

    dnf takes no relation of versions here. A dash inside brackets would end the version, so every digit is named.
    """
    digits = f"{branch:03}"
    any_digit = "[0123456789]"
    above = [
        f"{digits[:place]}[{'0123456789'[int(digit) + 1 :]}]{any_digit * (2 - place)}"
        for place, digit in enumerate(digits)
        if digit != "9"
    ]
    return tuple(f"{name}-{version}.*-*.*" for name in table("system_recipes")["driver_rpms"] for version in above)


def keyring_digest(repository: str, arch: str) -> str | None:
    """Give the sha256 of the package with NVIDIA's key for a repository; None where no source states it."""
    digest: str | None = table("system_recipes")["keyrings"]["sha256"].get(f"{repository}/{arch}")
    return digest


def keyring_place() -> tuple[str, str]:
    """Give the URL of the package with NVIDIA's key, with placeholders, and where it is put."""
    row = table("system_recipes")["keyrings"]
    return row["url"], row["path"]


def _recipe(row: Mapping[str, Any], release: Release, system: OperatingSystem) -> Recipe | None:
    key = _key(row, release)
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(system.arch, system.arch)
    if release.id not in row["ids"] or key is None or machine not in row["arches"]:
        return None
    version = release.version
    values = {
        "version": version,
        "title": row["title"],
        "arch": row["arches"][machine],
        "machine": machine,
        "driver-globs": table("system_recipes")["driver_globs"],
        "locked": "\n".join(table("system_recipes")["driver_locks"]),
        "pin": table("system_recipes")["pins"][row["manager"]],
        **row.get("values", {}),
        **row["versions"][key],
        **row.get("os_values", {}).get(release.id, {}).get(key, {}),
    }
    if row["manager"] == "dnf":
        values |= _enterprise(release, machine)
    return Recipe(
        id=row["id"],
        title=row["title"],
        origin=row["origin"],
        manager=row["manager"],
        offers=tuple(offer for given in row["offers"] for offer in _offers(given, key, machine, system)),
        parts=_parts(row["parts"]),
        headers=tuple(row["headers"]),
        values=values,
        components=(
            *row.get("components", ()),
            *(row.get("components_from_12", ()) if version.isdecimal() and int(version) >= 12 else ()),  # noqa: PLR2004
        ),
        versioned=row.get("versioned", False),
        after=tuple(map(tuple, row.get("after", ()))),
        signed_modules=tuple(row.get("signed_modules", ())),
        signed_branches=tuple(row.get("signed_branches", ())),
        signing_key=row.get("signing_key"),
        toolkit=_toolkit(row.get("toolkit"), key),
        source=tuple(row["source"]),
        unconfirmed=tuple(row["unconfirmed"]),
    )


def _key(row: Mapping[str, Any], release: Release) -> str | None:
    wanted = major_of(release.version) if row.get("major_only") else release.version
    if release.id == "debian":
        wanted = major_of(release.version)
    return next((key for key in row["versions"] if key in (wanted, "")), None)


def _offers(row: Mapping[str, Any], version: str, machine: str, system: OperatingSystem) -> tuple[Offer, ...]:
    if version not in row.get("versions", (version,)) or machine not in row.get("arches", (machine,)):
        return ()
    if "kernels" in row and kernel_flavour(system) not in row["kernels"]:
        return ()
    return tuple(
        Offer(
            branch=branch,
            module=module,
            packages=tuple(packages),
            components=tuple(row.get("components", ())),
            moves_on=row.get("moves_on", False),
            unconfirmed=tuple(row.get("unconfirmed", ())),
        )
        for branch in row["branches"]
        for module, packages in row["packages"].items()
    )


def _toolkit(row: Mapping[str, Any] | None, version: str) -> ToolkitOffer | None:
    if row is None:
        return None
    return ToolkitOffer(
        parts=_parts(row["parts"]),
        packages=tuple(row["packages"]),
        path=row["path"],
        only=row["only"][version] if "only" in row else None,
        words=tuple(row.get("words", ())),
        same_driver_only=row.get("same_driver_only", False),
        cudnn=tuple(row.get("cudnn", ())),
        cudnn_before_turing=tuple(row.get("cudnn_before_turing", ())),
    )


def _parts(names: list[str]) -> tuple[Part, ...]:
    parts = table("system_recipes")["parts"]
    return tuple(parts[name] for name in names)


def _enterprise(release: Release, machine: str) -> dict[str, str]:
    """Name what the rebuilds of Red Hat Enterprise Linux call differently: EPEL, and the builder repository."""
    row = table("system_recipes")["enterprise"].get(release.id)
    if row is None:
        return {}
    major = major_of(release.version)
    given = {**row["every"], **row.get(major, {})}
    return {name: text.format(major=major, machine=machine) for name, text in given.items()}
