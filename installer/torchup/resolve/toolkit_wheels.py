"""A CUDA toolkit made of wheels: which packages, in which versions, and what speaks against it."""

from __future__ import annotations

from collections.abc import Iterable

from packaging.version import Version

from torchup.knowledge.variants import Variant
from torchup.model.offer import Offer
from torchup.model.quick import dataclass
from torchup.model.resolution import Reason
from torchup.model.versions import ComputeCapability
from torchup.resolve.wheels import Host, platform_refusal
from torchup.words import tr

NVCC = "nvidia-cuda-nvcc"
RUNTIME = "nvidia-cuda-runtime"
CCCL = "nvidia-cuda-cccl"
COMPILER = (NVCC, "nvidia-cuda-crt", "nvidia-nvvm")
"""The compiler itself: these three are of one version."""

CUDNN = ("nvidia-cudnn-cu13", "nvidia-cudnn-cu12", "nvidia-cudnn-cu11")
FIRST_MAJOR = 13
"""The wheels of CUDA 11 and 12 hold ptxas and headers, but no nvcc (read in all of 11.8 to 12.9)."""

_TURING = ComputeCapability(7, 5)
_LAST_CUDNN_BEFORE_TURING = Version("9.10.2.999")
_CCCL_OWN_NUMBERS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class WheelToolkit:
    """The wheels that make the toolkit, or why there is none; `notes` say what was left out."""

    wheels: tuple[Offer, ...] = ()
    problem: Reason | None = None
    notes: tuple[Reason, ...] = ()


def wheel_packages(*, cudnn: bool) -> tuple[str, ...]:
    """Name the packages whose offers are needed to decide."""
    return (*COMPILER, RUNTIME, CCCL, *(CUDNN if cudnn else ()))


def choose_wheels(
    release: tuple[int, int], variant: Variant | None, offers: tuple[Offer, ...], host: Host
) -> WheelToolkit:
    """Choose the newest compiler of a CUDA release from 13.0 on, with what belongs to it.

    A CUDA 13 build of PyTorch pins the runtime's wheel, which lies in the same folder: then the runtime is
    left to PyTorch, and the compiler has to be of the same release, because CUDA's headers refuse another.
    """
    title = f"{release[0]}.{release[1]}"
    built_with = variant.cuda if variant is not None else None
    shared = built_with is not None and built_with[0] == release[0]
    if variant is not None and built_with is not None and shared and built_with != release:
        theirs = f"{built_with[0]}.{built_with[1]}"
        text = tr(
            "The {name} build of PyTorch pins the runtime of CUDA {theirs} in the environment, and a compiler of CUDA {title} refuses its headers; cuda_toolkit.version: auto takes {theirs}.",
            name=variant.name,
            theirs=theirs,
            title=title,
        )
        return WheelToolkit(problem=Reason(code="toolkit-would-move-torch", text=text))
    compilers = _same_version([_of_release(name, f"{title}.", offers, host) for name in COMPILER])
    cccl_release = f"{release[0]}.3.{release[1]}." if release[1] >= _CCCL_OWN_NUMBERS else f"{title}."
    cccl = _newest(_of_release(CCCL, cccl_release, offers, host))
    runtime = _newest(_of_release(RUNTIME, f"{title}.", offers, host))
    lacking = [
        *(() if compilers else COMPILER),
        *(() if cccl else (CCCL,)),
        *(() if runtime or shared else (RUNTIME,)),
    ]
    if lacking or compilers is None or cccl is None:
        return WheelToolkit(problem=_not_offered(title, lacking, offers))
    chosen = [*compilers, cccl]
    if runtime is not None and not shared:
        chosen.append(runtime)
    return WheelToolkit(wheels=tuple(chosen))


def choose_cudnn(
    major: int,
    variant: Variant | None,
    offers: tuple[Offer, ...],
    host: Host,
    capabilities: Iterable[ComputeCapability],
) -> WheelToolkit:
    """Choose cuDNN's wheel for a CUDA major, no newer than what the oldest GPU can use.

    On Linux a CUDA build of PyTorch pins its own cuDNN wheel, headers included; a second one would move it.
    """
    name = f"nvidia-cudnn-cu{major}"
    if variant is not None and variant.cuda is not None and variant.cuda[0] == major and host.system == "linux":
        text = tr(
            "PyTorch's {name} build brings cuDNN itself ({package}, with its headers), pinned to what it was built with: none is added.",
            name=variant.name,
            package=name,
        )
        return WheelToolkit(notes=(Reason(code="cudnn-with-torch", text=text),))
    old = sorted({capability for capability in capabilities if capability < _TURING})
    found = [
        offer
        for offer in _of_release(name, "", offers, host)
        if not old or Version(offer.version) <= _LAST_CUDNN_BEFORE_TURING
    ]
    best = _newest(found)
    if best is not None:
        text = (
            tr(
                "cuDNN is {version} for CUDA {major}, the last for compute capability {old}.",
                version=best.version,
                major=major,
                old=old[0],
            )
            if old
            else tr("cuDNN is {version} for CUDA {major}.", version=best.version, major=major)
        )
        return WheelToolkit(wheels=(best,), notes=(Reason(code="cudnn", text=text),))
    if old and _of_release(name, "", offers, host):
        text = tr(
            "cuDNN for CUDA {major} begins after 9.10.2, the last release for compute capability {old}.",
            major=major,
            old=old[0],
        )
        return WheelToolkit(problem=Reason(code="cudnn-too-new", text=text))
    return WheelToolkit(
        problem=Reason(code="cudnn-not-offered", text=tr("No source offers {name} for this machine.", name=name))
    )


def _of_release(name: str, release: str, offers: tuple[Offer, ...], host: Host) -> list[Offer]:
    """Give the usable wheels of a package; placeholders (`0.0.1`, `0.0.1.dev5`) are none."""
    return [
        offer
        for offer in offers
        if offer.package == name
        and offer.version.startswith(release)
        and offer.yanked is None
        and not _placeholder(offer)
        and platform_refusal(offer.tags[2], host) is None
    ]


def _placeholder(offer: Offer) -> bool:
    version = Version(offer.version)
    return version.major == 0 or version.is_devrelease


def _newest(offers: list[Offer]) -> Offer | None:
    # Of equals the first one counts: sources come in their order.
    return max(offers, key=lambda offer: Version(offer.version), default=None)


def _same_version(found: list[list[Offer]]) -> tuple[Offer, ...] | None:
    common = set.intersection(*({offer.version for offer in offers} for offers in found))
    if not common:
        return None
    newest = max(common, key=Version)
    return tuple(next(offer for offer in offers if offer.version == newest) for offers in found)


def _not_offered(title: str, lacking: list[str], offers: tuple[Offer, ...]) -> Reason:
    seen = sorted({offer.version for offer in offers if offer.package == lacking[0]}, key=Version)
    has = tr("; of {package} there is {seen}", package=lacking[0], seen=", ".join(seen[-6:])) if seen else ""
    text = tr(
        "The package sources offer no CUDA {title} toolkit for this machine: {lacking} is missing{has}.",
        title=title,
        lacking=", ".join(lacking),
        has=has,
    )
    return Reason(code="toolkit-not-offered", text=text)
