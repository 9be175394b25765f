"""Put the sources of each kind together to the tables that the program loads."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import groupby
from pathlib import Path

from knowledge_tables import hardware
from knowledge_tables.common import File
from knowledge_tables.reading import SOURCES, SourcesError, read_kind, read_one
from knowledge_tables.releases import TorchRelease, TorchShared
from knowledge_tables.rows import HEAD, Table, head, plain
from knowledge_tables.systems import Distribution, SystemsShared

COMPILED = SOURCES.with_name("data")
SINGLE: dict[str, type[File]] = {
    "cuda_drivers": hardware.CudaDrivers,
    "driver_branches": hardware.DriverBranches,
    "host_compilers": hardware.HostCompilers,
    "macos": hardware.Macos,
    "rocm": hardware.Rocm,
    "xpu": hardware.Xpu,
}
PER_WHEEL = (
    *("wheels", "index_only", "not_offered", "other_platform_tags", "pure_python_tag", "companions_missing"),
    "windows_arm64",
)


def compile_all(sources: Path = SOURCES) -> dict[str, bytes]:
    """Give every table as bytes, by its name; raises SourcesError."""
    tables: dict[str, Table] = {}
    faults = []
    for compiled in (_releases, _systems, _chips, _singles):
        try:
            tables |= compiled(sources)
        except SourcesError as error:
            faults.append(str(error))
    if faults:
        raise SourcesError("\n".join(faults))
    return {name: _json({"schema": 1, **table}) for name, table in tables.items()}


def write(tables: dict[str, bytes], folder: Path = COMPILED) -> None:
    """Write the tables, each in one go: another program may be reading."""
    folder.mkdir(exist_ok=True)
    for name, content in tables.items():
        number, made = tempfile.mkstemp(dir=folder, prefix=f".{name}.")
        with os.fdopen(number, "wb") as file:
            file.write(content)
        path = Path(made)
        path.chmod(0o644)
        path.replace(folder / f"{name}.json")


def compile_in_checkout() -> dict[str, bytes]:
    """Compile, and keep what came out where this checkout can be written to; raises SourcesError."""
    tables = compile_all()
    with suppress(OSError):
        write(tables)
    return tables


def _releases(sources: Path) -> dict[str, Table]:
    shared, files = read_kind(sources / "torch", TorchShared, TorchRelease)
    files.sort(key=lambda file: [int(part) for part in file.minor.split(".")])
    first = head([shared, *files])
    left_out = {*HEAD, "about", "compile_pythons", "companions", *PER_WHEEL}
    per_wheel = {name: [plain(row) for file in files for row in getattr(file, name)] for name in PER_WHEEL}
    per_wheel["companions_missing"] = [
        {"torch": file.minor, **plain(row)} for file in files for row in file.companions_missing
    ]
    releases = {
        **first,
        **plain(shared, only=("about", "evidence_codes", "companion_rules")),
        "compile_pythons": list(_compile_pythons(files)),
        "releases": [{**plain(file, without=left_out), "companions": _companions(file)} for file in files],
    }
    wheels = {**first, **plain(shared, only=("index", "without_local_label")), **per_wheel}
    return {"torch_releases": releases, "torch_wheels": wheels}


def _companions(file: TorchRelease) -> Table:
    return {
        package: {patch: None if version == "none" else version for patch, version in versions.items()}
        for package, versions in plain(file.companions).items()
    }


def _compile_pythons(files: Iterable[TorchRelease]) -> Iterator[Table]:
    """Give one row for neighbours that say the same."""
    for limit, group in groupby(files, key=lambda file: file.compile_pythons):
        if limit is not None:
            same = list(group)
            yield {"from": same[0].minor, "until": same[-1].minor, **plain(limit)}


def _systems(sources: Path) -> dict[str, Table]:
    shared, files = read_kind(sources / "systems", SystemsShared, Distribution)
    recipes = {row["id"]: row for file in files for row in map(plain, file.recipes)}
    for file in files:
        for used in file.uses:
            if used.recipe not in recipes:
                raise SourcesError(f"sources/systems: {used.id} uses {used.recipe!r}, which is the id of no recipe")
            recipe = recipes[used.recipe]
            recipe["ids"].append(used.id)
            if used.values:
                recipe.setdefault("os_values", {})[used.id] = used.values
    everything = [shared, *files]
    parts = _joined(everything, "parts")
    for name, recipe in recipes.items():
        for part in (*recipe["parts"], *(recipe["toolkit"] or {"parts": ()})["parts"]):
            if part not in parts:
                raise SourcesError(f"sources/systems: the recipe {name} names {part!r}, which is no part")
    table = {
        **head(everything),
        **plain(shared, only=("driver_globs", "driver_rpms", "driver_locks", "pins", "managers")),
        "keyrings": {**plain(shared.keyrings), "sha256": _joined(everything, "key_packages")},
        "kernel_lines": _joined(everything, "kernel_lines"),
        "enterprise": _joined(everything, "enterprise"),
        "derivatives": [plain(row) for file in files for row in file.derivatives],
        "advice": [plain(row) for file in files for row in file.advice],
        "parts": parts,
        "recipes": list(recipes.values()),
    }
    return {"system_recipes": table}


def _joined(files: Iterable[Distribution], key: str) -> Table:
    """Join what files hold by name under a key; raises SourcesError where two have the same name."""
    joined: Table = {}
    for file in files:
        for name, value in plain(file).get(key, {}).items():
            if name in joined:
                raise SourcesError(f"sources/systems: two files have {name!r} under {key}")
            joined[name] = value
    return joined


def _chips(sources: Path) -> dict[str, Table]:
    shared, files = read_kind(sources / "nvidia_chips", hardware.ChipsShared, hardware.Architecture)
    files.sort(key=lambda file: float(file.compute_capabilities[0]))
    chips = [{"architecture": file.architecture, **plain(chip)} for file in files for chip in file.chips]
    blocks = [plain(block) for file in files for block in file.blocks]
    table = {
        **head([shared, *files]),
        **plain(shared, without=HEAD),
        # Those without an id, which are on no bus, come last.
        "chips": sorted(chips, key=lambda row: min(row["pci_ids"], default="ffff")),
        "blocks": sorted(blocks, key=lambda row: str(row["first"])),
    }
    rules = read_one(sources / "cubin_rules.toml", hardware.CubinRules, known=None)
    architectures = [
        {
            "architecture": file.architecture,
            "compute_capabilities": file.compute_capabilities,
            "source": file.stated_by,
        }
        for file in files
    ]
    newest = head([rules, *files])["as_of"]
    return {
        "nvidia_chips": table,
        "cubin_rules": {**plain(rules, without=HEAD), "as_of": newest, "architectures": architectures},
    }


def _singles(sources: Path) -> dict[str, Table]:
    tables = {}
    for name, kind in SINGLE.items():
        # The sources of driver branches are texts of their own.
        file = read_one(sources / f"{name}.toml", kind, known=None if name == "driver_branches" else ())
        tables[name] = {**head([file]), **plain(file, without=HEAD)}
    return tables


def _json(table: Table) -> bytes:
    return json.dumps(table, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
