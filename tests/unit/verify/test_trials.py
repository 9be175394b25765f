"""The A/B trick: what is left out, and what that proves."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

import pytest

from torchup.detect.commands import Ran
from torchup.verify.doctor.setters import find_setters
from torchup.verify.doctor.trials import Outcome, attempt, compare_library_path, compare_masks, why_import_fails

Works = Callable[[tuple[str, ...], Mapping[str, str]], bool]


def asker(works: Works, error: str = "ImportError: libcublas.so.12: no", calls: list[str] | None = None):  # type: ignore[no-untyped-def]
    def ask(command: tuple[str, ...], environ: Mapping[str, str], seconds: float) -> Ran:
        if calls is not None:
            calls.append(" ".join(sorted(environ)))
        if works(command, environ):
            return Ran(returncode=0, stdout='noise\n{"version": "2.13.0", "file": "f", "count": 0}')
        return Ran(returncode=1, stderr=f"Traceback\n{error}\n")

    return ask


@pytest.mark.parametrize(
    ("environ", "works", "cause", "evidence"),
    [
        (
            {"LD_LIBRARY_PATH": "/old"},
            lambda _, e: "LD_LIBRARY_PATH" not in e,
            "library-path-shadows",
            "LD_LIBRARY_PATH=/old",
        ),
        ({"LD_PRELOAD": "/x.so"}, lambda _, e: "LD_PRELOAD" not in e, "library-path-shadows", "LD_PRELOAD=/x.so"),
        ({"PYTHONPATH": "/p"}, lambda _, e: "PYTHONPATH" not in e, "python-path-shadows", "PYTHONPATH=/p"),
        ({}, lambda _, e: "PYTHONNOUSERSITE" in e, "python-path-shadows", "user's own packages"),
        ({}, lambda c, _: "-I" in c, "python-path-shadows", "python -I"),
    ],
)
def test_the_variable_without_which_it_works_is_the_cause(
    environ: dict[str, str], works: Works, cause: str, evidence: str
) -> None:
    found = why_import_fails("/p", {"HOME": "/h", **environ}, asker(works), "ImportError: no")
    assert found.cause == cause
    assert evidence in " ".join(found.evidence)


def test_the_innocent_variables_stay() -> None:
    calls: list[str] = []
    environ = {"LD_LIBRARY_PATH": "/a", "PYTHONPATH": "/b", "HOME": "/h"}
    why_import_fails("/p", environ, asker(lambda *_: False, calls=calls), "ImportError: no")
    assert calls[:2] == ["HOME PYTHONPATH", "HOME LD_LIBRARY_PATH"]


def test_an_error_that_names_a_library_keeps_its_name() -> None:
    error = "ImportError: libcusparse.so.12: undefined symbol: __nvJitLinkComplete_12_4, version libnvJitLink.so.12"
    ask = asker(lambda _, e: "LD_LIBRARY_PATH" not in e)
    assert (
        why_import_fails("/p", {"LD_LIBRARY_PATH": "/usr/local/cuda/lib64"}, ask, error).cause == "nvjitlink-shadowed"
    )


def test_without_a_trial_that_helps_the_text_tells() -> None:
    found = why_import_fails("/p", {}, asker(lambda *_: False), "version `GLIBCXX_3.4.30' not found")
    assert found.cause == "conda-libstdcxx-too-old"
    assert why_import_fails("/p", {}, asker(lambda *_: False), "strange").cause == "torch-import-error"


def test_a_crash_is_named_by_its_signal() -> None:
    outcome = attempt("/p", {}, lambda *_: Ran(returncode=-4, stderr="something"))
    assert not outcome.works
    assert outcome.error == "the process was ended by SIGILL"


def told(cudnn: int, *libraries: str) -> dict[str, object]:
    return {"version": "2.13.0", "cudnn": cudnn, "libraries": list(libraries)}


def test_another_cudnn_by_the_library_path() -> None:
    clean = json.dumps(told(91002, "/env/libcudnn.so.9"))
    environ = {"LD_LIBRARY_PATH": "/public/apps/cudnn/8.0/lib64"}
    with_it = Outcome(said=told(8005, "/public/apps/cudnn/8.0/lib64/libcudnn.so.8"))
    (found,) = compare_library_path("/p", environ, lambda *_: Ran(returncode=0, stdout=clean), with_it)
    assert (found.cause, found.severity) == ("cudnn-shadowed", "degraded")
    assert found.evidence[0] == "cuDNN is 8005 with LD_LIBRARY_PATH and 91002 without it"
    assert "/public/apps/cudnn/8.0/lib64/libcudnn.so.8 is loaded" in found.evidence[1]


def test_the_same_libraries_are_no_finding() -> None:
    same = told(91002, "/env/libcudnn.so.9")
    ask = lambda *_: Ran(returncode=0, stdout=json.dumps(same))  # noqa: E731
    assert not [*compare_library_path("/p", {"LD_LIBRARY_PATH": "/x"}, ask, Outcome(said=same))]
    assert not [*compare_library_path("/p", {}, ask, Outcome(said=told(1)))]


def test_a_mask_that_hides_gpus() -> None:
    ask = lambda *_: Ran(returncode=0, stdout='{"version": "1", "count": 2}')  # noqa: E731
    (found,) = compare_masks("/p", {"CUDA_VISIBLE_DEVICES": "7"}, ask, Outcome(said={"version": "1", "count": 0}))
    assert found.cause == "cuda-visible-devices-hides-gpu"
    assert not [*compare_masks("/p", {}, ask, Outcome(said={"version": "1", "count": 0}))]


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("export LD_LIBRARY_PATH=/x", True),
        ("  LD_LIBRARY_PATH=/x:$LD_LIBRARY_PATH", True),
        ("LD_LIBRARY_PATH+=:/x", True),
        ("set -gx LD_LIBRARY_PATH /x", True),
        ("set --export --global LD_LIBRARY_PATH /x", True),
        ("setenv LD_LIBRARY_PATH /x", True),
        ("$env:LD_LIBRARY_PATH = '/x'", True),
        ("[ -d /x ] && export LD_LIBRARY_PATH=/x", True),
        ("# export LD_LIBRARY_PATH=/x", False),
        ("echo $LD_LIBRARY_PATH", False),
        ("MY_LD_LIBRARY_PATH=/x", False),
        ("unset LD_LIBRARY_PATH", False),
        ("if [ -z $LD_LIBRARY_PATH ]", False),
    ],
)
def test_where_a_variable_is_set(line: str, found: bool) -> None:
    places = [*find_setters("LD_LIBRARY_PATH", [("/home/a/.rc", f"first\n{line}\n")])]
    assert places == ([("/home/a/.rc", 2, line.strip())] if found else [])
