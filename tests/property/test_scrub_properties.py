"""Nothing that belongs to a person is left in a report, wherever it stood."""

from __future__ import annotations

import json
import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torchup.model.outcome import Check, Report
from torchup.model.serial import dump, load
from torchup.verify.scrub import Scrubber

HOME, USER, HOST = "/home/adalovelace", "adalovelace", "enigma-7.bletchley.example"
CANARIES = (
    HOME,
    "/Users/babbage",
    "C:\\Users\\babbage",
    USER,
    "ADALOVELACE",
    HOST,
    "enigma-7",
    "GPU-5d4e2c6a-9b1f-4c3d-8e7f-0123456789ab",
    "MIG-5d4e2c6a-9b1f-4c3d-8e7f-0123456789ab",
    "5d4e2c6a-9b1f-4c3d-8e7f-0123456789ab",
    "192.168.17.23",
    "203.0.113.77",
    "fe80::1ff:fe23:4567:890a",
    "2001:db8::8a2e:370:7334",
    "02:42:ac:11:00:02",
    "s3cret",
)
# What is left of each where the rest may stay.
LEAKS = (
    "adalovelace",
    "babbage",
    "enigma-7",
    "5d4e2c6a",
    "192.168.17",
    "203.0.113",
    "fe80:",
    "2001:db8",
    "02:42:ac",
    "s3cret",
)
SCRUBBER = Scrubber(homes=(HOME,), users=(USER,), hosts=(HOST,))

around = st.text(alphabet=" \n\t,;()[]'\"=", max_size=4)
words = st.text(alphabet=string.ascii_letters + " ", max_size=12)
canary = st.sampled_from([*CANARIES[:-1], "https://me:s3cret@proxy.example/simple", f"{HOME}/.venvs/torch/bin/python"])
dirty = st.builds(lambda a, b, c, d, e: f"{a}{b or ' '}{c}{d or ' '}{e}", words, around, canary, around, words)
data = st.recursive(
    st.one_of(dirty, st.integers(), st.booleans(), st.none()),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(dirty, inner, max_size=4)),
    max_leaves=12,
)


@given(data)
def test_no_canary_is_left(value: Any) -> None:
    text = json.dumps(SCRUBBER.scrub(value), ensure_ascii=False).lower()
    assert not [leak for leak in LEAKS if leak in text], text


@given(data)
def test_scrubbing_twice_changes_nothing_more(value: Any) -> None:
    once = SCRUBBER.scrub(value)
    assert SCRUBBER.scrub(once) == once


@given(dirty, dirty, dirty)
def test_a_scrubbed_report_is_still_a_report(detail: str, path: str, key: str) -> None:
    check = Check(id="import", status="fail", detail=detail, value=path, threshold=1.5, hint="cpu-wheel-installed")
    report = Report(python=path, level="quick", checks=(check,), verdict="fail", environment={key: {"PATH": path}})
    again = load(Report, SCRUBBER.scrub(dump(report)))
    assert (again.verdict, again.checks[0].hint, again.checks[0].threshold) == ("fail", "cpu-wheel-installed", 1.5)


@pytest.mark.parametrize(
    "text",
    [
        "torch 2.13.0+cu126, driver 580.65.06, cuDNN 9.10.2.21",
        "torch asks for nvidia-cudnn-cu12==9.10.2.21, 9.1.0 is installed",
        "/usr/local/cuda-12.6/lib64 and /usr/lib/x86_64-linux-gnu/libcuda.so.580.65.06",
        "0000:01:00.0 NVIDIA GeForce RTX 4090",
        "error 3.1e-01 is above 6e-03 at [3, 4]",
        "127.0.0.1",
        "std::vector and c10::Error",
        "12:34:56",
        "~/.venvs/torch/bin/python",
    ],
)
def test_what_identifies_nobody_stays(text: str) -> None:
    assert SCRUBBER.text(text) == text


def test_versions_under_their_names_stay() -> None:
    versions = {"nvidia-cudnn-cu12": "9.10.2.21", "version": "1.2.3.4"}
    assert SCRUBBER.scrub(versions) == versions


def test_serials_and_secrets_go_by_their_names() -> None:
    given_ = {"serial": "1320922011111", "HF_TOKEN": "abc", "uuid": "x"}
    assert SCRUBBER.scrub(given_) == dict.fromkeys(given_, "****")
    assert SCRUBBER.text("Serial Number : 1320922011111") == "Serial Number : ****"


def test_a_name_that_is_a_common_word_does_not_spoil_the_report() -> None:
    plain = Scrubber(homes=("/root",), users=("root", "torch", "ab"), hosts=("localhost",))
    assert plain.text("torch at /root/env on localhost, tab") == "torch at ~/env on localhost, tab"


def test_a_home_that_is_the_beginning_of_another_folder() -> None:
    assert SCRUBBER.text("/home/adalovelace2/x") == "/home/<user>/x"
    assert Scrubber(homes=("/",)).text("/usr/bin") == "/usr/bin"
