"""The packages of an environment by their metadata, read without importing or starting anything, and what is wrong with them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from email.parser import HeaderParser

from packaging.markers import UndefinedEnvironmentName
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from torchup.detect.host import Host
from torchup.detect.torch_installs import parse_backend, parse_conda_build
from torchup.model.diagnosis import Found
from torchup.words import tr

_DIST_INFO = re.compile(r"(?P<name>[^-]+)-(?P<version>[^-]+)\.dist-info")
_VARIANT = re.compile(r"cpu|cu\d+|rocm[\d.]+|xpu")
_LEFT_OVER = re.compile(r"~+(?:orch|torch)\b.*|~orch.*")
_COMPANIONS = ("torchvision", "torchaudio")
_NUMPY_2 = Version("2")
_TORCH_FOR_NUMPY_2 = Version("2.3")
# setuptools 82 dropped pkg_resources; torch.utils.cpp_extension stopped using it with 2.9 (reports differ by code path).
_SETUPTOOLS, _TORCH_FOR_SETUPTOOLS = Version("82"), Version("2.9")


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """One installed distribution: its name in canonical form, version, and what it requires.

    `folder` is the one it lies in, `info` that of its metadata.
    """

    name: str
    version: str
    requires: tuple[str, ...] = ()
    folder: str = ""
    info: str = ""

    @property
    def label(self) -> str:
        """The local version label, which names the build: `cu126`."""
        return self.version.partition("+")[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Packages:
    """What is installed, first on the path first; `variant` is the build of torch."""

    found: tuple[Package, ...] = ()
    variant: str | None = None
    conda_cpu: str | None = None
    left_overs: tuple[str, ...] = ()
    markers: Mapping[str, str] = field(default_factory=dict)

    def get(self, name: str) -> Package | None:
        """Give the distribution of this name that Python would use."""
        return next((package for package in self.found if package.name == name), None)


def read_packages(host: Host, sites: tuple[str, ...], *, prefix: str, markers: Mapping[str, str]) -> Packages:
    """Read the metadata in the package folders of an environment; `markers` are those of its interpreter."""
    found: list[Package] = []
    left_overs: list[str] = []
    for folder in sites:
        names = host.names(folder)
        left_overs += [f"{folder}/{name}" for name in names if _LEFT_OVER.fullmatch(name)]
        for name in names:
            match = _DIST_INFO.fullmatch(name)
            if match:
                text = host.read_text(f"{folder}/{name}/METADATA") or ""
                package = parse_package(text, match["name"], match["version"], folder)
                found.append(replace(package, info=f"{folder}/{name}"))
    torch = next((package for package in found if package.name == "torch"), None)
    records = host.names(f"{prefix}/conda-meta")
    conda = next((record for record in records if parse_conda_build(record) == "cpu"), None)
    variant = None
    if torch is not None:
        text = host.read_text(f"{torch.folder}/torch/version.py") or ""
        variant = torch.label if _VARIANT.fullmatch(torch.label) else parse_backend(text)
    if variant is None and conda is not None:
        variant = "cpu"
    return Packages(
        found=tuple(found), variant=variant, conda_cpu=conda, left_overs=tuple(left_overs), markers=dict(markers)
    )


def parse_package(text: str, name: str, version: str, folder: str) -> Package:
    """Read one METADATA file; what it lacks is taken from its folder's name."""
    header = HeaderParser().parsestr(text.partition("\n\n")[0])
    return Package(
        name=canonicalize_name(str(header.get("Name") or name)),
        version=str(header.get("Version") or version).strip(),
        requires=tuple(str(line) for line in header.get_all("Requires-Dist") or ()),
        folder=folder,
    )


def package_causes(packages: Packages, *, gpu_here: str | None, cpu_is_wanted: bool) -> Iterator[Found]:
    """Name what is wrong with the packages, the decisive first; `gpu_here` names a GPU that torch could use."""
    torch = packages.get("torch")
    if torch is None:
        yield Found(cause="torch-not-installed", evidence=(tr("no torch-*.dist-info in the environment"),))
        return
    twice = [package for package in packages.found if package.name == "torch" and package.folder == torch.folder]
    if len(twice) > 1 or packages.left_overs:
        versions = [f"torch {package.version}" for package in twice]
        yield Found(cause="torch-partially-initialized", evidence=(*versions, *packages.left_overs))
    if packages.variant == "cpu" and gpu_here and not cpu_is_wanted:
        evidence = (
            tr("torch {version} is a CPU build", version=torch.version),
            tr("the machine has {gpu}", gpu=gpu_here),
        )
        if packages.conda_cpu:
            yield Found(cause="conda-resolved-cpu-build", evidence=(*evidence, packages.conda_cpu))
        else:
            yield Found(cause="cpu-wheel-installed", evidence=evidence)
    yield from _requirements(packages, torch)
    yield from _companions(packages, torch)
    yield from _numpy(packages, torch)


def _requirements(packages: Packages, torch: Package) -> Iterator[Found]:
    missing: list[str] = []
    cuda: list[str] = []
    for requirement in _wanted(torch, packages.markers):
        installed = packages.get(canonicalize_name(requirement.name))
        if installed is None:
            missing.append(f"{requirement.name}{requirement.specifier}")
        elif requirement.name.startswith(("nvidia", "triton")) and not _fits(requirement, installed.version):
            cuda.append(
                tr(
                    "torch asks for {requirement}, {version} is installed",
                    requirement=f"{requirement.name}{requirement.specifier}",
                    version=installed.version,
                )
            )
    if missing:
        yield Found(cause="torch-incomplete", evidence=(tr("not installed: {packages}", packages=", ".join(missing)),))
    if cuda:
        yield Found(cause="cuda-pins-differ", evidence=tuple(cuda))


def _companions(packages: Packages, torch: Package) -> Iterator[Found]:
    evidence: list[str] = []
    for name in _COMPANIONS:
        package = packages.get(name)
        if package is None:
            continue
        evidence += [
            tr(
                "{name} {version} asks for torch{specifier}, {torch} is here",
                name=name,
                version=package.version,
                specifier=requirement.specifier,
                torch=torch.version,
            )
            for requirement in _wanted(package, packages.markers)
            if canonicalize_name(requirement.name) == "torch" and not _fits(requirement, torch.version)
        ]
        if package.label and torch.label and package.label != torch.label:
            evidence.append(
                tr("{name} is {variant}, torch is {torch}", name=name, variant=package.label, torch=torch.label)
            )
    if evidence:
        yield Found(cause="torchvision-nms-missing", evidence=tuple(evidence))


def _numpy(packages: Packages, torch: Package) -> Iterator[Found]:
    numpy = packages.get("numpy")
    if numpy and _at_least(numpy.version, _NUMPY_2) and not _at_least(torch.version, _TORCH_FOR_NUMPY_2):
        yield Found(cause="numpy2-abi", evidence=(f"numpy {numpy.version}, torch {torch.version}",))


def setuptools_cause(packages: Packages) -> Found | None:
    """Tell whether building extensions fails for want of pkg_resources."""
    torch, setuptools = packages.get("torch"), packages.get("setuptools")
    if torch is None or setuptools is None or _at_least(torch.version, _TORCH_FOR_SETUPTOOLS):
        return None
    if not _at_least(setuptools.version, _SETUPTOOLS):
        return None
    evidence = f"setuptools {setuptools.version}, torch {torch.version}"
    return Found(cause="setuptools-82-pkg-resources", evidence=(evidence,))


def _wanted(package: Package, markers: Mapping[str, str]) -> Iterator[Requirement]:
    for text in package.requires:
        try:
            requirement = Requirement(text)
            needed = requirement.marker is None or requirement.marker.evaluate({**markers, "extra": ""})
        except (InvalidRequirement, UndefinedEnvironmentName):
            continue
        if needed:
            yield requirement


def _fits(requirement: Requirement, version: str) -> bool:
    try:
        return requirement.specifier.contains(Version(version), prereleases=True)
    except InvalidVersion:
        return True


def _at_least(version: str, bound: Version) -> bool:
    try:
        return Version(version) >= bound
    except InvalidVersion:
        return False
