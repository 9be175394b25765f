"""The tables as they may be a year from now: a newer torch, CUDA, driver branch and chip added to those of today."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

AS_OF = "2031-01-31"
TORCH = "2.99.0"
VISION = "0.99.0"
VARIANT = "cu139"
BRANCH = 999
CHIP = "GX999"
ARCHITECTURE = "feynman"
CAPABILITY = "14.0"


def grow(folder: Path) -> None:
    """Add what is new to the tables of a folder."""
    for name, add in GROWN.items():
        path = folder / f"{name}.json"
        table = json.loads(path.read_bytes())
        add(table)
        table["as_of"] = AS_OF
        path.write_text(json.dumps(table, indent=1), encoding="utf-8")


def _releases(table: dict[str, Any]) -> None:
    release = deepcopy(table["releases"][-1])
    release["minor"], _, _ = TORCH.rpartition(".")
    release["patches"] = [TORCH]
    release["companions"] = {"torchvision": {TORCH: VISION}, "torchaudio": {TORCH: None}, "triton": {TORCH: "3.99.x"}}
    newest = list(release["variants"])[-1]
    release["variants"][VARIANT] = {**deepcopy(release["variants"][newest]), "cuda_toolkit": "13.9.0"}
    release["default_index"] = {
        platform: VARIANT if variant == newest else variant for platform, variant in release["default_index"].items()
    }
    table["releases"].append(release)


def _wheels(table: dict[str, Any]) -> None:
    table["wheels"].append({**deepcopy(table["wheels"][-1]), "version": TORCH})


def _branches(table: dict[str, Any]) -> None:
    served = [ARCHITECTURE, *table["kernel_module"]["open_supported"]]
    more = {
        "branch": BRANCH,
        "type": "production",
        "max_cuda": "13.9",
        "architectures": served,
        "newest_seen": "999.99",
    }
    table["branches"].append({**deepcopy(table["branches"][-1]), **more})
    table["kernel_module"]["open_required"].append(ARCHITECTURE)
    table["kernel_module"]["open_supported"].append(ARCHITECTURE)


def _drivers(table: dict[str, Any]) -> None:
    table["releases"].append(
        {"cuda": "13.9.0", "linux": "999.10", "windows": None, "driver_branch": BRANCH, "source": "inferred"}
    )


def _chips(table: dict[str, Any]) -> None:
    known = next(row for row in table["chips"] if row["name"] == "GR100")
    new = {"name": CHIP, "architecture": ARCHITECTURE, "compute_capability": CAPABILITY, "first_driver": str(BRANCH)}
    chip = {**deepcopy(known), **new, "examples": ["GeForce RTX 9990"], "pci_ids": ["fe00", "fe7f"]}
    place = next(place for place, row in enumerate(table["chips"]) if not row["pci_ids"])
    table["chips"].insert(place, chip)
    table["blocks"].append({"first": "fe00", "last": "fe7f", "chip": CHIP, "source": "pciids"})


def _cubins(table: dict[str, Any]) -> None:
    row = {"architecture": ARCHITECTURE, "compute_capabilities": [CAPABILITY], "source": "made up"}
    table["architectures"].append(row)


def _recipes(table: dict[str, Any]) -> None:
    newest = max(branch for row in table["recipes"] for offer in row["offers"] for branch in offer["branches"])
    for row in table["recipes"]:
        for offer in row["offers"]:
            if newest in offer["branches"]:
                offer["branches"].append(BRANCH)


GROWN: dict[str, Callable[[dict[str, Any]], None]] = {
    "torch_releases": _releases,
    "torch_wheels": _wheels,
    "driver_branches": _branches,
    "cuda_drivers": _drivers,
    "nvidia_chips": _chips,
    "cubin_rules": _cubins,
    "system_recipes": _recipes,
}
