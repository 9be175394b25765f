"""Whether the toolkit's libraries belong into LD_LIBRARY_PATH: a decision with its reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torchup.model.resolution import Reason
from torchup.words import tr

Policy = Literal["auto", "always", "never"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LibraryPathDecision:
    """The directories to append to LD_LIBRARY_PATH, and why these or none."""

    directories: tuple[str, ...]
    reason: Reason


def decide_library_path(
    policy: Policy,
    *,
    library_dir: str | None,
    loader_finds_it: bool,
    wheel_brings_cuda: bool,
) -> LibraryPathDecision:
    """Apply the policy `ld_library_path` to the toolkit's library directory, None without a toolkit.

    `loader_finds_it`: the directory is in the loader's own configuration (ld.so.conf, or the cache).
    `wheel_brings_cuda`: the PyTorch wheel holds its own CUDA libraries, as CUDA wheels do.
    """
    if library_dir is None:
        return _none(
            "no-toolkit", tr("LD_LIBRARY_PATH is left alone: no CUDA toolkit is chosen, and PyTorch needs none.")
        )
    if policy == "never":
        return _none("asked-never", tr("LD_LIBRARY_PATH is left alone, as you asked."))
    if policy == "always":
        text = tr("{folder} is appended to LD_LIBRARY_PATH, as you asked.", folder=library_dir)
        if wheel_brings_cuda:
            text += tr(
                " PyTorch's wheel brings its own CUDA libraries; if it fails to load them, this is the first suspect."
            )
        return LibraryPathDecision(directories=(library_dir,), reason=Reason(code="asked-always", text=text))
    if wheel_brings_cuda:
        return _none(
            "would-shadow-wheel",
            tr(
                "LD_LIBRARY_PATH is left alone: the libraries in {folder} would be found before those that PyTorch's wheel brings.",
                folder=library_dir,
            ),
        )
    if loader_finds_it:
        return _none(
            "loader-finds-it",
            tr("LD_LIBRARY_PATH is left alone: the loader finds {folder} by itself.", folder=library_dir),
        )
    return LibraryPathDecision(
        directories=(library_dir,),
        reason=Reason(
            code="loader-misses-it",
            text=tr(
                "{folder} is appended to LD_LIBRARY_PATH: the loader does not search it, and PyTorch's wheel brings no CUDA libraries that it could hide.",
                folder=library_dir,
            ),
        ),
    )


def _none(code: str, text: str) -> LibraryPathDecision:
    return LibraryPathDecision(directories=(), reason=Reason(code=code, text=text))
