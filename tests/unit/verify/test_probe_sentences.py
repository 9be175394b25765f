"""Sentences of the tensor test: made there in English, and said again here in the language of the run."""

from __future__ import annotations

import ast
import io
import json
import math
import os
import re
import string
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from support.stub_torch import CPU_BUILD, gpu, no_gpu, python_with
from support.wrong_kernels import load_probe, probe_file
from torchup import words
from torchup.model.outcome import Check, Report
from torchup.model.serial import dump, load
from torchup.ui.report_html import report_page
from torchup.ui.report_view import render
from torchup.verify import refine
from torchup.verify.probe_archive import FOLDER
from torchup.verify.run import complete, parse_line, verify
from torchup.verify.scrub import Scrubber
from torchup.words import retell

probe = load_probe()
say, listed, told, heard = probe.say, probe.listed, probe.told, probe.heard
PLAIN = {name: value for name, value in os.environ.items() if "VISIBLE_DEVICES" not in name and name != "PYTHONPATH"}
CHINESE = re.compile("[\u4e00-\u9fff]")


@pytest.fixture
def chinese() -> Iterator[None]:
    words.use("zh")
    assert words.tr("skip") != "skip", "the catalogue is not compiled: `make words`"
    yield
    words.use("en")


TEXTS = st.recursive(
    st.text(max_size=8),
    lambda parts: (
        st.builds(lambda a, b: say("{a}: {b}; {a}", a=a, b=b), parts, parts)
        | st.builds(lambda a: say("{a}", a=a), parts)
        | st.builds(lambda items: listed(items, "; "), st.lists(parts, max_size=3))
        | st.just(say("with {braces} and no values"))
    ),
    max_leaves=6,
)


@given(TEXTS)
def test_a_sentence_comes_through_json_as_it_was(text: Any) -> None:
    data = json.loads(json.dumps(told(text)))
    assert heard(data) == text == retell(data)
    assert told(heard(data)) == told(text)


@pytest.mark.parametrize(
    ("template", "value", "text"),
    [
        ("{x}", 3, "3"),
        ("{x:.1e}", 0.31, "3.1e-01"),
        ("{x:.0%}", 0.256, "26%"),
        ("{x:g}", 60.0, "60"),
        ("{x}", math.nan, "nan"),
        ("{x}", "{y}", "{y}"),
        ("{x:.2f} {x:.2f}", 1, "1.00 1.00"),
    ],
)
def test_a_number_is_written_once_and_stays(template: str, value: object, text: str) -> None:
    made = say(template, x=value)
    assert made == template.format(x=value) == text
    assert retell(json.loads(json.dumps(told(made), allow_nan=False))) == text


def test_it_is_said_in_the_language_of_the_run_to_its_innermost_part(chinese: None) -> None:
    inner = say("{count} of {total} elements are wrong, the first at {place}: {found} for {expected}",
                count=1, total=9, place="[0]", found=2.0, expected=3)  # fmt: skip
    made = listed([say("{what}: {problem}", what="8x8x8", problem=inner), say("no new Xid")], "; ")
    assert retell(told(made)) == "8x8x8：9 个元素中有 1 个错误，第一个位于 [0]：得到 2.0，应为 3；没有新的 Xid"


def test_what_cannot_be_said_again_is_shown_as_it_is() -> None:
    for said in (
        {"text": "{a}", "values": {"b": ""}},
        {"text": "{a.b}", "values": {"a": ""}},
        {"text": "{a}"},
        {"new": 1},
        {"texts": [1], "between": ""},
    ):
        assert Check(id="x", status="pass", detail="as it is", said=said).sentence() == "as it is"


def test_a_report_from_before_loads() -> None:
    old = {"id": "sort", "level": "quick", "gpu": "cpu", "status": "skip", "detail": "not reached: so", "hint": None}
    check = load(Check, old)
    assert (check.sentence(), check.said, check.reached) == ("not reached: so", None, True)
    assert load(Check, dump(check)) == check


def made_check(status: str, text: str, **more: Any) -> Check:
    """Bring a check from the script's own line to torchup."""
    line = {"id": "sort", "gpu": "cuda:0", "status": status, "detail": text, "said": told(text), **more}
    check = parse_line(json.dumps({"check": line}))
    assert isinstance(check, Check)
    return check


def pages(*checks: Check) -> tuple[str, str]:
    report = complete(Report(python="/p", level="quick", devices=("cuda:0",), checks=checks, verdict="not-run"))
    stream = io.StringIO()
    Console(file=stream, width=200, color_system=None).print(render(report))
    return stream.getvalue(), report_page(report, made=datetime(2026, 11, 25, tzinfo=UTC))


@pytest.mark.parametrize(
    ("check", "said"),
    [
        (made_check("pass", say("{size} MiB written and read twice", size=256)), "256 MiB 写入并读取两次"),
        (made_check("fail", say("{operation} gives NaN", operation="exp")), "exp 得到 NaN"),
        (made_check("warn", say("the build is {found}, {planned} was planned", found="cpu", planned="cu126")),
         "构建版本是 cpu，计划的是 cu126"),
        (made_check("error", say("too little free memory: {error}", error="oom")), "空闲内存太少：oom"),
        (made_check("timeout", say("no answer within {limit:g} s", limit=60.0)), "60 秒内没有应答"),
        (made_check("skip", say("no companion package is installed")), "没有安装任何配套包"),
        (made_check("skip", say("the GPU cannot be used"), reached=False), "因为无法使用该 GPU"),
        (made_check("pass", say("no ECC"), value=0.0, unit="wrong words", threshold=0.0), "0 个错误的字"),
    ],
    ids=lambda value: value.status if isinstance(value, Check) else "",
)  # fmt: skip
def test_every_way_to_end_is_shown_in_chinese(chinese: None, check: Check, said: str) -> None:
    for page in pages(check):
        # The tables of a terminal put two columns of blanks, and a reason its own words around.
        assert said.removeprefix("因为") in page
        assert check.detail not in page


def test_json_keeps_the_english_sentence_and_how_it_was_made(chinese: None) -> None:
    data = dump(made_check("fail", say("{operation} gives NaN", operation="exp")))
    assert data["detail"] == "exp gives NaN"
    assert data["said"] == {"text": "{operation} gives NaN", "values": {"operation": "exp"}}


@pytest.mark.parametrize(
    "source",
    [
        CPU_BUILD,
        None,
        "import a_package_that_is_not_there",
        no_gpu("Found no NVIDIA driver on your system."),
        gpu((12, 0), "sm_50 sm_90"),
        gpu((8, 9), "sm_89"),
        "import os, signal; os.kill(os.getpid(), signal.SIGILL)",
    ],
    ids=["cpu", "none", "incomplete", "no-driver", "too-new", "unusable", "dies"],
)
def test_no_check_of_a_run_is_told_in_english(chinese: None, tmp_path: Path, source: str | None) -> None:
    report = verify(
        python=str(python_with(tmp_path / "env", source)),
        level="quick",
        expected_version="2.13.0",
        expected_variant="cu126",
        environ=PLAIN,
        gpu_expected=True,
    )
    raw = re.compile(r"^(NVIDIA|AttributeError|RuntimeError|torch 2|.* \(limited)")
    for check in report.checks:
        assert CHINESE.search(check.sentence()) or raw.match(check.detail), check


def test_a_cause_that_torchup_adds_is_said_after_what_the_check_said(chinese: None) -> None:
    check = made_check("fail", say("{operation} gives NaN", operation="exp"), hint="driver-missing")
    (general, cause, _), *_ = [entry for entry in refine.PARTICULAR if entry[0] == "driver-missing"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(refine, "PARTICULAR", ((general, cause, lambda _subject: "原因在此"),))
        found = refine._refined(check, None)  # type: ignore[arg-type]  # the rule asks nothing
    assert (found.hint, found.detail) == (cause, "exp gives NaN; 原因在此")
    assert found.sentence() == "exp 得到 NaN；原因在此"


# Privacy: what fills a sentence is scrubbed like the sentence, and the template is left whole.


def test_the_script_scrubs_what_fills_its_sentences(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    monkeypatch.setattr(probe.platform, "node", lambda: "torch")
    where = say("{what}, but from {place}: {file}", what=say("torch {version}", version="2"),
                place="PYTHONPATH", file="/home/ada/x on torch")  # fmt: skip
    text = probe.scrub({"detail": listed([where, "GPU-12345678-abcd of torch"])})["detail"]
    assert told(text) == {
        "texts": [
            {
                "text": "{what}, but from {place}: {file}",
                "values": {
                    "what": {"text": "torch {version}", "values": {"version": "2"}},
                    "place": "PYTHONPATH",
                    "file": "~/x on <host>",
                },
            },
            "GPU-... of <host>",
        ],
        "between": ", ",
    }
    assert told(probe.scrub(say("no kernels of torch"))) == {"text": "no kernels of <host>", "values": {}}


def test_torchup_scrubs_what_fills_a_sentence_and_keeps_its_template() -> None:
    scrubber = Scrubber(homes=("/home/ada",), users=("ada", "what"), hosts=("error",))
    check = made_check(
        "fail", say("{what}; a first kernel says: {error}", what="of ada at /home/ada/x", error="10.1.2.3")
    )
    data = scrubber.scrub(dump(check))
    assert data["said"] == {
        "text": "{what}; a first kernel says: {error}",
        "values": {"what": "of <user> at ~/x", "error": "<address>"},
    }
    own = {"text": "no kernels of ada", "values": {}}
    assert scrubber.scrub(own) == {"text": "no kernels of <user>", "values": {}}
    assert load(Check, data).sentence() == "of <user> at ~/x; a first kernel says: <address>"


def test_a_run_that_dies_of_a_path_below_home_holds_it_nowhere(tmp_path: Path) -> None:
    home = tmp_path / "adalovelace"
    python = python_with(home / "env", "raise ImportError(f'cannot read {__file__}')")
    done = subprocess.run(
        [python, probe_file(), "--json"], env={**PLAIN, "HOME": str(home)}, capture_output=True, text=True, check=False
    )
    assert "cannot read ~/env" in done.stdout
    assert "adalovelace" not in done.stdout


# The sources: only what can be said again is told.


def calls() -> Iterator[tuple[str, ast.Call]]:
    for path in sorted(FOLDER.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                yield f"{path.name}:{node.lineno}", node


def fields_of(template: str) -> list[tuple[str, str | None, str | None]]:
    parsed = string.Formatter().parse(template)
    return [(name, spec, conversion) for _, name, spec, conversion in parsed if name is not None]


def test_what_is_said_has_the_values_that_its_template_names() -> None:
    found = 0
    for place, call in calls():
        if ast.unparse(call.func) != "say":
            continue
        template, *more = call.args
        given = {word.arg for word in call.keywords}
        assert not more, place
        if isinstance(template, ast.Constant):
            fields = fields_of(str(template.value))
            assert {name for name, _, _ in fields} == given, place
            assert len({(name, spec) for name, spec, _ in fields}) == len(given), f"{place}: one field, two formats"
            assert not [conversion for _, _, conversion in fields if conversion], place
            found += 1
        else:
            # A text of a table. With values, what came from elsewhere could pass as a template, which is not scrubbed.
            assert not given, place
    assert found > 200


def test_nothing_is_told_to_a_person_that_cannot_be_said_again() -> None:
    for place, call in calls():
        name = ast.unparse(call.func)
        told_here = [word.value for word in call.keywords if word.arg == "detail"]
        if name == "Result":
            told_here += call.args[4:5]
        elif name in ("Skip", "skipped", "self.not_reached"):
            told_here += call.args[-1:]
        for text in told_here:
            assert not isinstance(text, ast.JoinedStr | ast.BinOp), place
            assert not isinstance(text, ast.Constant) or text.value in ("", None), place


def test_every_unit_that_is_a_word_can_be_said() -> None:
    used = set()
    for _, call in calls():
        if ast.unparse(call.func) in ("Result", "judge_speed") and len(call.args) > 2:
            used |= {node.value for node in ast.walk(call.args[2]) if isinstance(node, ast.Constant)}
    assert used - {None} - {"MiB", "GB/s", "TFLOPS", "s"} == set(probe.UNITS)
