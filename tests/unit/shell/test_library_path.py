"""The policy `ld_library_path`: what is decided in each situation, and the reason that is shown."""

from __future__ import annotations

import pytest

from torchup.shell.library_path import Policy, decide_library_path

LIB = "/usr/local/cuda/lib64"


@pytest.mark.parametrize(
    ("policy", "library_dir", "loader_finds_it", "wheel_brings_cuda", "code"),
    [
        ("auto", LIB, False, False, "loader-misses-it"),
        ("auto", LIB, True, False, "loader-finds-it"),
        ("auto", LIB, False, True, "would-shadow-wheel"),
        ("auto", LIB, True, True, "would-shadow-wheel"),
        ("auto", None, False, False, "no-toolkit"),
        ("always", LIB, True, True, "asked-always"),
        ("always", LIB, False, False, "asked-always"),
        ("always", None, False, False, "no-toolkit"),
        ("never", LIB, False, False, "asked-never"),
        ("never", None, False, False, "no-toolkit"),
    ],
)
def test_decisions(
    policy: Policy,
    library_dir: str | None,
    loader_finds_it: bool,
    wheel_brings_cuda: bool,
    code: str,
) -> None:
    decision = decide_library_path(
        policy,
        library_dir=library_dir,
        loader_finds_it=loader_finds_it,
        wheel_brings_cuda=wheel_brings_cuda,
    )
    assert decision.reason.code == code
    assert decision.directories == ((LIB,) if code in ("loader-misses-it", "asked-always") else ())
    assert "LD_LIBRARY_PATH" in decision.reason.text


def test_always_warns_when_the_wheel_has_its_own() -> None:
    def text(*, wheel: bool) -> str:
        decision = decide_library_path("always", library_dir=LIB, loader_finds_it=False, wheel_brings_cuda=wheel)
        return decision.reason.text

    assert "suspect" in text(wheel=True)
    assert "suspect" not in text(wheel=False)
