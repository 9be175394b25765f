"""The JSON Schema and the pydantic models: what they are made from, and what they say."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from torchup.answers.read import parse_answers, read_answers
from torchup.answers.schema import check_value, json_schema, normal_value, validate
from torchup.answers.values import Value, value_at, value_types
from torchup.model.request import Request
from torchup.model.serial import dump

DOCS = Path(__file__).parents[3] / "docs"


def test_the_committed_schema_is_what_the_program_says() -> None:
    committed = (DOCS / "reference" / "answers.schema.json").read_text(encoding="utf-8")
    assert json.loads(committed) == json_schema(), "run `make docs` and commit"


def keys_of(schema: dict[str, Any]) -> dict[str, Any]:
    """Give the schema of every dotted key."""
    keys: dict[str, Any] = {}
    for section, body in schema["properties"].items():
        if "$ref" in body:
            inner = schema["$defs"][body["$ref"].rpartition("/")[2]]
            assert inner["additionalProperties"] is False
            keys |= {f"{section}.{name}": part for name, part in inner["properties"].items()}
        else:
            keys[section] = body
    return keys


def test_the_schema_has_every_key_closed_described_and_with_the_default_of_the_request() -> None:
    schema = json_schema()
    keys = keys_of(schema)
    assert schema["additionalProperties"] is False
    assert set(keys) == {"schema", *value_types()}
    for key, part in keys.items():
        assert part["description"], key
        if key != "schema":
            assert part["default"] == dump(value_at(Request(), key)), key


def test_every_default_fits_its_own_pattern() -> None:
    patterns = {key: part["pattern"] for key, part in keys_of(json_schema()).items() if "pattern" in part}
    assert patterns
    for key, pattern in patterns.items():
        assert re.search(pattern, str(value_at(Request(), key))), key


def test_no_data_is_the_default_request() -> None:
    assert validate({}) == (Request(), ())


@pytest.mark.parametrize(
    ("key", "good", "bad"),
    [
        ("torch.version", ["latest", "2.13", "v2.13.0", "==2.13.*", "2.14.0rc1", "~=2.12"], ["", "new", "2.13+cpu", "=2"]),
        ("torch.variant", ["auto", "cpu", "cu92", "cu126", "rocm6.4", "rocm7.2.1", "xpu"], ["gpu", "CU126", "cu12.6", "cu", "rocm"]),
        ("python.version", ["auto", "3.9", "3.13t", "/usr/bin/python3", "~/bin/python"], ["3", "2.7", "python3", "3.12t3", "bin/python"]),
        ("environment.path", ["/a b/ü", "~/x", "D:\\torch"], ["", "/", "~", "x", "/a:b", "/a\nb", "/a\x00", "~ada/x", "$HOME/x"]),
        ("environment.name", ["torch", "py3.12_x"], ["", "a b", "-x", "a/b", "a:b"]),
        ("driver.branch", ["auto", "580"], ["580.65", "new", ""]),
        ("cuda_toolkit.version", ["auto", "12.6", "13.0"], ["13", "13.0.1", "cu130"]),
        ("source.index", ["auto", "pytorch", "default", "https://index.example/simple", "file:///srv/simple", "http://127.0.0.1:8080/simple"],
         ["pytroch", "index.example/simple", "ftp://index.example", "https://", "https://index.example:99999/", "https://a b/", "https://u@h/", "https://h/?t=1", "https://h/#x"]),
        ("source.mirror", [None, "https://mirror.example/whl"], ["auto", ""]),
        ("source.proxy", [None, "http://proxy.example:3128", "socks5h://127.0.0.1:9050"], ["proxy.example:3128", "file:///x", "http://u:p@h"]),
        ("source.ca_bundle", [None, "/etc/ssl/ca.pem", "~/ca.pem"], ["ca.pem"]),
        ("gpus.use", ["all", (0,), (1, "GPU-1b2c-3d"), ("MIG-1234",)], ["none", (), ("0",), (True,), (0.5,), ("gpu-1",)]),
        ("shell.shells", ["auto", "none", ("bash",), ("fish", "zsh")], ["bash", (), ("sh",), ("bash", "bash")]),
        ("shell.rc", [None, "~/.bashrc", "~/.mine", "/etc/profile.d/x.sh"], [".bashrc", "", "~/.ssh/authorized_keys", "/etc/passwd"]),
        ("environment.extras", [(), ("numpy>=2", "pandas[excel]"), ("x @ https://h/x.whl#sha256=0",), ("x @ file:///a/x.whl",)], [("torch",), ("x @ https://u:p@h/x.whl",), ("x @ https://h/x?t=1",), ("x @ file:x.whl",), ("--index-url=x",), ("-r x",), ("Torch==2",)]),
        ("torch.packages", [("torch",), ("torchvision", "torch")], [("torchvision",), ("torch==2",), ("torch", "torch")]),
        ("source.find_links", [("/srv/wheels", "https://wheels.example/")], [("wheels",), ("-r x",)]),
        ("ask", [(), ("*",), ("driver", "shell")], [("drivers",), ("driver", "driver")]),
    ],
)  # fmt: skip
def test_what_each_key_takes(key: str, good: list[Value], bad: list[Any]) -> None:
    for value in good:
        assert check_value(key, value) is None, value
    for value in bad:
        problem = check_value(key, value)
        assert problem, value
        assert not problem.startswith(key)


@pytest.mark.parametrize(
    ("text", "normal"),
    [("2.13", "==2.13.*"), ("2", "==2.*"), ("2.13.0", "==2.13.0"), ("v2.13", "==2.13.*"), ("2.13.*", "==2.13.*"),
     ("2.14.0.dev20261101", "==2.14.0.dev20261101"), (" >=2.12 ", ">=2.12"), ("latest", "latest")],
)  # fmt: skip
def test_a_bare_version_becomes_a_specifier(text: str, normal: str) -> None:
    assert normal_value("torch.version", text) == normal


@pytest.mark.parametrize("path", sorted((DOCS / "answers").glob("*.yaml")), ids=lambda path: path.name)
def test_the_files_in_the_docs_are_valid_and_name_themselves(path: Path) -> None:
    request = read_answers(path)
    assert request.ask == (), "they run unattended"
    assert f"--answers docs/answers/{path.name}" in path.read_text()


def test_the_files_of_the_usual_cases_are_there() -> None:
    names = {path.stem for path in (DOCS / "answers").glob("*.yaml")}
    assert {"cpu", "workstation", "server-without-root"} <= names
    assert read_answers(DOCS / "answers" / "cpu.yaml").torch.variant == "cpu"
    assert read_answers(DOCS / "answers" / "server-without-root.yaml").driver.action == "keep"
    assert read_answers(DOCS / "answers" / "workstation.yaml").driver.action == "auto"


def test_a_schema_that_editors_use_agrees_with_the_reader_about_types() -> None:
    """Every default, and every fixed choice, is accepted by both."""
    for key, part in keys_of(json_schema()).items():
        section, _, name = key.partition(".")
        for word in part.get("enum", []):
            text = json.dumps({section: {name: word}})
            assert parse_answers(text.encode(), "a.json").origins == {key: "a.json:1"}
