"""Whole machines as captured trees: adding a machine is adding a file under tests/probes/machines."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from support.trees import lay_out, load_case
from torchup.detect.collect import collect
from torchup.detect.host import Host
from torchup.model.facts import MachineFacts
from torchup.model.serial import dump, load

CASES = sorted((Path(__file__).parents[2] / "probes" / "machines").glob("*.yaml"))


def differences(expected: Any, actual: Any, path: str = "") -> list[str]:
    """List where a value lacks what is expected of it; keys that are not named do not matter."""
    if isinstance(expected, dict) and isinstance(actual, dict):
        return [
            line for key, value in expected.items() for line in differences(value, actual.get(key), f"{path}.{key}")
        ]
    if isinstance(expected, list) and isinstance(actual, list) and len(expected) == len(actual):
        pairs = enumerate(zip(expected, actual, strict=True))
        return [line for index, (one, other) in pairs for line in differences(one, other, f"{path}[{index}]")]
    return [] if expected == actual else [f"{path}: {actual!r} is not {expected!r}"]


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_machine(path: Path, tmp_path: Path) -> None:
    case = load_case(path)
    root = lay_out(tmp_path, case["root"])
    host = Host.at(root, environ=case.get("environ", {}), home=Path("/home/user"))
    facts = dump(collect(host, cwd="/"))

    assert differences(case["expect"], facts) == []
    codes = [finding["code"] for finding in facts["findings"]]
    assert set(case.get("findings", [])) <= set(codes)
    assert not {"probe-failed", *case.get("never", [])} & set(codes)
    assert [code for code in codes if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", code)] == []
    assert dump(load(MachineFacts, facts)) == facts
