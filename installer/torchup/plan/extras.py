"""Packages beside PyTorch: single requirements, and sets of them under one name."""

from __future__ import annotations

from torchup.model.request import EnvironmentWish

SETS: dict[str, tuple[str, ...]] = {
    "notebook": ("notebook", "ipywidgets", "matplotlib"),
    "transformers": ("transformers", "accelerate", "datasets", "safetensors"),
    "diffusers": ("diffusers", "transformers", "accelerate", "safetensors"),
    "lightning": ("lightning", "tensorboard"),
}
"""What a bare name stands for. Each set has the package of its own name in it, so nobody gets less than was named."""


def wanted_extras(wish: EnvironmentWish) -> tuple[str, ...]:
    """Give the requirements that `extras` and `jupyter_kernel` come down to, each once.

    A name with a version, such as `transformers>=5`, is that package alone and no set.
    """
    named = [item for extra in wish.extras for item in SETS.get(extra, (extra,))]
    return tuple(dict.fromkeys([*named, *(["ipykernel"] if wish.jupyter_kernel else [])]))
