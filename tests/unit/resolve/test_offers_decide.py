"""What the offers at hand make of a decision: sources, labels, withdrawn files, releases nobody knows yet."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from support.machines import codes, machine, nvidia, request_of, resolved, snapshot, title
from torchup.errors import UsageError
from torchup.model.facts import NvidiaDriver, Python
from torchup.model.offer import Offer, OfferBook, SourceKind, SourceReport
from torchup.model.request import Request
from torchup.resolve.decide import resolve

TODAY = "2026-12-24"
GPU = machine(*nvidia("8.9"), driver="580.95.05")
NO_GPU = machine()


def offer(
    version: str, variant: str | None, *, package: str = "torch", source: SourceKind = "pytorch", **more: Any
) -> Offer:
    python, abi, platform = tags = more.pop("tags", ("cp312", "cp312", "manylinux_2_28_x86_64"))
    filename = f"{package}-{version}+{variant}-{python}-{abi}-{platform}.whl"
    return Offer(
        package=package,
        version=version,
        local=variant,
        variant=variant,
        tags=tags,
        filename=more.pop("filename", filename),
        url=f"https://index.example/{source}/{filename}",
        origin=f"https://index.example/{source}",
        source=source,
        **more,
    )


def book(*offers: Offer, stand_ins: tuple[Offer, ...] = (), reports: tuple[SourceReport, ...] = ()) -> OfferBook:
    return OfferBook(offers=offers, stand_ins=stand_ins, reports=reports, as_of=TODAY)


def test_a_cpu_wheel_at_hand_is_not_an_answer_for_a_gpu() -> None:
    report = SourceReport(kind="pytorch", origin="https://download.pytorch.org/whl", state="unreachable", detail="403")
    have = book(
        offer("2.14.1", "cpu", source="default"), stand_ins=snapshot("linux_x86_64").stand_ins, reports=(report,)
    )
    resolution = resolve(GPU, Request(), have, stand_ins_count=False)
    assert (resolution.status, title(resolution)) == ("action_needed", "2.15.0+cu130")
    assert "source-unreachable" in codes(resolution)
    assert "403" in " ".join(reason.text for reason in resolution.reasons)
    assert "https://download.pytorch.org/whl" in resolution.next_steps[-1].text


def test_what_can_be_installed_comes_before_what_is_only_known_to_exist() -> None:
    have = book(offer("2.13.0", "cpu", source="default"), stand_ins=snapshot("linux_x86_64").stand_ins)
    resolution = resolve(NO_GPU, Request(), have, stand_ins_count=False)
    assert (resolution.status, title(resolution)) == ("ok", "2.13.0+cpu")
    assert any(warning.code == "newer-elsewhere" and "2.15.0+cpu" in warning.text for warning in resolution.warnings)
    assert title(resolve(NO_GPU, Request(), have, stand_ins_count=True)) == "2.15.0+cpu"


def test_the_snapshot_says_its_date() -> None:
    warning = next(warning for warning in resolved(NO_GPU).warnings if warning.code == "from-snapshot")
    assert "2026-11-21" in warning.text


def test_of_equal_builds_the_nearer_source_wins() -> None:
    sources: list[SourceKind] = ["snapshot", "default", "extra", "pytorch", "mirror", "find-links"]
    offers = [offer("2.14.1", "cpu", source=source) for source in sources]
    while offers:
        pick = resolve(NO_GPU, Request(), book(*offers)).torch
        assert pick
        assert pick.wheels[0].source == offers.pop().source


@pytest.mark.parametrize(
    ("source", "told"),
    [("snapshot", "pytorch"), ("extra", "default"), ("mirror", "mirror"), ("find-links", "find-links")],
)
def test_the_pick_names_one_of_the_four_kinds_of_source(source: SourceKind, told: str) -> None:
    pick = resolve(NO_GPU, Request(), book(offer("2.15.0", "cpu", source=source))).torch
    assert pick
    assert pick.source == told


def test_companions_come_from_the_source_of_torch_where_it_has_them() -> None:
    vision = [offer("0.29.1", "cpu", package="torchvision", source=source) for source in ("find-links", "pytorch")]
    pick = resolve(NO_GPU, Request(), book(offer("2.14.1", "cpu"), *vision)).torch
    assert pick
    assert [wheel.source for wheel in pick.wheels] == ["pytorch", "pytorch"]


def test_a_higher_build_number_is_taken() -> None:
    files = [f"torch-2.14.1+cpu-{build}cp312-cp312-manylinux_2_28_x86_64.whl" for build in ("", "3-", "12-")]
    pick = resolve(NO_GPU, Request(), book(*[offer("2.14.1", "cpu", filename=name) for name in files])).torch
    assert pick
    assert pick.wheels[0].filename == files[2]


def test_a_withdrawn_wheel_only_when_pinned_exactly() -> None:
    have = book(offer("2.14.1", "cpu", yanked="broken"), offer("2.13.0", "cpu"))
    assert title(resolve(NO_GPU, Request(), have)) == "2.13.0+cpu"
    assert title(resolve(NO_GPU, request_of({"torch": {"version": "==2.14.1"}}), have)) == "2.14.1+cpu"
    refused = resolve(NO_GPU, request_of({"torch": {"version": "==2.14.*"}}), have)
    assert refused.status == "no_solution"
    assert "withdrawn by its makers (broken)" in refused.reasons[0].text


def test_a_prerelease_has_to_be_asked_for() -> None:
    have = book(offer("2.16.0rc1", "cpu"), offer("2.15.0", "cpu"))
    assert title(resolve(NO_GPU, Request(), have)) == "2.15.0+cpu"
    assert title(resolve(NO_GPU, request_of({"torch": {"version": "==2.16.0rc1"}}), have)) == "2.16.0rc1+cpu"


def test_a_pin_may_carry_the_label_and_a_bare_number_means_exactly_that() -> None:
    for wish in ("==2.13.0+cu129", "2.13.0+cu129"):
        facts = machine(*nvidia("12.0"), driver="580.95.05")
        assert title(resolved(facts, request_of({"torch": {"version": wish}}))) == "2.13.0+cu129"
    assert title(resolved(GPU, request_of({"torch": {"version": "2.13.0"}}))) == "2.13.0+cu130"


def test_a_release_and_a_variant_that_no_table_knows() -> None:
    have = book(offer("2.16.0", "cu134"), offer("0.30.0", "cu134", package="torchvision"), offer("2.15.0", "cu130"))
    resolution = resolve(machine(*nvidia("9.0"), driver="615.71.09"), Request(), have)
    assert title(resolution) == "2.16.0+cu134"
    assert resolution.torch
    assert resolution.torch.packages == {"torchvision": "0.30.0"}
    assumed = " ".join(warning.text for warning in resolution.warnings)
    assert "2.15+cu132 is assumed" in assumed
    assert "torchvision goes with torch 2.16.0 is not known" in assumed


def test_a_cuda_major_that_no_table_knows_needs_a_driver_that_names_it() -> None:
    have = book(offer("3.0.0", "cu140"), offer("2.15.0", "cu130"))
    assert title(resolve(machine(*nvidia("9.0"), driver="615.71.09"), Request(), have)) == "2.15.0+cu130"
    refusal = resolve(machine(*nvidia("9.0"), driver="615.71.09"), Request(), have).rejected[0]
    assert refusal.text == "needs a driver that names CUDA 14; driver 615.71.09 names 13.4"


def test_a_cuda_major_that_no_table_knows_runs_on_an_assumed_list_and_comes_last() -> None:
    facts = machine(*nvidia("9.0"), driver="700.10")
    facts = replace(facts, nvidia=NvidiaDriver(state="ok", driver_version="700.10", cuda_version="14.1"))
    alone = resolve(facts, Request(), book(offer("2.16.0", "cu140")))
    assert (alone.status, title(alone)) == ("ok", "2.16.0+cu140")
    assert any("2.15+cu132 is assumed" in warning.text for warning in alone.warnings)
    surer = resolve(facts, Request(), book(offer("2.16.0", "cu140"), offer("2.15.0", "cu132")))
    assert title(surer) == "2.15.0+cu132"
    pascal = replace(facts, gpus=nvidia("6.1"))
    assert resolve(pascal, Request(), book(offer("2.16.0", "cu140"))).status == "no_solution"


def test_a_wheel_without_any_kernel_list_is_taken_last_and_said() -> None:
    facts = machine(*nvidia("9.0"), driver="700.10")
    named = replace(facts, nvidia=replace(facts.nvidia, cuda_version="14.1")) if facts.nvidia else facts
    have = book(offer("3.0.0", "cu140"), offer("2.6.0", "cu126"))
    assert title(resolve(named, Request(), have)) == "2.6.0+cu126"
    alone = resolve(named, Request(), book(offer("3.0.0", "cu140")))
    assert title(alone) == "3.0.0+cu140"
    assert "kernels-inferred" in codes(alone)


def test_an_unlabelled_wheel_of_the_default_index_is_what_the_facts_say() -> None:
    wheel = replace(
        offer("2.14.1", None, source="default"), filename="torch-2.14.1-cp312-cp312-manylinux_2_28_x86_64.whl"
    )
    assert title(resolve(GPU, Request(), book(wheel))) == "2.14.1+cu130"
    odd = replace(wheel, source="extra")
    resolution = resolve(GPU, Request(), book(odd), every_rejection=True)
    assert resolution.status == "no_solution"
    assert [rejection.code for rejection in resolution.rejected] == ["variant-unknown"]
    assert "nothing tells which variant" in resolution.reasons[0].text


def test_nothing_on_offer_is_told_as_that() -> None:
    resolution = resolve(NO_GPU, Request(), book())
    assert resolution.status == "no_solution"
    assert resolution.reasons[0].code == "no-offers"
    assert resolution.next_steps


def test_a_pinned_index_excludes_the_others() -> None:
    have = book(offer("2.15.0", "cpu"), offer("2.14.1", "cpu", source="default"))
    assert title(resolve(NO_GPU, request_of({"source": {"index": "default"}}), have)) == "2.14.1+cpu"
    only = resolve(NO_GPU, request_of({"source": {"index": "default"}}), book(offer("2.15.0", "cpu")))
    assert only.status == "no_solution"
    assert any("source.index (default): then the pick is torch 2.15.0+cpu" in step.text for step in only.next_steps)


def test_the_companion_asked_for_holds_torch_back_and_the_default_one_does_not() -> None:
    have = book(offer("2.15.0", "cpu"), offer("2.14.1", "cpu"), offer("0.29.1", "cpu", package="torchvision"))
    by_default = resolve(NO_GPU, Request(), have)
    assert title(by_default) == "2.15.0+cpu"
    assert "companion-dropped" in codes(by_default)
    asked = resolve(NO_GPU, request_of({"torch": {"packages": ["torch", "torchvision"]}}), have)
    assert title(asked) == "2.14.1+cpu"
    assert "companion-missing" in {rejection.code for rejection in asked.rejected}
    neither = resolve(
        NO_GPU, request_of({"torch": {"packages": ["torch", "torchvision"]}}), book(offer("2.15.0", "cpu"))
    )
    assert neither.status == "no_solution"
    assert neither.reasons[0].text == "torch 2.15.0+cpu has no torchvision 0.29.2 on offer for cpu and Python 3.12.3."
    assert any("torch.packages" in step.text for step in neither.next_steps)


def test_torchaudio_ended_and_never_holds_torch_back() -> None:
    wish = request_of({"torch": {"packages": ["torch", "torchaudio"]}})
    resolution = resolved(NO_GPU, wish)
    assert title(resolution) == "2.15.0+cpu"
    assert resolution.torch
    assert resolution.torch.packages == {}
    assert "companion-ended" in codes(resolution)


def test_torchaudio_asked_for_by_name_is_missed_aloud() -> None:
    asked = resolved(NO_GPU, request_of({"torch": {"packages": ["torch", "torchaudio"]}}))
    warning = next(warning for warning in asked.warnings if warning.code == "companion-ended-asked")
    assert "==2.11.*" in warning.text
    usual = request_of({"torch": {"packages": ["torch", "torchvision", "torchaudio"]}})
    assert "companion-ended-asked" not in codes(resolved(NO_GPU, usual))
    held = resolved(NO_GPU, request_of({"torch": {"packages": ["torch", "torchaudio"], "version": "==2.11.*"}}))
    assert held.torch
    assert held.torch.packages == {"torchaudio": "2.11.0"}


def test_of_one_release_the_variant_with_all_companions_is_taken() -> None:
    have = book(offer("2.15.0", "cu130"), offer("2.15.0", "cu132"), offer("0.29.2", "cu132", package="torchvision"))
    assert title(resolve(GPU, Request(), have)) == "2.15.0+cu132"


def test_every_rejection_accounts_for_every_build() -> None:
    resolution = resolved(GPU, every_rejection=True)
    builds = {
        (wheel.version, wheel.variant) for wheel in snapshot("linux_x86_64").stand_ins if wheel.package == "torch"
    }
    told = [(rejection.version, rejection.variant) for rejection in resolution.rejected]
    assert len(told) == len(set(told))
    assert {*told, ("2.15.0", "cu130")} == builds
    assert len(resolved(GPU).rejected) < 10


def test_ptx_counts_only_when_the_driver_can_compile_it() -> None:
    # 2.9 and 2.10 have PTX 12.0 in cu130; a device newer than the list depends on it.
    facts = machine(*nvidia("12.1"), driver="580.95.05")
    newer = machine(*nvidia("13.0"), driver="580.95.05")
    assert title(resolved(facts, request_of({"torch": {"version": "==2.10.0"}}))) == "2.10.0+cu130"
    assert title(resolved(newer, request_of({"torch": {"version": "==2.10.0"}}))) == "2.10.0+cu130"
    older = replace(newer, nvidia=replace(newer.nvidia, cuda_version="12.8")) if newer.nvidia else newer
    refused = resolved(older, request_of({"torch": {"version": "==2.10.0", "variant": "cu130"}}))
    assert refused.status != "ok"
    assert "compiling compute_120 at run time" in " ".join(reason.text for reason in refused.reasons)


@pytest.mark.parametrize(
    ("answers", "code"),
    [
        ({"torch": {"version": "newest"}}, "version-invalid"),
        ({"torch": {"variant": "cuda"}}, "variant-invalid"),
        ({"python": {"version": "3"}}, "python-invalid"),
        ({"gpus": {"use": [7]}}, "gpu-unknown"),
        ({"gpus": {"use": ["GPU-1234"]}}, "gpu-unknown"),
        ({"driver": {"action": "install", "branch": "new"}}, "driver-branch-invalid"),
    ],
)
def test_a_wish_that_cannot_be_read_is_a_usage_error(answers: dict[str, Any], code: str) -> None:
    facts = machine(*nvidia("8.9"), driver="440.10")
    with pytest.raises(UsageError) as caught:
        resolved(facts, request_of(answers))
    assert caught.value.code == code
    assert caught.value.hint


def test_gpus_are_named_by_uuid_or_its_beginning() -> None:
    cards = [replace(gpu, uuid=f"GPU-{gpu.index}abc-99") for gpu in nvidia("7.0", "12.0")]
    facts = machine(*cards, driver="580.95.05")
    for key in ("GPU-1abc-99", "gpu-1ABC"):
        assert title(resolved(facts, request_of({"gpus": {"use": [key]}}))) == "2.15.0+cu130"
    assert title(resolved(facts, request_of({"gpus": {"use": []}}))) == "2.15.0+cpu"


def test_a_mask_in_the_environment_is_pointed_out() -> None:
    facts = machine(*nvidia("8.9"), driver="580.95.05", environment={"CUDA_VISIBLE_DEVICES": "1"})
    resolution = resolved(facts)
    assert resolution.status == "ok"
    assert any("CUDA_VISIBLE_DEVICES=1" in warning.text for warning in resolution.warnings)


def test_an_old_python_is_named_with_what_a_newer_one_gives() -> None:
    resolution = resolved(machine(pythons=(Python(path="/usr/bin/python3", version="3.9.2"),)))
    assert any(reason.text == "With Python 3.15: torch 2.15.0 + cpu." for reason in resolution.reasons)
