"""Captured machines as text: a mapping of paths to contents, laid out as a folder tree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml


def lay_out(root: Path, tree: Mapping[str, Any]) -> Path:
    """Write a tree below `root` and give `root`.

    A value is a file's text, `{link: target}`, `{bytes: hex}`, `{run: text}` for an executable file, or None
    for a folder.
    """
    for name, value in tree.items():
        path = root / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        match value:
            case None:
                path.mkdir(parents=True, exist_ok=True)
            case {"link": target}:
                path.symlink_to(target)
            case {"bytes": content}:
                path.write_bytes(bytes.fromhex(content))
            case {"run": text}:
                path.write_text(text, encoding="utf-8")
                path.chmod(0o755)
            case _:
                path.write_text(str(value), encoding="utf-8")
    return root


def pci_tree(devices: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    """Give the sysfs tree of PCI devices, each `{address, id, class, driver}` and further files by name."""
    tree: dict[str, Any] = {"/sys/bus/pci/devices": None}
    for device in devices:
        folder = f"/sys/bus/pci/devices/{device['address']}"
        vendor, _, number = device["id"].partition(":")
        tree[f"{folder}/vendor"] = f"0x{vendor}\n"
        tree[f"{folder}/device"] = f"0x{number}\n"
        tree[f"{folder}/class"] = f"0x{device['class']}00\n"
        if driver := device.get("driver"):
            tree[f"{folder}/driver"] = {"link": f"../../../bus/pci/drivers/{driver}"}
        known = {"address", "id", "class", "driver"}
        tree |= {f"{folder}/{name}": value for name, value in device.items() if name not in known}
    return tree


def load_case(path: Path) -> dict[str, Any]:
    """Read a case file; its `pci` list becomes part of its `root`."""
    case: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    case["root"] = {**pci_tree(case.get("pci", [])), **case.get("root", {})} if "pci" in case else case.get("root", {})
    return case
