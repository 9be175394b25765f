"""Variables that torchup exports are never taken for answers, and the table knows every name that is written."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from torchup.answers.overrides import apply_overrides, former_name, variable_name
from torchup.answers.values import value_types
from torchup.errors import UsageError
from torchup.model.request import Request
from torchup.own_variables import ANSWERS, COMPLETION, EXPORTED, EXPORTED_PREFIXES, PASSING, PREFIX, READ, is_own

TREE = Path(__file__).parents[3]
OWN_NAME = re.compile(r"(?<![A-Z_])_?TORCHUP_[A-Z][A-Z_0-9]*")
PASSWORDS = re.compile(r"UV_INDEX_TORCHUP_")


def written(folder: str, pattern: str) -> set[str]:
    """Collect the variable names in the files of a folder, wherever they stand."""
    texts = [path.read_text(encoding="utf-8") for path in sorted((TREE / folder).rglob(pattern))]
    return {name for text in texts for name in OWN_NAME.findall(PASSWORDS.sub("", text))}


def exports() -> set[str]:
    """Give every name that a template or the account of a Windows user may hold, conda's with a made-up digest."""
    names = written("templates", "*.j2") | set(EXPORTED)
    return {name.replace("TORCHUP_CONDA_ID", f"{prefix}0A1B2C3D4E5F") for name in names for prefix in EXPORTED_PREFIXES}


def test_there_is_something_to_look_at() -> None:
    assert {"TORCHUP_ENVIRONMENT", "TORCHUP_CUDA_HOME"} <= exports()
    assert any(name.startswith("TORCHUP_CONDA_0A1B") for name in exports())


def test_the_table_knows_every_name_that_is_exported() -> None:
    assert {name for name in exports() if not is_own(name)} == set()


def test_the_table_knows_every_name_in_the_program() -> None:
    answers = {former_name(key) for key in value_types()} | {variable_name(key) for key in value_types()}
    names = written("installer", "*.py") - answers - {PREFIX, ANSWERS}
    assert {name for name in names if not is_own(name) and not name.startswith("TORCHUP_CONDA")} == set()


@pytest.mark.parametrize("key", value_types())
def test_no_export_is_read_as_an_answer(key: str) -> None:
    assert variable_name(key) not in exports() | set(READ) | set(PASSING)
    assert former_name(key) not in exports() | set(READ) | set(PASSING), "an old name would be lost"


def test_what_torchup_exports_or_reads_otherwise_is_never_a_mistake() -> None:
    names = exports() | set(READ) | set(PASSING) | {COMPLETION}
    request = Request()
    assert apply_overrides(request, environ=dict.fromkeys(names, "/anything")) is request


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("TORCHUP_SET_TORCH_VERISON", "TORCHUP_SET_TORCH_VERSION"),
        ("TORCHUP_SET_ENVIRONMENT", "TORCHUP_SET_ENVIRONMENT_PATH"),
        ("TORCHUP_SET_NIGHTLY", None),
        ("TORCHUP_SET_", None),
        ("TORCHUP_TORCH_VERISON", "TORCHUP_SET_TORCH_VERSION"),
    ],
)
def test_an_unknown_name_is_named_with_the_nearest(name: str, nearest: str | None) -> None:
    with pytest.raises(UsageError) as caught:
        apply_overrides(Request(), environ={name: "x"})
    hint = f"; did you mean {nearest}?" if nearest else ""
    assert list(caught.value.evidence) == [f"{name}: unknown key{hint}"]


def test_a_former_name_is_read_and_yields_to_the_present_one() -> None:
    former, present = former_name("torch.variant"), variable_name("torch.variant")
    assert apply_overrides(Request(), environ={former: "cpu"}).origins == {"torch.variant": former}
    both = apply_overrides(Request(), environ={former: "cpu", present: "cu130"})
    assert (both.torch.variant, both.origins) == ("cu130", {"torch.variant": present})
