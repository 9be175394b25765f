"""Which CUDA toolkit CUDA_HOME is to name: one that exists, one to be installed, or none."""

from __future__ import annotations

from torchup.knowledge.variants import Variant
from torchup.model.facts import Toolkit
from torchup.model.quick import dataclass
from torchup.model.request import ToolkitWish
from torchup.model.resolution import Reason, ToolkitDecision
from torchup.resolve.refusal import listed

Release = tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolkitFinding:
    """The decision, and what to say about it; `problem` is set when the wish cannot be met."""

    decision: ToolkitDecision
    warnings: tuple[Reason, ...] = ()
    problem: Reason | None = None


def decide_toolkit(wish: ToolkitWish, toolkits: tuple[Toolkit, ...], variant: Variant | None) -> ToolkitFinding:
    """Choose the toolkit by what extensions compiled against this build need: the same CUDA major.

    PyTorch's own wheels need no toolkit; only compiling does.
    """
    if wish.source == "none":
        return ToolkitFinding(decision=ToolkitDecision(source="none"))
    if wish.source == "existing" or wish.source == "auto":  # noqa: PLR1714  `in` would not narrow the type
        return _existing(wish, toolkits, variant)
    version = wish.version if wish.version != "auto" else _matching_version(variant)
    if version is None:
        text = f"cuda_toolkit.source: {wish.source} needs cuda_toolkit.version, because the build is not a CUDA one."
        problem = Reason(code="toolkit-version-missing", text=text)
        return ToolkitFinding(decision=ToolkitDecision(source="none"), problem=problem)
    decision = ToolkitDecision(source=wish.source, version=version, path=wish.path)
    return ToolkitFinding(decision=decision, warnings=_mismatch(version, variant))


def _existing(wish: ToolkitWish, toolkits: tuple[Toolkit, ...], variant: Variant | None) -> ToolkitFinding:
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
    chosen = min(matching or (candidates if asked else []), key=lambda found: _preference(found, release), default=None)
    if chosen is None:
        return _nothing(wish, toolkits) if asked else ToolkitFinding(decision=ToolkitDecision(source="none"))
    decision = ToolkitDecision(source="existing", version=chosen.version, path=chosen.path)
    warnings = _mismatch(chosen.version, variant)
    if not chosen.nvcc:
        text = f"The toolkit in {chosen.path} has no nvcc, so nothing can be compiled with it."
        warnings = (*warnings, Reason(code="toolkit-without-nvcc", text=text))
    return ToolkitFinding(decision=decision, warnings=warnings)


def _nothing(wish: ToolkitWish, toolkits: tuple[Toolkit, ...]) -> ToolkitFinding:
    found = listed([f"{toolkit.version or 'unknown'} in {toolkit.path}" for toolkit in toolkits]) or "none"
    version = f" {wish.version}" if wish.version != "auto" else ""
    text = f"cuda_toolkit.source: existing asks for a toolkit{version} on this machine; found {found}."
    problem = Reason(code="toolkit-missing", text=text)
    return ToolkitFinding(decision=ToolkitDecision(source="none"), problem=problem)


def _mismatch(version: str | None, variant: Variant | None) -> tuple[Reason, ...]:
    if variant is None or version is None:
        return ()
    if variant.cuda is None:
        text = f"CUDA_HOME will name CUDA {version}, which the {variant.name} build of PyTorch does not use."
        return (Reason(code="toolkit-unused", text=text),)
    if version.partition(".")[0] != str(variant.cuda[0]):
        text = (
            f"The toolkit is CUDA {version} and the build is {variant.name}: extensions compiled with it will not load."
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
    parts = (toolkit.version or "").split(".")
    return tuple(int(part) for part in parts) if all(part.isdecimal() for part in parts) else ()


def _preference(toolkit: Toolkit, wanted: tuple[int, int] | None) -> tuple[bool, bool, Release, str]:
    numbers = _release(toolkit)
    return (not toolkit.nvcc, numbers[:2] != wanted, tuple(-number for number in numbers), toolkit.path)
