"""Bad answers files: each problem at its line and column, all of them in one report."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from torchup.answers.read import parse_answers, read_answers
from torchup.errors import ExitStatus, UsageError
from torchup.model.request import EnvironmentWish, GpuWish, Request, ShellWish, TorchWish
from torchup.shell.kinds import CONDA, CONFIGURED


def evidence(text: str | bytes) -> list[str]:
    content = text.encode() if isinstance(text, str) else text
    with pytest.raises(UsageError) as caught:
        parse_answers(content, "a.yaml")
    assert caught.value.code == "answers-invalid"
    assert caught.value.exit_status == ExitStatus.USAGE
    return list(caught.value.evidence)


CASES: dict[str, tuple[str | bytes, str]] = {
    "unknown key": (
        "schema: 1\ntorch:\n  varaint: cu126\n",
        "a.yaml:3:3: torch.varaint: unknown key; did you mean 'variant'?",
    ),
    "unknown section": ("tourch: {version: latest}", "a.yaml:1:1: tourch: unknown key; did you mean 'torch'?"),
    "key outside its section": ("variant: cpu", "a.yaml:1:1: variant: unknown key; did you mean 'torch.variant'?"),
    "unlike anything": ("torch: {zzz: 1}", "a.yaml:1:9: torch.zzz: unknown key"),
    "wrong choice": (
        "environment:\n  kind: vnev",
        "a.yaml:2:9: environment.kind: 'vnev' is not one of venv, conda, existing; did you mean 'venv'?",
    ),
    "duplicate key": (
        "torch:\n  variant: cpu\n  version: latest\n  variant: cu126",
        "a.yaml:4:3: torch.variant: this key is already in line 2",
    ),
    "duplicate section": ("torch: {}\npython: {}\ntorch: {}", "a.yaml:3:1: torch: this key is already in line 1"),
    "number for a Python": (
        "python:\n  version: 3.10",
        'a.yaml:2:12: python.version: 3.10 is read as the number 3.1; write it in quotes: "3.10"',
    ),
    "number for a release": (
        "torch: {version: 2.13}",
        'a.yaml:1:18: torch.version: 2.13 is read as a number; write it in quotes: "2.13"',
    ),
    "number for a branch": (
        "driver: {branch: 580}",
        'a.yaml:1:18: driver.branch: 580 is read as a number; write it in quotes: "580"',
    ),
    "clock time for a branch": (
        "driver: {branch: 5:80}",
        "a.yaml:1:18: driver.branch: '5:80' is no driver branch; write auto or a number in quotes such as \"580\"",
    ),
    "truth value for a name": (
        "environment: {name: no}",
        'a.yaml:1:21: environment.name: no is read as false; write it in quotes: "no"',
    ),
    "truth value for a choice": (
        "driver: {action: no}",
        "a.yaml:1:18: driver.action: 'no' is not one of auto, keep, install",
    ),
    "nothing for a text": (
        "python:\n  version:\n",
        "a.yaml:2:11: python.version: no value is given; leave the key out for its default",
    ),
    "text for a truth value": (
        'source: {offline: "yes"}',
        "a.yaml:1:19: source.offline: 'yes' is not true or false",
    ),
    "text for a list": (
        "torch: {packages: torch}",
        "a.yaml:1:19: torch.packages: 'torch' is not a list; write [a, b]",
    ),
    "list for a text": ("torch: {variant: [cpu]}", "a.yaml:1:18: torch.variant: a list is not a string"),
    "text for a section": ("torch: cpu", "a.yaml:1:8: torch: 'cpu' is not a mapping; write its keys below it"),
    "nothing for a section": ("torch:", "a.yaml:1:7: torch: no value is not a mapping; write its keys below it"),
    "another schema": ("schema: 2", "a.yaml:1:9: schema: 2 is no version of this format; write 1"),
    "wrong item": (
        "shell:\n  shells:\n  - bash\n  - zhs",
        f"a.yaml:4:5: shell.shells[1]: 'zhs' is not one of {', '.join((*CONFIGURED, CONDA))}; did you mean 'zsh'?",
    ),
    "wrong word for a list": (
        "shell: {shells: bash}",
        "a.yaml:1:17: shell.shells: 'bash' is not one of auto, none",
    ),
    "a GPU that cannot be": (
        "gpus: {use: [0, -1]}",
        "a.yaml:1:17: gpus.use[1]: '-1' names no GPU; write its index such as 0, or its UUID (GPU-...)",
    ),
    "no GPU": ("gpus: {use: []}", "a.yaml:1:13: gpus.use: the list is empty; write all"),
    "a GPU twice": ("gpus: {use: [0, 0]}", "a.yaml:1:13: gpus.use: 0 is in the list twice"),
    "packages without torch": (
        "torch: {packages: [torchvision]}",
        "a.yaml:1:19: torch.packages: torch itself is not in the list",
    ),
    "relative path": (
        "environment: {path: torch}",
        "a.yaml:1:21: environment.path: 'torch' is no absolute path; begin it with / or ~/",
    ),
    "colon in a search path": (
        "environment: {path: '/data:/torch'}",
        (
            "a.yaml:1:21: environment.path: '/data:/torch' holds a colon, which separates the folders in PATH; "
            "choose another folder"
        ),
    ),
    "line break in a path": (
        'environment: {path: "/data\\ntorch"}',
        "a.yaml:1:21: environment.path: the character U+000A has no place here; write one line of text",
    ),
    "the home as environment": (
        "environment: {path: ~/}",
        "a.yaml:1:21: environment.path: '~/' is no folder for an environment; write one such as ~/.venvs/torch",
    ),
    "variant in other words": (
        'torch: {variant: "12.6"}',
        (
            "a.yaml:1:18: torch.variant: '12.6' is no variant; write auto, cpu, cu126 (CUDA 12.6), rocm7.2 or xpu; "
            'did you mean "cu126"?'
        ),
    ),
    "patch release of Python": (
        "python: {version: 3.12.4}",
        (
            'a.yaml:1:19: python.version: \'3.12.4\' is no Python; write auto, "3.12", "3.13t" or the path of an '
            'interpreter; did you mean "3.12"?'
        ),
    ),
    "local label in a version": (
        "torch: {version: ==2.13.0+cpu}",
        "a.yaml:1:18: torch.version: write the version without what follows the +; torch.variant says which build",
    ),
    "unknown section in ask": ("ask: [diver]", "a.yaml:1:7: ask[0]: 'diver' is no section; did you mean 'driver'?"),
    "path without its source": (
        "cuda_toolkit: {path: /usr/local/cuda}",
        "a.yaml:1:22: cuda_toolkit.path: a path counts only with source: existing, and source is none",
    ),
    "key that is no word": ("[a, b]: 1", "a.yaml:1:1: a key must be a word"),
    "not a mapping": ("hello", "a.yaml:1:1: this is no mapping of keys such as `torch: {version: latest}`"),
    "a list": ("- torch", "a.yaml:1:1: this is no mapping of keys such as `torch: {version: latest}`"),
    "tab": ("torch:\n\tversion: latest", "a.yaml:2:1: a tab stands here; YAML indents with spaces"),
    "two colons": (
        "torch: version: latest",
        "a.yaml:1:15: a second ':' in one line, or wrong indentation; put a text that holds ': ' in quotes",
    ),
    "second document": (
        "schema: 1\n---\nschema: 1\n",
        "a.yaml:2:1: a second document begins here; write one document per file",
    ),
    "nothing": ("", "a.yaml:1:1: the file holds no answers; `schema: 1` alone takes every default"),
    "only comments": ("# torch\n", "a.yaml:1:1: the file holds no answers; `schema: 1` alone takes every default"),
    "merge key": (
        "a: &a {variant: cpu}\ntorch: {<<: *a}",
        "a.yaml:2:9: torch: merge keys (<<) are not read here; write the keys out",
    ),
    "Python object": (
        "torch: {version: !!python/object/apply:os.getcwd []}",
        "a.yaml:1:18: torch.version: the tag 'python/object/apply:os.getcwd' is not read here",
    ),
    "alias inside itself": ("torch: &t [*t]", "a.yaml:1:12: the alias *t stands inside what it names"),
    "alias of nothing": ("torch: *t", "a.yaml:1:8: the alias *t names nothing before it"),
    "too deep": ("[" * 5000, "a.yaml:1:21: nested deeper than 20 levels"),
    "endless number": (
        "driver: {branch: 0x" + "F" * 60 + "}",
        f"a.yaml:1:18: driver.branch: '0x{'F' * 60}' is no value that YAML can read",
    ),
    "NUL": ("torch: \0", "a.yaml:1:8: the character U+0000 has no place in a text"),
    "Latin-1": (b"schema: 1\nask: [] # \xe9t\xe9", "a.yaml:2:11: the byte 0xE9 is not UTF-8; save the file as UTF-8"),
    "UTF-16": ("schema: 1".encode("utf-16"), "a.yaml:1:1: the file is UTF-16; save it as UTF-8"),
}


@pytest.mark.parametrize("name", CASES)
def test_one_problem_is_named_at_its_place(name: str) -> None:
    text, line = CASES[name]
    assert line in evidence(text)


def test_all_problems_come_in_one_report_in_the_order_of_the_file() -> None:
    lines = evidence(
        "torch:\n  version: 2.10\n  varaint: cu126\npython: 3\nenvironment:\n  path: here\n  kind: venv\n  kind: conda\n"
    )
    assert [line.split(":")[1] for line in lines] == ["2", "3", "4", "6", "8"]


def test_a_problem_list_is_cut_after_a_hundred_and_counted() -> None:
    lines = evidence("".join(f"key{number}: 1\n" for number in range(250)))
    assert len(lines) == 101
    assert lines[-1] == "a.yaml: and 150 more"


def test_aliases_that_expand_without_end_are_stopped_early() -> None:
    laughs = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"a{number}: &a{number} [{','.join([f'*a{number - 1}'] * 9)}]\n" for number in range(1, 12)
    )
    assert any("more than 50,000 values" in line for line in evidence(laughs))


@pytest.mark.parametrize(
    "text",
    [
        "source: {index: 'https://ada:hunter2@index.example/simple'}",
        "source: {proxy: 'http://hunter2@proxy.example:3128'}",
        "source: {mirror: 'https://mirror.example/whl?token=hunter2'}",
        "source: {find_links: ['https://ada:hunter2@wheels.example/']}",
        "source: {find_links: 'https://ada:hunter2@wheels.example/'}",
        "source: {index: 'ftp://ada:hunter2@index.example'}",
        "source: {index: 'https://ada:hunter2@[index.example/simple'}",
        "source: {ca_bundle: 'ada:hunter2@x'}",
        "shell: {shells: 'ada:hunter2@x'}",
        "source: {offline: 'ada:hunter2@x'}",
    ],
)
def test_secrets_are_refused_and_never_repeated(text: str) -> None:
    lines = evidence(text)
    assert lines
    assert "hunter2" not in "".join(lines)


def test_control_characters_of_a_file_never_reach_the_terminal() -> None:
    (line,) = evidence('"\\e[2Jtorch": 1')
    assert line.startswith("a.yaml:1:1: \\x1b[2Jtorch: unknown key")


ACCEPTED = {
    "schema: 1": Request(),
    "{}": Request(),
    "\ufeffschema: 1\r\ntorch:\r\n  variant: cpu\r\n": Request(torch=TorchWish(variant="cpu")),
    "torch: {version: '2.13'}": Request(torch=TorchWish(version="==2.13.*")),
    "torch: {version: 2.13.0}": Request(torch=TorchWish(version="==2.13.0")),
    "torch: {version: '>=2.12,<2.14'}": Request(torch=TorchWish(version=">=2.12,<2.14")),
    "torch: {version: ==2.13.*, packages: [torch]}": Request(torch=TorchWish(version="==2.13.*", packages=("torch",))),
    "environment: {path: ~/gpu env}": Request(environment=EnvironmentWish(path="~/gpu env")),
    "environment: {path: 'C:\\torch'}": Request(environment=EnvironmentWish(path="C:\\torch")),
    "shell: {shells: [bash, zsh]}": Request(shell=ShellWish(shells=("bash", "zsh"))),
    "gpus: {use: [0, GPU-1b2c]}": Request(gpus=GpuWish(use=(0, "GPU-1b2c"))),
    "ask: '*'": Request(ask=("*",)),
    '{"schema": 1, "torch": {"variant": "cpu"}}': Request(torch=TorchWish(variant="cpu")),
}


@pytest.mark.parametrize("text", ACCEPTED)
def test_what_is_accepted(text: str) -> None:
    assert replace(parse_answers(text.encode(), "a.yaml"), origins={}) == ACCEPTED[text]


def test_origins_name_file_and_line_of_every_key_that_is_there() -> None:
    request = parse_answers(b"schema: 1\n\ntorch:\n  variant: cpu\n\n  version: latest\nask: []\n", "team.yaml")
    assert request.origins == {
        "torch.variant": "team.yaml:4",
        "torch.version": "team.yaml:6",
        "ask": "team.yaml:7",
    }
    assert request.is_default("python.version")


def test_a_file_is_read_by_its_path(tmp_path: Path) -> None:
    path = tmp_path / "answers.yaml"
    path.write_text("torch: {variant: cpu}\n")
    assert read_answers(path).origins == {"torch.variant": f"{path}:1"}
