"""Captured outputs and what their parsers make of them: adding a capture is adding two files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from torchup.detect.apt_sources import parse_deb822, parse_list
from torchup.detect.driver_origin import Installed, parse_dpkg, parse_rpm
from torchup.detect.nvidia_kernel import parse_information, parse_version
from torchup.detect.nvidia_smi import parse_banner, parse_failure, parse_query
from torchup.detect.operating_system import parse_os_release
from torchup.model.serial import dump

PROBES = Path(__file__).parents[2] / "probes"


def os_release(text: str) -> dict[str, Any]:
    values = parse_os_release(text)
    like = values.get("ID_LIKE", "").lower().split()
    return {"id": values.get("ID", "").lower(), "version": values.get("VERSION_ID"), "like": like}


def query(text: str) -> dict[str, Any]:
    gpus, driver = parse_query(text)
    return {"driver": driver, "gpus": dump(gpus)}


def information(text: str) -> dict[str, Any]:
    values = parse_information(text)
    return {key: values.get(key) for key in ("Model", "GPU UUID", "Bus Location", "Device Minor")}


def installed(found: Installed) -> dict[str, Any]:
    return {"origin": found.origin, "packages": list(found.packages)}


PARSERS: dict[str, Callable[[str], dict[str, Any]]] = {
    "os_release": os_release,
    "nvidia_version": lambda text: dict(zip(("version", "flavour"), parse_version(text), strict=True)),
    "nvidia_smi_query": query,
    "nvidia_smi_banner": lambda text: dict(zip(("driver", "cuda"), parse_banner(text), strict=True)),
    "nvidia_smi_error": lambda text: {"error": parse_failure(text)},
    "nvidia_gpu_information": information,
    "apt_list": lambda text: {"sources": dump(parse_list(text))},
    "apt_deb822": lambda text: {"sources": dump(parse_deb822(text))},
    "driver_dpkg": lambda text: installed(parse_dpkg(text)),
    "driver_rpm": lambda text: installed(parse_rpm(text)),
}
CAPTURES = sorted(path for folder in PARSERS for path in (PROBES / folder).glob("*.txt"))


@pytest.mark.parametrize("capture", CAPTURES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_capture(capture: Path) -> None:
    expected = json.loads(capture.with_suffix(".json").read_text(encoding="utf-8"))
    with capture.open(encoding="utf-8", newline="") as file:
        assert PARSERS[capture.parent.name](file.read()) == expected


def test_no_parser_is_without_captures() -> None:
    assert {path.parent.name for path in CAPTURES} == set(PARSERS)
