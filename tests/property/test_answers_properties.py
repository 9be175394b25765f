"""Answers files: what is written reads back, and any text is either read or refused with its place."""

from __future__ import annotations

import re
from dataclasses import fields, replace
from typing import Any

import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from torchup.answers.facts_file import parse_facts
from torchup.answers.overrides import apply_overrides
from torchup.answers.read import parse_answers
from torchup.answers.rules import SECTIONS
from torchup.answers.schema import json_schema
from torchup.answers.values import value_at, value_types
from torchup.answers.write import render_answers
from torchup.errors import UsageError
from torchup.model.facts import MachineFacts
from torchup.model.request import (
    DriverWish,
    EnvironmentWish,
    GpuWish,
    PythonWish,
    Request,
    ShellWish,
    SourceWish,
    ToolkitWish,
    TorchWish,
    VerifyWish,
)
from torchup.visible import visible

FEW = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])

# Any letter that a line of text may hold and that can be seen: others are refused in answers.
letters = st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")).filter(lambda letter: visible(letter) == letter)
words = st.text(letters, min_size=1, max_size=12)
paths = words.map(lambda word: "/p" + word).filter(lambda path: ":" not in path)
names = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,8}", fullmatch=True)
packages = st.from_regex(r"[A-Za-z][A-Za-z0-9]{0,6}", fullmatch=True).filter(lambda name: name.lower() != "torch")
hosts = st.from_regex(r"https://[a-z]{1,8}\.example(:[1-9][0-9]{0,3})?(/[a-z0-9]{1,5}){0,3}", fullmatch=True)
versions = st.from_regex(r"(==|>=|~=|<)[1-9]\.[0-9]{1,2}(\.[0-9])?", fullmatch=True)
shells = st.lists(
    st.sampled_from(["bash", "zsh", "fish", "conda", "csh", "tcsh", "ksh", "dash", "powershell"]),
    min_size=1,
    unique=True,
)


def literal(*values: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from(values)


requests = st.builds(
    Request,
    torch=st.builds(
        TorchWish,
        version=literal("latest") | versions,
        variant=literal("auto", "cpu", "cu126", "rocm7.2", "xpu"),
        packages=st.lists(packages, unique=True, max_size=3).map(lambda others: ("torch", *others)),
    ),
    python=st.builds(PythonWish, version=literal("auto", "3.10", "3.13t") | paths),
    environment=st.builds(
        EnvironmentWish,
        kind=literal("venv", "conda", "existing"),
        path=paths,
        name=names,
        jupyter_kernel=st.booleans(),
        extras=st.lists(packages, unique=True, max_size=2).map(tuple),
        installer=literal("uv", "pip"),
    ),
    driver=st.builds(
        DriverWish,
        action=literal("auto", "keep", "install"),
        branch=literal("auto", "580", "0470"),
        module=literal("auto", "open", "proprietary"),
    ),
    cuda_toolkit=st.builds(
        ToolkitWish,
        source=literal("auto", "existing"),
        version=literal("auto", "13.0", "12.10"),
        path=st.none() | paths,
        cudnn=st.booleans(),
    ),
    shell=st.builds(
        ShellWish,
        shells=literal("auto", "none") | shells.map(tuple),
        scope=literal("interactive", "all"),
        ld_library_path=literal("auto", "always", "never"),
        rc=st.none() | paths,
        activate=st.booleans(),
    ),
    source=st.builds(
        SourceWish,
        index=literal("auto", "pytorch", "default") | hosts,
        mirror=st.none() | hosts,
        find_links=st.lists(paths | hosts, unique=True, max_size=2).map(tuple),
        offline=st.booleans(),
        proxy=st.none() | hosts,
        ca_bundle=st.none() | paths,
    ),
    gpus=st.builds(
        GpuWish,
        use=literal("all")
        | st.lists(st.integers(0, 9) | literal("GPU-1b2c", "MIG-4d"), min_size=1, unique=True).map(tuple),
    ),
    verify=st.builds(VerifyWish, level=literal("quick", "standard", "full", "none"), on_failure=literal("fail", "warn")),
    ask=st.lists(literal("*", *SECTIONS), unique=True).map(tuple),
)  # fmt: skip


def test_the_strategy_covers_every_section() -> None:
    assert {field.name for field in fields(Request)} - {"schema", "origins"} == {*SECTIONS, "ask"}


@FEW
@given(requests, st.booleans())
def test_a_saved_request_reads_back_the_same(request: Request, explain: bool) -> None:
    text = render_answers(request, tool_version="1", explain=explain)
    assert replace(parse_answers(text.encode(), "saved.yaml"), origins={}) == request
    assert set(parse_answers(text.encode(), "saved.yaml").origins) == set(value_types())


@FEW
@given(requests)
def test_a_saved_file_means_the_same_to_any_yaml_reader(request: Request) -> None:
    data = yaml.safe_load(render_answers(request, tool_version="1"))
    for key in value_types():
        section, _, name = key.partition(".")
        value = data[section][name] if name else data[section]
        assert (tuple(value) if isinstance(value, list) else value) == value_at(request, key)


SECRET = "canary7secret"


@FEW
@given(requests, st.sampled_from(["index", "mirror", "proxy", "find_links"]), st.sampled_from([
    f"https://{SECRET}@h.example/x", f"https://u:{SECRET}@h.example", f"http://u:{SECRET}@h.example:3128",
    f"https://h.example/?t={SECRET}", f"https://h.example/#{SECRET}", f"https://u:{SECRET}@[h.example/",
    f"u:{SECRET}@h.example", f"//u:{SECRET}@h.example/",
]))  # fmt: skip
def test_a_secret_is_never_written(request: Request, name: str, url: str) -> None:
    value: Any = (url,) if name == "find_links" else url
    holding = replace(request, source=replace(request.source, **{name: value}))
    assert SECRET not in render_answers(holding, tool_version="1")


_PLACED = re.compile(r"f\.yaml:\d+:\d+: |f\.yaml: and \d+ more$")


def refused_well(error: UsageError, code: str) -> None:
    assert error.code == code
    assert error.evidence
    for line in error.evidence:
        assert _PLACED.match(line), line
        assert line.isprintable(), line


def named_well(error: UsageError) -> None:
    assert error.code == "answers-invalid"
    assert all(line.startswith(("--set ", "the defaults")) and line.isprintable() for line in error.evidence)


def skeletons() -> st.SearchStrategy[str]:
    """Text that looks like an answers file, so that the reader gets far into it."""
    keys = st.sampled_from([*SECTIONS, "ask", "schema", "version", "kind", "path", "use", "shells", "x", "<<", "? a"])
    scalars = st.sampled_from(
        ["1", "3.10", "no", "~", "null", "auto", "[]", "{}", "[a, 0]", "&a x", "*a", "!!int x", "!!binary x", "'q", '"\\x"',
         "- a", "|", ">", "2026-11-21", "0x_", "1:30", ".nan", "!!set {a}", "0b", "!!float 1_", "\t", "---", "%X", "é"]
    )  # fmt: skip
    lines = st.tuples(st.sampled_from(["", "  ", "    ", "\t"]), keys, scalars | words)
    return st.lists(lines.map(lambda line: f"{line[0]}{line[1]}: {line[2]}"), max_size=8).map("\n".join)


@settings(FEW, max_examples=400)
@given(
    st.binary(max_size=200)
    | st.text(max_size=100).map(lambda text: text.encode("utf-8", "surrogatepass"))
    | skeletons().map(str.encode)
)
@example(b"\xef\xbb\xbf")
@example(b"torch: !!int x")
@example(b"torch: &a {*a : 1}")
@example(b"? [a]\n: b")
@example(b"schema: 0x" + b"F" * 5000)
def test_any_bytes_are_read_or_refused_with_a_place(content: bytes) -> None:
    try:
        request = parse_answers(content, "f.yaml")
    except UsageError as error:
        refused_well(error, "answers-invalid")
    else:
        again = render_answers(request, tool_version="1")
        assert replace(parse_answers(again.encode(), "f.yaml"), origins={}) == replace(request, origins={})


@settings(FEW, max_examples=300)
@given(st.binary(max_size=200) | skeletons().map(str.encode) | st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["os", "gpus", "index", "vendor", "nvidia"]), inner),
).map(lambda data: yaml.safe_dump(data).encode()))  # fmt: skip
def test_any_facts_file_is_read_or_refused_with_a_place(content: bytes) -> None:
    try:
        assert isinstance(parse_facts(content, "f.yaml"), MachineFacts)
    except UsageError as error:
        refused_well(error, "facts-invalid")


@FEW
@given(st.lists(st.tuples(st.sampled_from([*value_types(), "x", "torch"]), st.text(max_size=12)), max_size=3))
def test_any_setting_is_taken_or_refused_by_name(pairs: list[tuple[str, str]]) -> None:
    try:
        request = apply_overrides(Request(), settings=[f"{key}={text}" for key, text in pairs])
    except UsageError as error:
        named_well(error)
    else:
        assert set(request.origins) == {key for key, _ in pairs}


def test_the_schema_holds_no_host() -> None:
    hosts_named = set(re.findall(r"https?://([a-z0-9.-]+)", str(json_schema())))
    assert hosts_named == {"json-schema.org"}
