"""The sources about PyTorch's releases, key by key."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from knowledge_tables.common import File, Platform, Row, Words


class PlatformBuild(Row):
    """One wheel of a CUDA variant."""

    sm: list[int]
    """The compute capabilities, times ten, with native code in the wheel; empty where the wheel was not read."""
    ptx: list[int]
    """The compute capabilities, times ten, with PTX in the wheel."""
    evidence: Words
    """Codes of `evidence_codes` that say how this is known."""
    note: str = ""
    """What else is worth knowing."""


class CudaBuild(Row):
    """One CUDA variant of a release."""

    cuda_toolkit: str = ""
    """The CUDA toolkit that it was built with."""
    cuda_runtime_pkg: str = ""
    """The version of the CUDA runtime package, where only this is known."""
    cudnn: str | None = None
    """The cuDNN that the wheel brings along."""
    cudnn_note: str = ""
    """What sources say differently about cuDNN."""
    nccl: str | None = None
    """The NCCL that the wheel brings along."""
    only_patches: dict[Platform | Literal["all"], Words] = {}
    """The patch releases that have this variant, where not all have it: per platform, or for all."""
    platforms: dict[Platform, PlatformBuild]
    """The wheels, per platform."""


class Companions(Row):
    """The packages that go with each patch release; `"none"` where there is none."""

    torchvision: dict[str, str]
    """The torchvision of each patch release."""
    torchaudio: dict[str, str]
    """The torchaudio of each patch release."""
    triton: dict[str, str]
    """The triton of each patch release; `3.8.x` where the last part is not known."""


class CompilePythons(Row):
    """Where `torch.compile` ends."""

    below: str
    """The first Python on which `torch.compile` of this release does not work."""
    evidence: Words
    """Codes of `evidence_codes` that say how this is known."""


class Wheels(Row):
    """The tags of one patch release's wheels."""

    version: str
    """The patch release."""
    evidence: Words
    """Codes of `evidence_codes` that say how this is known."""
    platforms: dict[Platform, dict[str, Words]]
    """Per platform, from the platform tag to the CPython tags; `cp313t` is the free-threaded build."""


class IndexOnly(Row):
    """Wheels that only PyTorch's own index has."""

    version: str
    """The patch release."""
    platforms: list[Platform]
    """The platforms that they are for."""
    pythons: Words
    """Their CPython tags."""
    evidence: Words
    """Codes of `evidence_codes` that say how this is known."""
    source: str
    """The short name of the source."""


class NotOffered(Row):
    """Wheels that something names and that torchup does not offer."""

    version: str
    """The patch release."""
    pythons: Words
    """Their CPython tags."""
    evidence: Words
    """Codes of `evidence_codes` that say how this is known."""
    source: str
    """The short name of the source."""
    note: str
    """Why they are not offered."""


class OtherPlatformTags(Row):
    """Variants whose wheels have another platform tag than the release's others."""

    version: str
    """The patch release."""
    variants: Words
    """The variants."""
    from_: str = Field(alias="from")
    """The platform tag of the release's other wheels."""
    to: str
    """The platform tag of these."""
    evidence: Words
    """Codes of `evidence_codes` that say how this is known."""
    source: str
    """The short name of the source."""
    note: str
    """What else is worth knowing."""


class PurePythonTag(Row):
    """A companion whose wheels do not depend on the interpreter."""

    package: str
    """The companion."""
    version: str
    """The version of the companion."""
    python: str
    """The interpreter tag of its wheels."""
    abi: str
    """The ABI tag of its wheels."""
    evidence: Words
    """Codes of `evidence_codes` that say how this is known."""
    source: str
    """The short name of the source."""


class CompanionsMissing(Row):
    """A variant that some companions do not have."""

    variant: str
    """The variant."""
    platform: Platform
    """The platform."""
    packages: Words
    """The companions that it lacks."""
    evidence: Words
    """Codes of `evidence_codes` that say how this is known."""
    source: str
    """The short name of the source."""


class WindowsArm(Row):
    """The wheels for Windows on ARM of one patch release."""

    version: str
    """The patch release."""
    tag: str
    """Their platform tag."""
    pythons: Words
    """Their CPython tags."""
    variants: Words
    """Their variants."""
    packages: Words
    """The packages that have them."""
    evidence: Words
    """Codes of `evidence_codes` that say how this is known."""
    source: str
    """The short name of the source."""
    note: str = ""
    """What else is worth knowing."""


class TorchRelease(File):
    """`torch/2.15.toml`: one minor release of torch with its patch releases and their wheels."""

    minor: str
    """The minor release; the file has its name."""
    patches: Words
    """Its patch releases, oldest first."""
    requires_python: str
    """The Pythons that its metadata allows."""
    source: Words
    """Short names of the sources."""
    notes: Words = []
    """What else is worth knowing."""
    removed: Words = []
    """Variants that the release before it had."""
    windows_arm64_note: str = ""
    """What was seen for Windows on ARM."""
    rocm: Words | None = None
    """The ROCm variants; left out where nobody has seen whether there are any."""
    xpu: bool | None = None
    """Whether there is an XPU variant; left out where nobody has seen whether there is."""
    compile_pythons: CompilePythons | None = None
    """Where `torch.compile` ends; left out where it works on every Python that the release has wheels for."""
    default_index: dict[Platform, str]
    """The variant of the package index's wheel without a label, per platform."""
    companions: Companions
    """The packages that go with each patch release."""
    variants: dict[str, CudaBuild]
    """The CUDA variants, oldest first."""
    wheels: list[Wheels]
    """The tags of each patch release's wheels; every variant of a platform has the same."""
    index_only: list[IndexOnly] = []
    """Wheels that only PyTorch's own index has."""
    not_offered: list[NotOffered] = []
    """Wheels that something names and that torchup does not offer."""
    other_platform_tags: list[OtherPlatformTags] = []
    """Variants whose wheels have another platform tag than the others."""
    pure_python_tag: list[PurePythonTag] = []
    """Companions whose wheels do not depend on the interpreter."""
    companions_missing: list[CompanionsMissing] = []
    """Variants that some companions do not have."""
    windows_arm64: list[WindowsArm] = []
    """The wheels for Windows on ARM."""


class RequiresPythonAlso(Row):
    """A limit that a companion sets beside torch's own."""

    from_: str = Field(alias="from")
    """The first version of the companion that sets it."""
    specifier: str
    """The limit."""


class CompanionRule(Row):
    """What holds for a companion over all releases."""

    last: str | None = None
    """Its last release, where it has ended."""
    ended: bool
    """Whether no torch after those that are known gets one."""
    pinned_to_torch_until: str = ""
    """The last of its versions whose metadata names one torch."""
    requires_torch_from: dict[str, str] = {}
    """From its version on, the torch that its metadata asks for."""
    requires_python_also: RequiresPythonAlso | None = None
    """A limit that it sets beside torch's own."""
    platforms: list[Platform] = []
    """The platforms that have it, where not all have."""
    linux_aarch64_from: str = ""
    """Its first version for Linux on ARM."""
    note: str
    """What else is worth knowing."""
    source: str
    """The short name of the source."""


class Index(Row):
    """PyTorch's own index."""

    base: str
    """Its address, to which a variant is added."""
    missing_wheel_status: int
    """What it answers for a file that does not exist."""
    file_hosts_seen: Words
    """The hosts that its pages name."""
    local_version_needs_url_encoding: bool
    """Whether the `+` of a label is written `%2B` in addresses."""
    source: str
    """The short name of the source."""


class WithoutLocalLabel(Row):
    """Wheels on PyTorch's index whose names do not tell the variant."""

    variant: str
    """The variant."""
    platform: Platform
    """The platform."""
    until: str | None = None
    """The last minor release of which it holds; left out where it still does."""
    evidence: Words
    """Codes of `evidence_codes` that say how this is known."""
    source: str
    """The short name of the source."""
    note: str = ""
    """What else is worth knowing."""


class TorchShared(File):
    """`torch/_shared.toml`: what holds for many releases of torch."""

    evidence_codes: dict[str, str]
    """The codes that `evidence` holds, and what they mean."""
    index: Index
    """PyTorch's own index."""
    companion_rules: dict[str, CompanionRule]
    """What holds for a companion over all releases."""
    without_local_label: list[WithoutLocalLabel]
    """Wheels on PyTorch's index whose names do not tell the variant."""
