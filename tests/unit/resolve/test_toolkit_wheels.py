from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from support.machines import LINUX, machine, nvidia, request_of
from torchup.knowledge.platforms import platform_of
from torchup.knowledge.snapshot import snapshot_date, snapshot_offers
from torchup.knowledge.variants import parse_variant
from torchup.model.facts import CondaInstall, Toolkit
from torchup.model.offer import Offer, OfferBook
from torchup.model.request import ToolkitWish
from torchup.model.resolution import Resolution
from torchup.model.versions import ComputeCapability
from torchup.resolve.decide import resolve
from torchup.resolve.toolkit import ToolkitFinding, Workplace, decide_toolkit

MANYLINUX = "manylinux2014_x86_64.manylinux_2_17_x86_64"


def offer(package: str, version: str, *, platform: str = MANYLINUX, yanked: str | None = None) -> Offer:
    name = f"{package.replace('-', '_')}-{version}-py3-none-{platform}.whl"
    return Offer(
        package=package,
        version=version,
        variant=None,
        tags=("py3", "none", platform),
        filename=name,
        url=f"https://index.example/{name}",
        origin="https://index.example/simple",
        source="default",
        hashes=(("sha256", "ab" * 32),),
        yanked=yanked,
    )


def shelf(**versions: str) -> tuple[Offer, ...]:
    names = {"crt": "nvidia-cuda-crt", "nvcc": "nvidia-cuda-nvcc", "nvvm": "nvidia-nvvm"}
    names |= {"runtime": "nvidia-cuda-runtime", "cccl": "nvidia-cuda-cccl"}
    names |= {f"cudnn{major}": f"nvidia-cudnn-cu{major}" for major in (12, 13)}
    return tuple(offer(names[key], version) for key, text in versions.items() for version in text.split())


SHELF = shelf(
    nvcc="0.0.1.dev5 13.0.48 13.0.88 13.2.86 13.5.37",
    crt="13.0.48 13.0.88 13.2.86 13.5.37",
    nvvm="13.0.48 13.0.88 13.2.86 13.5.37",
    runtime="13.0.48 13.0.96 13.2.86 13.5.37",
    cccl="13.0.50 13.0.85 13.2.86 13.3.4.3.1 13.3.5.0.6",
    cudnn12="9.1.0.70 9.10.2.21 9.28.0.42",
    cudnn13="0.0.1 9.12.0.46 9.28.1.4",
)


def decide(variant: str, wheels: tuple[Offer, ...] | None = SHELF, **more: Any) -> ToolkitFinding:
    wish = ToolkitWish(source="wheel", **{key: more.pop(key) for key in ("version", "cudnn") if key in more})
    toolkits = more.pop("toolkits", ())
    place = Workplace(os=more.pop("os", LINUX), wheels=wheels, **more)
    return decide_toolkit(wish, toolkits, parse_variant(variant), place)


def pins(finding: ToolkitFinding) -> list[str]:
    assert finding.problem is None, finding.problem
    return [wheel.pin for wheel in finding.decision.wheels]


def test_beside_a_cpu_build_everything_is_pinned_to_one_release() -> None:
    assert pins(decide("cpu", version="13.0")) == [
        "nvidia-cuda-nvcc==13.0.88",
        "nvidia-cuda-crt==13.0.88",
        "nvidia-nvvm==13.0.88",
        "nvidia-cuda-cccl==13.0.85",
        "nvidia-cuda-runtime==13.0.96",
    ]


def test_beside_a_build_of_cuda_13_the_runtime_is_pytorchs_own() -> None:
    found = decide("cu130")
    assert found.decision.version == "13.0"
    assert "nvidia-cuda-nvcc==13.0.88" in pins(found)
    assert not any("runtime" in pin for pin in pins(found))


def test_another_release_beside_a_build_of_cuda_13_is_refused() -> None:
    problem = decide("cu130", version="13.2").problem
    assert problem is not None
    assert problem.code == "toolkit-would-move-torch"
    assert "13.0" in problem.text


@pytest.mark.parametrize(("version", "cccl"), [("13.2", "13.2.86"), ("13.5", "13.3.5.0.6")])
def test_cccl_has_numbers_of_its_own_from_13_3_on(version: str, cccl: str) -> None:
    assert f"nvidia-cuda-cccl=={cccl}" in pins(decide("cpu", version=version))


def test_the_compilers_parts_are_of_one_version_that_all_have() -> None:
    short = tuple(one for one in SHELF if one.pin != "nvidia-nvvm==13.0.88")
    assert pins(decide("cpu", short, version="13.0"))[:3] == [
        "nvidia-cuda-nvcc==13.0.48",
        "nvidia-cuda-crt==13.0.48",
        "nvidia-nvvm==13.0.48",
    ]


@pytest.mark.parametrize("spoil", [{"yanked": "broken"}, {"tags": ("py3", "none", "win_amd64")}])
def test_a_yanked_wheel_and_one_for_another_platform_do_not_count(spoil: dict[str, Any]) -> None:
    spoilt = tuple(replace(one, **spoil) if one.pin == "nvidia-cuda-crt==13.0.88" else one for one in SHELF)
    assert pins(decide("cpu", spoilt, version="13.0"))[0] == "nvidia-cuda-nvcc==13.0.48"


def test_what_no_source_offers_is_named_with_what_there_is() -> None:
    problem = decide("cpu", version="13.1").problem
    assert problem is not None
    assert problem.code == "toolkit-not-offered"
    assert "13.5.37" in problem.text
    decoys = shelf(nvcc="0.0.1.dev5 0.0.1", crt="0.0.1", nvvm="0.0.1", cccl="0.0.1", runtime="0.0.1")
    assert decide("cpu", decoys, version="13.0").problem


@pytest.mark.parametrize(("variant", "version"), [("cu126", "12.6"), ("cu118", "11.8")])
def test_builds_of_older_cuda_are_told_where_else_a_compiler_is(variant: str, version: str) -> None:
    here = Toolkit(version=f"{version.split('.', maxsplit=1)[0]}.9", path="/usr/local/cuda-x", nvcc=True)
    found = decide(variant, toolkits=(here, Toolkit(version="13.0", path="/opt/13", nvcc=True)), conda=True)
    assert found.problem is not None
    assert found.problem.code == "toolkit-wheel-without-nvcc"
    assert version in found.problem.text
    told = " ".join(step.text for step in found.steps)
    assert "/usr/local/cuda-x" in told
    assert "/opt/13" not in told
    assert "source: system" in told
    assert "source: conda" in told


def test_where_nobody_asked_the_sources_the_wish_stands_with_a_warning() -> None:
    found = decide("cu130", None)
    assert found.decision.version == "13.0"
    assert [warning.code for warning in found.warnings] == ["toolkit-not-asked"]


def test_macos_has_no_cuda() -> None:
    found = decide("cpu", version="13.0", os=replace(LINUX, system="darwin"))
    assert found.problem is not None
    assert found.problem.code == "toolkit-no-cuda"


def test_cudnn_comes_with_pytorch_or_is_the_newest_for_the_major() -> None:
    with_torch = decide("cu130", cudnn=True)
    assert not any("cudnn" in pin for pin in pins(with_torch))
    assert [reason.code for reason in with_torch.reasons] == ["cudnn-with-torch"]
    assert pins(decide("cpu", version="13.0", cudnn=True))[-1] == "nvidia-cudnn-cu13==9.28.1.4"
    assert not any("cudnn" in pin for pin in pins(decide("cpu", version="13.0")))


def test_cudnn_of_cuda_13_serves_nothing_before_turing() -> None:
    old = (ComputeCapability(6, 1), ComputeCapability(8, 9))
    problem = decide("cpu", version="13.0", cudnn=True, capabilities=old).problem
    assert problem is not None
    assert problem.code == "cudnn-too-new"
    assert "6.1" in problem.text
    assert pins(decide("cpu", version="13.0", cudnn=True, capabilities=old[1:]))


def test_cudnn_before_turing_is_the_last_one_that_serves_it() -> None:
    from torchup.resolve.toolkit_wheels import choose_cudnn
    from torchup.resolve.wheels import host_of

    found = choose_cudnn(12, None, SHELF, host_of(LINUX), [ComputeCapability(7, 0)])
    assert [wheel.pin for wheel in found.wheels] == ["nvidia-cudnn-cu12==9.10.2.21"]


@pytest.mark.parametrize("source", ["none", "existing"])
def test_cudnn_without_a_toolkit_of_ours_is_told_to_add_nothing(source: str) -> None:
    here = (Toolkit(version="13.0", path="/usr/local/cuda-13.0", nvcc=True),)
    found = decide_toolkit(ToolkitWish(source=source, cudnn=True), here, parse_variant("cu130"))  # type: ignore[arg-type]
    assert "cudnn-needless" in [warning.code for warning in found.warnings]


def _resolved(answers: dict[str, Any], **more: Any) -> Resolution:
    facts = machine(*nvidia("8.9"), driver="580.95.05", **more)
    platform = platform_of(facts.os)
    assert platform is not None
    offers = snapshot_offers(platform, ("torch", "torchvision"))
    book = OfferBook(offers=(), stand_ins=offers, others=SHELF, as_of=snapshot_date())
    return resolve(facts, request_of(answers), book)


def test_the_whole_decision_carries_the_wheels_or_the_way_out() -> None:
    good = _resolved({"torch": {"variant": "cu130"}, "cuda_toolkit": {"source": "wheel"}})
    assert good.status == "ok"
    assert good.cuda_toolkit.wheels[0].pin == "nvidia-cuda-nvcc==13.0.88"
    conda = (CondaInstall(kind="mamba", path="/opt/mamba"),)
    none = _resolved({"torch": {"variant": "cu126"}, "cuda_toolkit": {"source": "wheel"}}, conda=conda)
    assert (none.status, none.torch) == ("no_solution", None)
    assert none.reasons[0].code == "toolkit-wheel-without-nvcc"
    assert any("source: conda" in step.text for step in none.next_steps)
