"""`--set` and `TORCHUP_*`: precedence, origins, and every mistake by name."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from torchup.answers.overrides import apply_overrides, replaced, variable_name
from torchup.answers.values import Value, parse_value, value_types
from torchup.errors import UsageError
from torchup.model.request import Request, TorchWish

FROM_FILE = Request(torch=TorchWish(variant="cu126"), origins={"torch.variant": "a.yaml:3"})


def evidence(settings: Sequence[str] = (), **environ: str) -> list[str]:
    with pytest.raises(UsageError) as caught:
        apply_overrides(Request(), settings=settings, environ=environ)
    assert caught.value.code == "answers-invalid"
    return list(caught.value.evidence)


def test_a_setting_wins_over_a_variable_and_a_variable_over_the_file() -> None:
    environ = {"TORCHUP_SET_TORCH_VARIANT": "cu130", "TORCHUP_SET_PYTHON_VERSION": "3.10"}
    merged = apply_overrides(FROM_FILE, settings=["torch.variant=cpu"], environ=environ)
    assert merged.torch.variant == "cpu"
    assert merged.python.version == "3.10", "no YAML reads it as a number"
    assert merged.origins == {
        "torch.variant": "--set torch.variant",
        "python.version": "TORCHUP_SET_PYTHON_VERSION",
    }


def test_what_was_overruled_is_told_with_both_origins() -> None:
    merged = apply_overrides(FROM_FILE, settings=["torch.variant=cpu", "python.version=3.12"])
    assert replaced(FROM_FILE, merged) == ("torch.variant: cpu (--set torch.variant) replaces cu126 (a.yaml:3)",)


def test_the_same_value_overrules_nothing() -> None:
    assert replaced(FROM_FILE, apply_overrides(FROM_FILE, settings=["torch.variant=cu126"])) == ()


def test_without_overrides_the_request_stays() -> None:
    assert apply_overrides(FROM_FILE, environ={"PATH": "/bin", "TORCHUP_LANG": "zh"}) is FROM_FILE


def test_a_value_takes_its_normal_form() -> None:
    assert apply_overrides(Request(), settings=["torch.version=2.14.1"]).torch.version == "==2.14.1"


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("torch.packages", "torch, torchvision", ("torch", "torchvision")),
        ("torch.packages", "[torch]", ("torch",)),
        ("shell.shells", "auto", "auto"),
        ("shell.shells", "bash,fish", ("bash", "fish")),
        ("gpus.use", "all", "all"),
        ("gpus.use", "0,GPU-1b2c", (0, "GPU-1b2c")),
        ("source.offline", "Yes", True),
        ("source.offline", "0", False),
        ("source.mirror", "null", None),
        ("source.mirror", "", None),
        ("environment.extras", "", ()),
        ("environment.name", "yes", "yes"),
        ("driver.branch", "0580", "0580"),
        ("ask", "*", ("*",)),
    ],
)
def test_text_is_read_by_the_type_of_its_key(key: str, text: str, value: Value) -> None:
    assert parse_value(key, text) == value


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        (["torch.verison=2"], "--set torch.verison: unknown key; did you mean 'torch.version'?"),
        (["variant=cpu"], "--set variant: unknown key; did you mean 'torch.variant'?"),
        (["path=/x"], "--set path: unknown key; did you mean 'environment.path' or 'cuda_toolkit.path'?"),
        (["torch.variant"], "--set torch.variant: write it as KEY=VALUE, such as torch.version=2.13.0"),
        (["source.offline=maybe"], "--set source.offline: 'maybe' is not true or false"),
        (["torch.variant=cpu", "torch.variant=xpu"], "--set torch.variant: set twice, to 'cpu' and to 'xpu'"),
        (["driver.action=instal"], "--set driver.action: 'instal' is not one of auto, keep, install; did you mean 'install'?"),
        (["schema=1"], "--set schema: unknown key"),
        (["origins=x"], "--set origins: unknown key"),
    ],
)  # fmt: skip
def test_mistakes_on_the_command_line(settings: list[str], line: str) -> None:
    assert evidence(settings) == [line]


def test_a_setting_that_is_repeated_as_it_was_is_no_mistake() -> None:
    assert apply_overrides(Request(), settings=["torch.variant=cpu"] * 2).torch.variant == "cpu"


def test_mistakes_in_variables() -> None:
    lines = evidence(TORCHUP_TORCH_VERISON="2", TORCHUP_TROCH_VERSION="2", TORCHUP_SOURCE_INDX="1", TORCHUP_NIGHTLY="1")
    assert lines == [
        "TORCHUP_SOURCE_INDX: unknown key; did you mean TORCHUP_SET_SOURCE_INDEX?",
        "TORCHUP_TORCH_VERISON: unknown key; did you mean TORCHUP_SET_TORCH_VERSION?",
        "TORCHUP_TROCH_VERSION: unknown key; did you mean TORCHUP_SET_TORCH_VERSION?",
    ]


def test_a_wrong_value_of_a_variable_names_the_key_too() -> None:
    (line,) = evidence(TORCHUP_DRIVER_ACTION="go")
    assert line == "TORCHUP_DRIVER_ACTION: driver.action: 'go' is not one of auto, keep, install"


def test_a_contradiction_is_found_over_all_origins_and_all_problems_come_at_once() -> None:
    assert evidence(["cuda_toolkit.path=/opt/cuda"]) == [
        "--set cuda_toolkit.path: a path counts only with source: existing, and source is none"
    ]
    assert len(evidence(["a.b=1", "torch.variantx=2"], TORCHUP_SOURCE_OFFLINE="maybe")) == 3


@pytest.mark.parametrize("setting", ["source.proxy=http://ada:hunter2@h", "source.offline=ada:hunter2@h"])
def test_secrets_are_refused_and_never_repeated(setting: str) -> None:
    assert "hunter2" not in "".join(evidence([setting]))


def test_two_secrets_are_not_repeated_either() -> None:
    assert "hunter2" not in "".join(evidence(["source.proxy=http://a:hunter2@h", "source.proxy=http://b:hunter2@h"]))


def test_every_key_has_a_variable_of_its_own() -> None:
    assert len({variable_name(key) for key in value_types()}) == len(value_types())
    assert variable_name("cuda_toolkit.source") == "TORCHUP_SET_CUDA_TOOLKIT_SOURCE"
