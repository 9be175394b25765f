"""Which CUDA toolkit CUDA_HOME is to name: one that exists, one to be installed, or none."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from torchup.knowledge.variants import Variant
from torchup.model.facts import Compiler, OperatingSystem, Toolkit
from torchup.model.offer import Offer
from torchup.model.quick import dataclass
from torchup.model.request import ToolkitWish
from torchup.model.resolution import NextStep, Reason, ToolkitDecision
from torchup.model.versions import ComputeCapability
from torchup.resolve.host_compiler import compiler_warnings
from torchup.resolve.refusal import listed
from torchup.resolve.toolkit_wheels import FIRST_MAJOR, WheelToolkit, choose_cudnn, choose_wheels
from torchup.resolve.wheels import host_of
from torchup.words import tr

Release = tuple[int, ...]
NO_TOOLKIT = ToolkitDecision(source="none")


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolkitFinding:
    """The decision, and what to say about it; `problem` is set when the wish cannot be met, `steps` say what can."""

    decision: ToolkitDecision
    reasons: tuple[Reason, ...] = ()
    warnings: tuple[Reason, ...] = ()
    problem: Reason | None = None
    steps: tuple[NextStep, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Workplace:
    """What the decision looks at beside the wish: the machine, its GPUs in use, and the wheels on offer.

    `wheels` is None where nobody asked the sources. `conda` says that a conda of some kind is there.
    """

    os: OperatingSystem
    compilers: tuple[Compiler, ...] | None = None
    capabilities: tuple[ComputeCapability, ...] = ()
    wheels: tuple[Offer, ...] | None = None
    conda: bool = False


_UNKNOWN = Workplace(os=OperatingSystem(system="linux", arch="x86_64"))


def decide_toolkit(
    wish: ToolkitWish, toolkits: tuple[Toolkit, ...], variant: Variant | None, place: Workplace = _UNKNOWN
) -> ToolkitFinding:
    """Choose the toolkit by what extensions compiled against this build need: the same CUDA major.

    PyTorch's own wheels need no toolkit; only compiling does.
    """
    if wish.source == "none":
        return ToolkitFinding(decision=NO_TOOLKIT, warnings=_needless_cudnn(wish))
    if wish.source == "existing" or wish.source == "auto":  # noqa: PLR1714  `in` would not narrow the type
        finding = _existing(wish, toolkits, variant, place)
        return _checked(finding, place, extra=_needless_cudnn(wish))
    version = wish.version if wish.version != "auto" else _matching_version(variant)
    if version is None:
        text = tr(
            "cuda_toolkit.source: {source} needs cuda_toolkit.version, because the build is not a CUDA one.",
            source=wish.source,
        )
        return _impossible(Reason(code="toolkit-version-missing", text=text))
    if wish.source == "wheel":
        return _checked(_from_wheels(wish, version, toolkits, variant, place), place)
    decision = ToolkitDecision(source=wish.source, version=version, path=wish.path)
    return _checked(ToolkitFinding(decision=decision, warnings=_mismatch(version, variant)), place)


def _from_wheels(
    wish: ToolkitWish, version: str, toolkits: tuple[Toolkit, ...], variant: Variant | None, place: Workplace
) -> ToolkitFinding:
    release = _numbers(version)[:2]
    if place.os.system == "darwin":
        return _impossible(Reason(code="toolkit-no-cuda", text=tr("CUDA has no toolkit for macOS.")))
    if len(release) < 2 or release[0] < FIRST_MAJOR:  # noqa: PLR2004  major and minor
        text = tr(
            "The Python packages of CUDA {version} have no nvcc: those of CUDA 11 and 12 hold ptxas and headers only, and the compiler is in them from CUDA {first}.0 on.",
            version=version,
            first=FIRST_MAJOR,
        )
        steps = _other_sources(version, toolkits, variant, place)
        return _impossible(Reason(code="toolkit-wheel-without-nvcc", text=text), steps)
    title = f"{release[0]}.{release[1]}"
    if place.wheels is None:
        text = tr("Whether the package sources offer CUDA {title}'s compiler was not asked.", title=title)
        unasked = Reason(code="toolkit-not-asked", text=text)
        decision = ToolkitDecision(source="wheel", version=title)
        return ToolkitFinding(decision=decision, warnings=(unasked, *_mismatch(version, variant)))
    host = host_of(place.os)
    found = choose_wheels((release[0], release[1]), variant, place.wheels, host)
    cudnn = WheelToolkit()
    if wish.cudnn and found.problem is None:
        cudnn = choose_cudnn(release[0], variant, place.wheels, host, place.capabilities)
    if problem := found.problem or cudnn.problem:
        return _impossible(problem, _other_sources(version, toolkits, variant, place))
    decision = ToolkitDecision(source="wheel", version=title, wheels=(*found.wheels, *cudnn.wheels))
    return ToolkitFinding(decision=decision, reasons=(*found.notes, *cudnn.notes), warnings=_mismatch(version, variant))


def _other_sources(
    version: str, toolkits: tuple[Toolkit, ...], variant: Variant | None, place: Workplace
) -> tuple[NextStep, ...]:
    """Say where a compiler of this release can come from instead."""
    major = version.partition(".")[0]
    steps = [
        NextStep(
            text=tr(
                "cuda_toolkit.source: existing, with path: {path}, takes the CUDA {version} that is there.",
                path=found.path,
                version=found.version,
            )
        )
        for found in toolkits
        if found.nvcc and (found.version or "").partition(".")[0] == major
    ][:1]
    if place.os.system == "linux":
        steps.append(
            NextStep(
                text=tr(
                    "cuda_toolkit.source: system installs CUDA {version} as packages of the system (root).",
                    version=version,
                )
            )
        )
    if place.conda:
        steps.append(
            NextStep(
                text=tr(
                    "cuda_toolkit.source: conda installs CUDA {version} from conda-forge, without root.",
                    version=version,
                )
            )
        )
    if (
        variant is not None
        and variant.cuda is not None
        and variant.cuda[0] >= FIRST_MAJOR
        and major != str(variant.cuda[0])
    ):
        steps.append(
            NextStep(
                text=tr("cuda_toolkit.version: auto takes the compiler that fits the {name} build.", name=variant.name)
            )
        )
    steps.append(NextStep(text=tr("cuda_toolkit.source: none needs no compiler: PyTorch itself runs without one.")))
    return tuple(steps)


def _checked(finding: ToolkitFinding, place: Workplace, extra: tuple[Reason, ...] = ()) -> ToolkitFinding:
    if finding.problem is not None or finding.decision.source == "none":
        return replace(finding, warnings=(*finding.warnings, *extra))
    compilers = compiler_warnings(finding.decision.version, place.compilers, place.os)
    return replace(finding, warnings=(*finding.warnings, *compilers, *extra))


def _impossible(problem: Reason, steps: tuple[NextStep, ...] = ()) -> ToolkitFinding:
    return ToolkitFinding(decision=NO_TOOLKIT, problem=problem, steps=steps)


def _needless_cudnn(wish: ToolkitWish) -> tuple[Reason, ...]:
    if not wish.cudnn:
        return ()
    what = tr("no toolkit is installed") if wish.source == "none" else tr("a toolkit that exists is left as it is")
    text = tr(
        "cuda_toolkit.cudnn adds nothing, because {what}; PyTorch's CUDA builds bring their own cuDNN.", what=what
    )
    return (Reason(code="cudnn-needless", text=text),)


def _existing(
    wish: ToolkitWish, toolkits: tuple[Toolkit, ...], variant: Variant | None, place: Workplace
) -> ToolkitFinding:
    asked = wish.source == "existing"
    candidates = [toolkit for toolkit in toolkits if toolkit.nvcc or asked]
    if wish.path:
        candidates = [toolkit for toolkit in toolkits if toolkit.path.rstrip("/") == wish.path.rstrip("/")]
        if not candidates and asked:
            # Detection looks in the usual places only: a path that was named counts all the same.
            return ToolkitFinding(decision=ToolkitDecision(source="existing", version=_named(wish), path=wish.path))
    if wish.version != "auto":
        candidates = [toolkit for toolkit in candidates if _has_version(toolkit, wish.version)]
    matching = [
        toolkit for toolkit in candidates if variant and variant.cuda and _release(toolkit)[:1] == variant.cuda[:1]
    ]
    release = variant.cuda if variant else None
    pinned = wish.path is not None or wish.version != "auto"
    if asked and not pinned and not matching and candidates and variant is not None and release is not None:
        return _other_major(candidates, variant, release, place)
    chosen = min(matching or (candidates if asked else []), key=lambda found: _preference(found, release), default=None)
    if chosen is None:
        return _nothing(wish, toolkits) if asked else ToolkitFinding(decision=ToolkitDecision(source="none"))
    decision = ToolkitDecision(source="existing", version=chosen.version, path=chosen.path)
    warnings = _mismatch(chosen.version, variant)
    if not chosen.nvcc:
        text = tr("The toolkit in {path} has no nvcc, so nothing can be compiled with it.", path=chosen.path)
        warnings = (*warnings, Reason(code="toolkit-without-nvcc", text=text))
    return ToolkitFinding(decision=decision, warnings=warnings)


def _other_major(
    candidates: list[Toolkit], variant: Variant, release: tuple[int, int], place: Workplace
) -> ToolkitFinding:
    found = _places(candidates)
    text = tr(
        "The {name} build needs a compiler of CUDA {major}, and the toolkits of this machine are {found}: extensions compiled with them would not load.",
        name=variant.name,
        major=release[0],
        found=found,
    )
    steps = (
        NextStep(
            text=tr(
                "cuda_toolkit.path names one of them all the same: cuda_toolkit.path: {path}.", path=candidates[0].path
            )
        ),
        *_other_sources(f"{release[0]}.{release[1]}", (), variant, place),
    )
    return _impossible(Reason(code="toolkit-other-major", text=text), steps)


def _places(toolkits: Iterable[Toolkit]) -> str:
    named = (
        tr("{version} in {path}", version=toolkit.version or tr("unknown"), path=toolkit.path) for toolkit in toolkits
    )
    return listed(list(named))


def _nothing(wish: ToolkitWish, toolkits: tuple[Toolkit, ...]) -> ToolkitFinding:
    found = _places(toolkits) or tr("none")
    version = f" {wish.version}" if wish.version != "auto" else ""
    text = tr(
        "cuda_toolkit.source: existing asks for a toolkit{version} on this machine; found {found}.",
        version=version,
        found=found,
    )
    problem = Reason(code="toolkit-missing", text=text)
    return ToolkitFinding(decision=ToolkitDecision(source="none"), problem=problem)


def _mismatch(version: str | None, variant: Variant | None) -> tuple[Reason, ...]:
    if variant is None or version is None:
        return ()
    if variant.cuda is None:
        text = tr(
            "CUDA_HOME will name CUDA {version}, which the {name} build of PyTorch does not use.",
            version=version,
            name=variant.name,
        )
        return (Reason(code="toolkit-unused", text=text),)
    if version.partition(".")[0] != str(variant.cuda[0]):
        text = tr(
            "The toolkit is CUDA {version} and the build is {name}: extensions compiled with it will not load.",
            version=version,
            name=variant.name,
        )
        return (Reason(code="toolkit-other-major", text=text),)
    return ()


def _matching_version(variant: Variant | None) -> str | None:
    return f"{variant.cuda[0]}.{variant.cuda[1]}" if variant and variant.cuda else None


def _named(wish: ToolkitWish) -> str | None:
    return wish.version if wish.version != "auto" else None


def _has_version(toolkit: Toolkit, version: str) -> bool:
    return f"{toolkit.version or ''}.".startswith(f"{version}.")


def _release(toolkit: Toolkit) -> Release:
    return _numbers(toolkit.version or "")


def _numbers(version: str) -> Release:
    parts = version.split(".")
    return tuple(int(part) for part in parts) if all(part.isdecimal() for part in parts) else ()


def _preference(toolkit: Toolkit, wanted: tuple[int, int] | None) -> tuple[bool, bool, Release, str]:
    numbers = _release(toolkit)
    return (not toolkit.nvcc, numbers[:2] != wanted, tuple(-number for number in numbers), toolkit.path)
