from __future__ import annotations

from typing import Any

import pytest

from support.machines import machine, nvidia, request_of, resolved
from torchup.knowledge.variants import parse_variant
from torchup.model.facts import Toolkit
from torchup.model.request import ToolkitWish
from torchup.resolve.toolkit import ToolkitFinding, decide_toolkit

OLD = Toolkit(version="11.8", path="/usr/local/cuda-11.8", nvcc=True)
TWELVE = Toolkit(version="12.4", path="/usr/local/cuda-12.4", nvcc=True)
TWELVE_NINE = Toolkit(version="12.9", path="/usr/local/cuda-12.9", nvcc=True)
THIRTEEN = Toolkit(version="13.2", path="/usr/local/cuda-13.2", nvcc=True)
RUNTIME = Toolkit(version="13.0", path="/opt/runtime", nvcc=False)
ALL = (OLD, TWELVE, TWELVE_NINE, THIRTEEN, RUNTIME)


def _decide(variant: str, toolkits: tuple[Toolkit, ...] = ALL, **wish: Any) -> ToolkitFinding:
    return decide_toolkit(ToolkitWish(**wish), toolkits, parse_variant(variant))


@pytest.mark.parametrize("source", ["existing", "auto"])
@pytest.mark.parametrize(
    ("variant", "path"),
    [("cu126", TWELVE_NINE.path), ("cu124", TWELVE.path), ("cu130", THIRTEEN.path), ("cu118", OLD.path)],
)
def test_the_toolkit_of_the_same_major_and_the_same_release_if_there(source: str, variant: str, path: str) -> None:
    found = _decide(variant, source=source)
    assert (found.decision.source, found.decision.path) == ("existing", path)
    assert found.warnings == ()


def test_none_asks_for_none_and_auto_takes_none_that_does_not_match() -> None:
    assert _decide("cu130", source="none").decision.source == "none"
    assert _decide("cu130", (TWELVE,), source="auto").decision.source == "none"
    assert _decide("cu130", (RUNTIME,), source="auto").decision.source == "none"


def test_an_existing_one_that_was_asked_for_is_taken_with_a_warning() -> None:
    other = _decide("cu130", (TWELVE, TWELVE_NINE), source="existing", path=TWELVE_NINE.path)
    assert other.decision.path == TWELVE_NINE.path
    assert [warning.code for warning in other.warnings] == ["toolkit-other-major"]
    unused = _decide("cpu", source="existing")
    assert unused.decision.path == THIRTEEN.path
    assert [warning.code for warning in unused.warnings] == ["toolkit-unused"]
    no_compiler = _decide("cu130", (RUNTIME,), source="existing")
    assert [warning.code for warning in no_compiler.warnings] == ["toolkit-without-nvcc"]


def test_a_path_or_a_version_narrows_it() -> None:
    assert _decide("cu130", source="existing", path="/usr/local/cuda-12.4/").decision.version == "12.4"
    assert _decide("cu130", source="existing", path="/elsewhere").decision.path == "/elsewhere"
    assert _decide("cu126", source="existing", version="12.4").decision.path == TWELVE.path
    assert _decide("cu126", source="existing", version="12").decision.path == TWELVE_NINE.path


def test_of_other_majors_none_is_taken_unless_it_is_named() -> None:
    found = _decide("cu130", (TWELVE, TWELVE_NINE), source="existing")
    assert found.decision.source == "none"
    assert found.problem is not None
    assert found.problem.code == "toolkit-other-major"
    assert "12.9 in /usr/local/cuda-12.9" in found.problem.text
    assert any("cuda_toolkit.path" in step.text for step in found.steps)


@pytest.mark.parametrize("source", ["system", "conda"])
def test_one_to_be_installed_is_of_the_build_or_as_asked(source: str) -> None:
    assert _decide("cu130", source=source).decision.version == "13.0"
    asked = _decide("cu130", source=source, version="12.9")
    assert (asked.decision.source, asked.decision.version) == (source, "12.9")
    assert [warning.code for warning in asked.warnings] == ["toolkit-other-major"]
    assert _decide("cpu", source=source).problem


def test_a_toolkit_that_is_not_there_leaves_no_solution() -> None:
    facts = machine(*nvidia("8.9"), driver="580.95.05", toolkits=(TWELVE,))
    resolution = resolved(facts, request_of({"cuda_toolkit": {"source": "existing", "version": "13.0"}}))
    assert (resolution.status, resolution.torch) == ("no_solution", None)
    assert "toolkit 13.0 on this machine; found 12.4 in /usr/local/cuda-12.4" in resolution.reasons[0].text
    assert "cuda_toolkit.source" in resolution.next_steps[0].text
