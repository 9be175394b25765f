"""The sources about distributions and their package managers, key by key."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from knowledge_tables.common import File, KernelModule, Row, Words

Command = str | Words


class PartRow(Row):
    """One step before the packages of a driver or a toolkit."""

    id: str
    """The id of the step in the plan."""
    summary: str
    """What the step does, for the plan; a sentence that is translated."""
    why: str
    """Why the step is needed, for the plan; a sentence that is translated."""
    when: Words = []
    """Conditions that all have to hold: `open`, `secure-boot`, `os:ID`."""


class ComponentsPart(Row):
    """Switch on the components that the recipe names."""

    kind: Literal["components"]
    """This kind of step."""


class DownloadPart(PartRow):
    """Fetch a file; `keyrings` as address and path is the package with NVIDIA's key."""

    kind: Literal["download"]
    """This kind of step."""
    url: str
    """Where it comes from."""
    path: str
    """Where it is put."""


class FilePart(PartRow):
    """Write a file."""

    kind: Literal["file"]
    """This kind of step."""
    path: str
    """Where it is written."""
    lines: Words
    """Its lines."""


class PackagesPart(PartRow):
    """Install packages."""

    kind: Literal["packages"]
    """This kind of step."""
    packages: Words
    """The packages by the names that the manager knows them by afterwards."""
    install: Words = []
    """What the manager is told to install, where it is not the names."""
    exact: list[Words] = []
    """Commands that install them in place of the manager's."""
    after: list[Words] = []
    """Commands that follow."""


class RepositoryPart(PartRow):
    """Add or switch on a repository."""

    kind: Literal["repository"]
    """This kind of step."""
    commands: list[Command]
    """The commands; `refresh` is the manager's own, a placeholder alone holds the words of one."""
    undo: list[Command] = []
    """The commands that take it back."""


class HoldPart(PartRow):
    """Keep packages on their branch."""

    kind: Literal["hold"]
    """This kind of step."""
    commands: list[Words]
    """The commands that hold them."""
    undo: list[Words]
    """The commands that let them go."""
    holds: Words
    """What is held, as the manager lists it."""


Part = Annotated[
    ComponentsPart | DownloadPart | FilePart | PackagesPart | RepositoryPart | HoldPart, Field(discriminator="kind")
]


class OfferRow(Row):
    """Branches of the driver that a source holds."""

    branches: list[int]
    """The branches."""
    packages: dict[KernelModule, Words]
    """Per kernel module, the packages to install."""
    versions: Words = []
    """The releases of the distribution that have it, where not all have."""
    arches: Words = []
    """The processors that have it, where not all have."""
    kernels: Words = []
    """The kernel flavours that it is for, where it is not for all."""
    components: Words = []
    """Components that have to be on for it, beside those of the recipe."""
    moves_on: bool = False
    """Whether the source moves to newer branches by itself; the branch is the oldest that it can be by now."""
    unconfirmed: Words = []
    """What no source states; a sentence that is translated."""


class ToolkitRow(Row):
    """The CUDA toolkit of a source."""

    parts: Words
    """The steps before its packages, by their names among `parts`."""
    packages: Words
    """The packages to install."""
    path: str
    """Where it lies afterwards."""
    only: dict[str, str] = {}
    """Per release of the distribution the one version that it has; left out where there are many."""
    words: Words = []
    """Words that go into the command that installs it."""
    same_driver_only: bool = False
    """Whether its packages depend on the driver's libraries of the same source."""
    cudnn: Words = []
    """The packages of cuDNN."""
    cudnn_before_turing: Words = []
    """The packages of the last cuDNN for cards before Turing."""


class RecipeRow(Row):
    """How a distribution gets packages from one source; those of one distribution stand in order of preference."""

    id: str
    """Its name, which the manual and other files use."""
    title: str
    """The source of packages, as a sentence names it; it is translated."""
    origin: Literal["distribution", "nvidia", "rpmfusion"]
    """Where the packages come from."""
    manager: Literal["apt", "dnf", "zypper", "pacman"]
    """The package manager."""
    wsl: bool = False
    """Whether it is for WSL only."""
    ids: Words
    """The distributions that it is for, as os-release names them; further ones name the recipe under `uses`."""
    arches: dict[str, str]
    """The processors that it is for, and what the source calls them."""
    major_only: bool = False
    """Whether only the number before the dot of a release counts."""
    versions: dict[str, dict[str, str]]
    """The releases that it is for, and what placeholders stand for there; `""` is for any."""
    values: dict[str, str] = {}
    """What placeholders stand for on every release."""
    offers: list[OfferRow]
    """The branches of the driver that the source holds."""
    components: Words = []
    """Components of the archive that have to be on."""
    components_from_12: Words = []
    """Further ones from release 12 on."""
    versioned: bool = False
    """Whether the packages of the driver are installed in one version."""
    parts: Words
    """The steps before the driver's packages, by their names among `parts`."""
    headers: Words
    """The packages with the kernel's headers."""
    after: list[Words] = []
    """Commands after the driver's packages."""
    signed_modules: Words = []
    """The packages with modules that Secure Boot knows."""
    signed_branches: list[int] = []
    """The branches that have them."""
    signing_key: str = ""
    """Where the key is that signs the other modules."""
    toolkit: ToolkitRow | None = None
    """The CUDA toolkit of the source."""
    source: Words
    """Short names of the sources."""
    unconfirmed: Words
    """What no source states; sentences that are translated."""


class UsesRow(Row):
    """A distribution that a recipe of another file serves."""

    id: str
    """The distribution, as os-release names it."""
    recipe: str
    """The recipe."""
    values: dict[str, dict[str, str]] = {}
    """Per release, what placeholders stand for on this distribution alone."""


class DerivativeRow(Row):
    """A distribution that counts as the release it is built from."""

    id: str
    """The derivative, as os-release names it."""
    like: str
    """What its ID_LIKE has to hold."""
    base: str
    """The distribution that it counts as."""
    versions: dict[str, str]
    """From its release to that of the base; `""` is for any."""


class AdviceRow(Row):
    """A distribution that gets its driver by its own tools."""

    id: str
    """The distribution, as os-release names it."""
    text: str
    """What to do; a sentence that is translated."""
    commands: Words
    """The commands to do it."""


class Distribution(File):
    """`systems/fedora.toml`: one distribution."""

    recipes: list[RecipeRow] = []
    """How it gets packages, the preferred source first."""
    uses: list[UsesRow] = []
    """Recipes of other files that serve it."""
    derivatives: list[DerivativeRow] = []
    """What it counts as, where it is built from another."""
    advice: list[AdviceRow] = []
    """What to do where its driver is left to its own tools."""
    parts: dict[str, Part] = {}
    """Steps of its recipes, by name; those that several distributions take stand in `_shared.toml`."""
    kernel_lines: dict[str, str] = {}
    """Per release, the kernel that it came with."""
    key_packages: dict[str, str] = {}
    """The sha256 of the package with NVIDIA's key, per repository and processor: `ubuntu2404/x86_64`."""
    enterprise: dict[str, dict[str, dict[str, str]]] = {}
    """What a rebuild of Enterprise Linux calls EPEL and the builder repository: on `every` release, and on some."""


class Manager(Row):
    """A package manager's commands, without the packages."""

    options: Words
    """What `{options}` stands for."""
    refresh: Words
    """Read the package lists."""
    download: Words
    """Fetch packages and install nothing."""
    install: Words
    """Install packages."""
    remove: Words
    """Remove packages with their settings."""
    take_back: Words
    """Remove exactly the packages that are named, and what depends on them."""
    exchange: Words = []
    """Words that let an installation take out what stands against it."""
    environment: dict[str, str]
    """Variables that it runs with."""
    initramfs: Words
    """Make the initial file system of the kernel again."""


class KeyPackage(Row):
    """The package with NVIDIA's key."""

    url: str
    """Where it comes from."""
    path: str
    """Where it is put."""
    source: Words
    """Short names of the sources."""
    unconfirmed: Words
    """What no source states."""


class SystemsShared(Distribution):
    """`systems/_shared.toml`: package managers, and what several distributions share."""

    driver_globs: str
    """The driver's packages as patterns of apt."""
    driver_rpms: Words
    """The driver's packages as patterns of dnf."""
    driver_locks: Words
    """The driver's packages as patterns of zypper."""
    pins: dict[str, str]
    """Per package manager, the file that keeps the driver on its branch."""
    managers: dict[str, Manager]
    """The package managers."""
    keyrings: KeyPackage
    """The package with NVIDIA's key."""
