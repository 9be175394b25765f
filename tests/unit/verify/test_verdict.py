from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.wrong_kernels import load_probe
from torchup.errors import ExitStatus
from torchup.model.outcome import Check, CheckStatus, Verdict
from torchup.verify.verdict import exit_status, verdict_of

PROBE = load_probe()


def check(name: str, status: CheckStatus, gpu: str | None = None) -> Check:
    return Check(id=name, status=status, gpu=gpu)


GOOD = check("exact-fp32", "pass", "cuda:0")


@pytest.mark.parametrize(
    ("checks", "verdict"),
    [
        ([], "not-run"),
        ([check("import", "pass")], "not-run"),
        ([check("import", "pass"), check("exact-fp32", "skip", "cuda:0")], "not-run"),
        ([check("matmul-fp32", "pass", "cuda:0")], "not-run"),
        ([GOOD], "pass"),
        ([GOOD, check("companions", "skip", "cuda:0")], "pass"),
        ([GOOD, check("exact-fp16", "error", "cuda:0")], "degraded"),
        ([GOOD, check("build", "warn")], "degraded"),
        ([GOOD, check("sort", "fail", "cuda:0")], "fail"),
        ([GOOD, check("sort", "timeout", "cuda:0")], "fail"),
        ([check("import", "fail")], "fail"),
        # One GPU says nothing about the other.
        ([GOOD, check("alloc", "pass", "cuda:1")], "not-run"),
        ([GOOD, check("exact-bf16", "pass", "cuda:1")], "pass"),
    ],
)
def test_verdict(checks: list[Check], verdict: Verdict) -> None:
    assert verdict_of(checks) == verdict


@pytest.mark.parametrize("verdict", get_args(Verdict))
def test_only_a_pass_ends_well(verdict: Verdict) -> None:
    assert exit_status(verdict) == (ExitStatus.DONE if verdict == "pass" else ExitStatus.DEGRADED)
    assert exit_status(verdict, on_failure="warn") is ExitStatus.DONE


CHECKS = st.builds(
    check,
    st.sampled_from(["import", "exact-fp32", "exact-int", "matmul-fp32"]),
    st.sampled_from(get_args(CheckStatus)),
    st.sampled_from([None, "cpu", "cuda:0", "cuda:1"]),
)


@given(st.lists(CHECKS, max_size=6))
def test_the_probe_by_itself_judges_the_same(checks: list[Check]) -> None:
    plain = [{"id": item.id, "status": item.status, "gpu": item.gpu} for item in checks]
    assert PROBE.verdict(plain) == verdict_of(checks)


@given(st.lists(CHECKS, max_size=6))
def test_a_skipped_check_never_helps(checks: list[Check]) -> None:
    assert verdict_of([*checks, check("exact-fp32", "skip")]) == verdict_of(checks)
