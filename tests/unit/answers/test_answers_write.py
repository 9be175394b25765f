"""Written answers files: complete, commented, stable, and without secrets."""

from __future__ import annotations

from dataclasses import replace

import pytest
import yaml

from torchup.answers.example import example_answers
from torchup.answers.read import parse_answers
from torchup.answers.values import value_types
from torchup.answers.write import LEFT_OUT, flow, render_answers, without_credentials
from torchup.model.facts import Finding, Gpu, MachineFacts, NvidiaDriver, OperatingSystem, Python
from torchup.model.request import EnvironmentWish, GpuWish, Request, ShellWish, SourceWish, TorchWish

WISH = Request(
    torch=TorchWish(version="==2.13.*", variant="cu126", packages=("torch",)),
    environment=EnvironmentWish(path="~/GPU env's #1/ü", name="no", extras=("numpy>=2",)),
    shell=ShellWish(shells=("bash", "zsh"), rc="~/.my rc"),
    gpus=GpuWish(use=(0, "GPU-1b2c")),
    ask=("driver",),
)


def reread(text: str) -> Request:
    return replace(parse_answers(text.encode(), "saved.yaml"), origins={})


def test_every_key_is_written_with_its_value_and_reads_back() -> None:
    text = render_answers(WISH, tool_version="1.2.3")
    assert reread(text) == WISH
    data = yaml.safe_load(text)
    written = {f"{section}.{name}" for section, body in data.items() if isinstance(body, dict) for name in body}
    assert written | {"ask"} == set(value_types())
    assert "torchup 1.2.3" in text.splitlines()[0]


def test_the_text_is_the_same_every_time_whatever_the_origins() -> None:
    traced = replace(WISH, origins={"torch.version": "wizard"})
    assert render_answers(traced, tool_version="1") == render_answers(WISH, tool_version="1")


def test_comments_stand_above_their_keys_and_cannot_break_out() -> None:
    text = render_answers(Request(), tool_version="1", comments={"torch.variant": "because of\ntorch: {variant: cpu}"})
    assert "  # because of torch: {variant: cpu}\n  variant: auto\n" in text
    assert reread(text) == Request()


def test_an_editor_is_told_of_the_schema_in_the_first_line() -> None:
    text = render_answers(Request(), tool_version="1", schema_location="answers.schema.json")
    assert text.startswith("# yaml-language-server: $schema=answers.schema.json\n")


def test_credentials_are_left_out_and_a_comment_says_so() -> None:
    secret = SourceWish(
        index="https://ada:hunter2@index.example/simple",
        proxy="http://hunter2@proxy.example:3128",
        mirror="https://mirror.example/whl?token=hunter2#hunter2",
        find_links=("/srv/wheels", "https://:hunter2@wheels.example/a"),
    )
    text = render_answers(Request(source=secret), tool_version="1")
    assert "hunter2" not in text
    assert "ada" not in text.replace("adapt", "")
    assert text.count(LEFT_OUT) == 4
    assert reread(text).source == SourceWish(
        index="https://index.example/simple",
        proxy="http://proxy.example:3128",
        mirror="https://mirror.example/whl",
        find_links=("/srv/wheels", "https://wheels.example/a"),
    )


@pytest.mark.parametrize(
    ("url", "bare"),
    [
        ("https://index.example/simple", "https://index.example/simple"),
        ("https://a:b@index.example:8443/simple", "https://index.example:8443/simple"),
        ("https://a@b@index.example/", "https://index.example/"),
        ("https://[::1]:8080/x?y=z", "https://[::1]:8080/x"),
        ("https://[::1/x", ""),
    ],
)
def test_a_url_without_credentials(url: str, bare: str) -> None:
    assert without_credentials(url) == bare


@pytest.mark.parametrize(
    "text",
    ["no", "Yes", "ON", "null", "~", "", " x", "x ", "3.10", "1e3", "0x1F", "1:30", "2026-11-21", "a: b", "a #b", "- a",
     "[a", "{a", "*a", "&a", "!a", "%a", "@a", "`a", "'a", '"a', "a\\b", "=", "<<", "|", ">", "?", "a\u0085b", "\ufeff",
     "\u2028", "é", "日本", "\U0001f600", "none", "~/.venvs/torch", ">=2.12,<2.14", ".inf", "y", "12_3", "a\tb\nc\x7f"],
)  # fmt: skip
def test_every_text_is_read_back_as_the_same_text(text: str) -> None:
    assert yaml.safe_load(f"key: {flow(text)}\n") == {"key": text}
    assert yaml.safe_load(f"key: {flow((text, text))}\n") == {"key": [text, text]}


def test_an_example_explains_every_key_describes_the_machine_and_reads_back() -> None:
    facts = MachineFacts(
        os=OperatingSystem(system="linux", id="debian", version="12", arch="x86_64"),
        gpus=(Gpu(index=0, vendor="nvidia", name="RTX\n4090: {}", compute_capability="8.9", memory_mib=24564),),
        nvidia=NvidiaDriver(state="nouveau"),
        pythons=(Python(path="/usr/bin/python3", version="3.11.2"),),
        findings=(Finding(code="odd", text="The clock is wrong."),),
    )
    text = example_answers(facts, WISH, schema_location="s.json")
    assert reread(text) == WISH
    for line in (
        "#   System: debian 12 on x86_64",
        "#   GPU 0: RTX 4090: {}, compute capability 8.9, 24 GiB",
        "#   NVIDIA driver: is not in use: the card runs on nouveau",
        "#   Odd: The clock is wrong.",
        "  # The build of PyTorch: for CUDA, ROCm, Intel GPUs, or the CPU alone.",
    ):
        assert line in text.splitlines()


def test_an_example_without_a_machine_holds_the_defaults() -> None:
    assert reread(example_answers(None)) == Request()
