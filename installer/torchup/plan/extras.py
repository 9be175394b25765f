"""Packages beside PyTorch: single requirements, and sets of them under one name."""

from __future__ import annotations

from collections.abc import Mapping

from packaging.markers import UndefinedComparison, UndefinedEnvironmentName
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion

from torchup.model.request import EnvironmentWish
from torchup.words import tr

SETS: dict[str, tuple[str, ...]] = {
    "notebook": ("notebook", "ipywidgets", "matplotlib"),
    "transformers": ("transformers", "accelerate", "datasets", "safetensors"),
    "diffusers": ("diffusers", "transformers", "accelerate", "safetensors"),
    "lightning": ("lightning", "tensorboard"),
}
"""What a bare name stands for. Each set has the package of its own name in it, so nobody gets less than was named."""


def wanted_extras(wish: EnvironmentWish, markers: Mapping[str, str]) -> tuple[str, ...]:
    """Give the requirements that `extras` and `jupyter_kernel` come down to for an environment, each once.

    `markers` are the variables that markers are held against. A name with a version, such as `transformers>=5`, is
    that package alone and no set.
    """
    named = [item for extra in wish.extras if _applies(extra, markers) for item in _members(extra)]
    return tuple(dict.fromkeys([*named, *(["ipykernel"] if wish.jupyter_kernel else [])]))


def left_out_extras(wish: EnvironmentWish, markers: Mapping[str, str]) -> tuple[str, ...]:
    """Say which extras their own markers keep out of the environment."""
    return tuple(
        tr(
            "{requirement} is left out: its marker does not hold for Python {python} on {system} {arch}.",
            requirement=extra,
            python=markers["python_full_version"],
            system=markers["platform_system"],
            arch=markers["platform_machine"],
        )
        for extra in wish.extras
        if not _applies(extra, markers)
    )


def _members(extra: str) -> tuple[str, ...]:
    return SETS.get(canonicalize_name(extra), (extra,))


def _applies(extra: str, markers: Mapping[str, str]) -> bool:
    """Tell whether the marker holds; one that cannot be decided here is left to the installer, which gets it too."""
    marker = Requirement(extra).marker
    try:
        return marker is None or marker.evaluate({**markers, "extra": ""})
    except (UndefinedComparison, UndefinedEnvironmentName, InvalidVersion):
        return True
