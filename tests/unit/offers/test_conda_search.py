"""What conda says about a channel, as offers: which builds, for which CUDA and Python."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.machines import MACHINES, read_machine
from torchup.model.facts import CondaInstall, MachineFacts, OperatingSystem
from torchup.model.offer import Offer, OfferBook
from torchup.model.request import EnvironmentWish, Request, SourceWish, TorchWish
from torchup.resolve.decide import resolve
from torchup.resolve.offers.conda_search import CondaBuild, ask_conda, parse_search, run_search, search_command

CONDA = CondaInstall(kind="conda", path="/c/bin/conda")
LINUX = MachineFacts(os=OperatingSystem(system="linux", arch="x86_64", libc="glibc", libc_version="2.39"), gpus=())
BUILDS = (
    "cuda129_mkl_py312_h1_300",
    "cpu_generic_py312_h1_0",
    "cuda126_generic_py310_h2_200",
    "cuda130_mkl_py313_h1_300",
)


def said(*builds: str, version: str = "2.9.1", name: str = "pytorch") -> str:
    return json.dumps({name: [{"name": name, "version": version, "build": build, "size": 1} for build in builds]})


def ask(text: str | None) -> OfferBook:
    return ask_conda(CONDA, SourceWish(), LINUX, ("torch",), today="2026-11-25", search=lambda _command: text)


def test_a_build_tells_its_cuda_and_its_python() -> None:
    offers = ask(said(*BUILDS, "py312_0", "rocm64_py312_h1_0", "cuda129_mkl_h1_1")).offers
    assert [(offer.variant, offer.tags[0]) for offer in offers] == [
        ("cu129", "cp312"),
        ("cpu", "cp312"),
        ("cu126", "cp310"),
        ("cu130", "cp313"),
    ]
    assert {offer.source for offer in offers} == {"conda"}
    assert offers[0].filename == "pytorch-2.9.1-cuda129_mkl_py312_h1_300.conda"


def test_the_answers_of_conda_and_of_mamba_are_both_understood() -> None:
    entry = {"name": "pytorch", "version": "2.9.1", "build_string": "cpu_generic_py312_h1_0", "build": "other"}
    expected = (CondaBuild(name="pytorch", version="2.9.1", build="cpu_generic_py312_h1_0"),)
    assert parse_search(json.dumps({"result": {"pkgs": [entry], "status": "OK"}})) == expected
    assert parse_search(said("cpu_generic_py312_h1_0")) == expected


@pytest.mark.parametrize(
    ("text", "state"),
    [
        (None, "unreachable"),
        ("not json", "unreachable"),
        ('{"error": "x", "exception_name": "CondaHTTPError"}', "unreachable"),
        ('{"error": "x", "exception_name": "PackagesNotFoundError"}', "live"),
    ],
)
def test_a_channel_that_does_not_answer_is_told_apart_from_one_that_has_nothing(text: str | None, state: str) -> None:
    book = ask(text)
    assert (book.offers, book.reports[0].state) == ((), state)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["result", "pkgs", "name", "a"]), inner, max_size=3)
    ),
)


@given(JSON)
def test_no_answer_raises(data: object) -> None:
    parse_search(json.dumps(data))


def test_channels_and_offline_are_passed_on() -> None:
    wish = SourceWish(conda_channels=("conda-forge", "https://h/c"), offline=True)
    assert search_command(CONDA, wish, "pytorch")[1:] == (
        *("search", "--json", "--override-channels", "--channel", "conda-forge", "--channel", "https://h/c"),
        *("--offline", "pytorch"),
    )
    assert "--override-channels" not in search_command(CONDA, SourceWish(conda_channels=()), "pytorch")


def test_a_program_that_is_gone_has_no_answer() -> None:
    assert run_search({})(("/nowhere/conda", "search")) is None


def decided(machine: str, offers: tuple[Offer, ...]) -> tuple[str, str | None, list[str]]:
    request = Request(
        torch=TorchWish(packages=("torch",)),
        environment=EnvironmentWish(kind="conda"),
        source=SourceWish(index="conda-forge"),
    )
    facts = read_machine(MACHINES / f"{machine}.yaml").facts
    resolution = resolve(replace(facts, conda=(CONDA,)), request, OfferBook(offers=offers, as_of="2026-11-25"))
    pick = resolution.torch
    return resolution.status, pick.variant if pick else None, [warning.code for warning in resolution.warnings]


def test_the_gates_hold_for_builds_of_a_channel_too() -> None:
    offers = ask(said(*BUILDS)).offers
    status, variant, warnings = decided("ada-l4-595", offers)
    assert (status, variant) == ("ok", "cu130")
    assert "kernels-of-conda" in warnings
    only_cpu = ask(said("cpu_generic_py312_h1_0")).offers
    assert decided("ada-l4-595", only_cpu)[0] == "no_solution"
