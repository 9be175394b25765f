"""`torchup resolve` on machines that are not this one, as a stranger runs it: files in, sentences or JSON out."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.command import Person
from support.machines import MACHINES, machine_files
from support.tools import NIGHTLY, each
from support.wheel_index import WheelIndex
from torchup.cli import main

Run = Callable[..., tuple[int, str, str]]

# One of each kind of outcome, in processes of their own: the rest runs in this one.
REAL_PROCESSES = (
    "peer-03-rtx4090-535",
    "peer-04-rtx5090-570",
    "peer-08-gtx1060-rtx4090",
    "peer-11-rtx4090-no-driver",
    "wsl2-no-driver",
    "mac-m2-14",
    "amd-7900xtx",
    "pin-cu130-1080ti",
    "windows-1060-no-driver",
)
# The decisions themselves are tried in tests/unit/resolve/test_machines.py; here, what is printed of them.
THROUGH_ALL = [*machine_files()[::15], *(MACHINES / f"{name}.yaml" for name in REAL_PROCESSES)]
TOP = {
    "schema",
    "status",
    "torch",
    "driver",
    "cuda_toolkit",
    "reasons",
    "rejected",
    "warnings",
    "next_steps",
    "facts_as_of",
}
H100 = {
    "schema": 1,
    "os": {"system": "linux", "arch": "x86_64", "libc": "glibc", "libc_version": "2.39"},
    "gpus": [{"index": 0, "vendor": "nvidia", "name": "NVIDIA H100", "compute_capability": "9.0"}],
    "pythons": [{"path": "/usr/bin/python3", "version": "3.12.3"}],
}
PREDICATES = ("has", "is", "needs", "was", "would", "serves")
TAGS = ("cp312", "cp312", "manylinux_2_28_x86_64")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the command line in this process, with an empty home."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("PIP_INDEX_URL", "PIP_CONFIG_FILE", "UV_INDEX_URL", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)

    def command(*arguments: str) -> tuple[int, str, str]:
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as ended:
            main(arguments)
        assert isinstance(ended.value.code, int)
        return ended.value.code, out.getvalue(), err.getvalue()

    return command


def written(folder: Path, document: dict[str, Any], name: str = "facts.yaml") -> str:
    path = folder / name
    path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    return str(path)


def arguments(case: dict[str, Any], folder: Path) -> list[str]:
    """Write a machine file's facts and answers as a person would, and name them."""
    found = ["resolve", "--offline", "--machine", written(folder, case["facts"])]
    if case["answers"]:
        found += ["--answers", written(folder, {"schema": 1, **case["answers"]}, "answers.yaml")]
    return found


def case_of(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return document


def check(case: dict[str, Any], status: int, text: str) -> None:
    """Compare what was printed with what the machine file expects and with the contract of the JSON."""
    expect, resolution = case["expect"], json.loads(text)
    torch = resolution["torch"]
    title = f"{torch['version']}+{torch['variant']}" if torch else None
    assert (resolution["status"], title) == (expect["status"], expect["torch"]), text
    assert status == (0 if expect["status"] == "ok" else 7)
    driver = expect.get("driver", {})
    assert {key: resolution["driver"][key] for key in driver} == driver
    assert [pattern for pattern in expect.get("mention", ()) if not re.search(pattern, text)] == []
    assert [pattern for pattern in expect.get("never", ()) if re.search(pattern, text)] == []
    assert set(resolution) == TOP
    if torch:
        assert torch["source"] in ("pytorch", "default", "find-links", "mirror")
        assert {"version", "variant", "python", "packages", "index", "source"} <= set(torch)
    if resolution["status"] != "ok":
        assert resolution["next_steps"]
        assert resolution["reasons"]


@pytest.mark.parametrize("path", each(machine_files(), THROUGH_ALL), ids=lambda path: path.stem)
def test_every_machine_through_the_command_line(run: Run, tmp_path: Path, path: Path) -> None:
    case = case_of(path)
    status, out, err = run(*arguments(case, tmp_path), "--json")
    check(case, status, out)
    assert err == ""


@pytest.mark.parametrize("name", REAL_PROCESSES)
def test_machines_in_processes_of_their_own(person: Person, tmp_path: Path, name: str) -> None:
    case = case_of(MACHINES / f"{name}.yaml")
    done = person.torchup(*arguments(case, tmp_path), "--json", COLUMNS="80")
    check(case, done.returncode, done.stdout)
    before = person.tree()
    plain = person.torchup(*arguments(case, tmp_path), COLUMNS="80")
    assert plain.returncode == done.returncode
    assert max(map(len, plain.stdout.splitlines())) <= 80
    assert "Why" in plain.stdout
    assert person.tree() == before
    assert person.index
    assert person.index.seen() == []


def test_sentences_end_and_begin_as_sentences_do(run: Run, tmp_path: Path) -> None:
    """Every text of the machines: one sentence after another, none doubled, nothing left unfilled."""
    for path in machine_files() if NIGHTLY else THROUGH_ALL:
        resolution = json.loads(run(*arguments(case_of(path), tmp_path), "--json", "--all")[1])
        for part in ("reasons", "warnings", "next_steps"):
            texts = [entry["text"] for entry in resolution[part]]
            assert len(set(texts)) == len(texts), path
            for text in texts:
                assert text.endswith("."), (path, text)
                assert not re.search(r"\bNone\b|\{|\}|\.\.(?!\.)| {2}|\( | \)", text.replace("...", "")), (path, text)
        for rejected in resolution["rejected"]:
            assert rejected["text"].partition(" ")[0] in PREDICATES, (path, rejected)


def test_all_names_the_gate_of_every_build(run: Run, tmp_path: Path) -> None:
    case = case_of(MACHINES / "peer-03-rtx4090-535.yaml")
    resolution = json.loads(run(*arguments(case, tmp_path), "--json", "--all")[1])
    pick = resolution["torch"]
    seen = {(entry["version"], entry["variant"]) for entry in resolution["rejected"]}
    assert (pick["version"], pick["variant"]) not in seen
    assert {("2.15.0", "cu132"), ("2.15.0", "cpu"), ("2.14.1", "cu130"), ("2.0.0", "cu117")} <= seen
    few = json.loads(run(*arguments(case, tmp_path), "--json")[1])["rejected"]
    assert 0 < len(few) < len(resolution["rejected"]) / 10


def test_only_the_default_index_offline(run: Run, tmp_path: Path) -> None:
    """It is not known here which one that is; what it had is, as of the snapshot."""
    for driver, expected in (("580.95.05", ("2.15.0", "cu132")), ("535.183.01", ("2.10.0", "cu128"))):
        facts = written(tmp_path, {**H100, "nvidia": {"state": "ok", "driver_version": driver}})
        answers = written(tmp_path, {"schema": 1, "source": {"index": "default"}}, "answers.yaml")
        status, out, _ = run("resolve", "--offline", "--machine", facts, "--answers", answers, "--json")
        pick = json.loads(out)["torch"]
        assert (status, pick["version"], pick["variant"], pick["source"]) == (0, *expected, "default")
        assert "was not asked" in out


@pytest.mark.parametrize(
    ("variant", "cuda", "beside"),
    [("cu134", "13.4", "2.15.0+cu130"), ("cu140", "14.0", None)],
)
def test_a_variant_and_a_release_that_no_table_knows(
    run: Run, tmp_path: Path, index: WheelIndex, variant: str, cuda: str, beside: str | None
) -> None:
    """They appear on the live index first: a machine with a driver that names that CUDA gets them, and is told."""
    index.pytorch(variant).add("torch", f"2.16.0+{variant}", tags=TAGS)
    if beside:
        index.pytorch("cu130").add("torch", beside, tags=TAGS)
    new = {"state": "ok", "driver_version": "700.10", "cuda_version": cuda}
    old = {"state": "ok", "driver_version": "550.54.14", "cuda_version": "12.4"}
    answers = written(
        tmp_path, {"schema": 1, "source": {"index": "pytorch", "mirror": index.url("whl")}}, "answers.yaml"
    )
    facts = written(tmp_path, {**H100, "nvidia": new})
    status, out, err = run("resolve", "--machine", facts, "--answers", answers, "--json")
    assert (status, err) == (0, "")
    resolution = json.loads(out)
    assert (resolution["torch"]["version"], resolution["torch"]["variant"]) == ("2.16.0", variant)
    assert resolution["torch"]["index"] == index.url(f"whl/{variant}")
    assert resolution["torch"]["source"] == "mirror"
    assert any("2.15+cu132 is assumed" in warning["text"] for warning in resolution["warnings"])
    facts = written(tmp_path, {**H100, "nvidia": old})
    status, out, _ = run("resolve", "--machine", facts, "--answers", answers, "--json")
    assert status == 7
    assert json.loads(out)["torch"] is None


def test_a_pin_that_does_not_fit_is_answered_with_what_would(run: Run, tmp_path: Path, index: WheelIndex) -> None:
    for variant in ("cu126", "cu130", "cpu"):
        index.pytorch(variant).add("torch", f"2.14.1+{variant}", tags=TAGS)
    pascal = [{"index": 0, "vendor": "nvidia", "name": "GTX 1080", "compute_capability": "6.1"}]
    facts = written(tmp_path, {**H100, "gpus": pascal, "nvidia": {"state": "ok", "driver_version": "580.95.05"}})
    wish = {"schema": 1, "torch": {"variant": "cu130"}, "source": {"index": "pytorch", "mirror": index.url("whl")}}
    answers = written(tmp_path, wish, "answers.yaml")
    status, out, _ = run("resolve", "--machine", facts, "--answers", answers, "--json")
    resolution = json.loads(out)
    assert (status, resolution["status"], resolution["torch"]) == (7, "no_solution", None)
    helps = " ".join(step["text"] for step in resolution["next_steps"])
    assert "Loosen torch.variant (cu130): then the pick is torch 2.14.1+cu126." in helps
    # Nothing of NVIDIA here, and the build that was asked for is found all the same.
    facts = written(tmp_path, {**H100, "gpus": []})
    status, out, _ = run("resolve", "--machine", facts, "--answers", answers, "--json")
    assert (status, json.loads(out)["torch"]["variant"]) == (0, "cu130")


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ('{"schema": 1, "os": {"system": "linux", "arch": "x86', ["unexpected end"]),
        ("", ["is empty"]),
        ("[1, 2]", ["not a mapping"]),
        ("schema: 1\nos: {system: linux, arch: x86_64}\n", ["'gpus' is missing"]),
        (
            "schema: 2\nos: {system: Linux, arch: 5, flavour: x}\ngpus:\n- {index: a, vendor: nvida, nam: x}\nfoo: 1\n",
            [
                "schema",
                "os.system",
                "os.arch",
                "os.flavour",
                "gpus[0].index",
                "gpus[0].vendor",
                "did you mean 'name'",
                "foo",
            ],
        ),
        (
            "schema: 1\nos: {system: darwin, arch: arm64, libc: glibc}\ncontext: {wsl: 2}\n"  # noqa: ISC004  one file
            "gpus:\n- {index: 0, vendor: amd, compute_capability: '8.9'}\n- {index: 0, vendor: amd, gfx: x}\n"
            "nvidia: {state: missing, driver_version: '580.95.05'}\n",
            ["os.libc", "context.wsl", "compute_capability", "gpus[1].index", "gpus[1].gfx", "nvidia.state"],
        ),
    ],
)
def test_bad_facts_name_every_problem(run: Run, tmp_path: Path, text: str, problems: list[str]) -> None:
    path = tmp_path / "facts.yaml"
    path.write_text(text, encoding="utf-8")
    status, out, err = run("resolve", "--offline", "--machine", str(path))
    assert (status, out) == (2, "")
    assert "facts-invalid" in err
    assert [problem for problem in problems if problem not in err] == []
    status, out, _ = run("resolve", "--offline", "--machine", str(path), "--json")
    assert (status, json.loads(out)["error"]["code"]) == (2, "facts-invalid")
