from __future__ import annotations

import json

import pytest

from torchup.errors import UsageError
from torchup.knowledge.matrix import Matrix, matrix
from torchup.model.serial import dump


def builds(result: Matrix) -> list[str]:
    return [f"{row.torch}+{row.variant}" for row in result.rows]


def test_newest_first_and_every_kind_of_build() -> None:
    result = matrix("linux_x86_64")
    assert result.rows[0].torch == "2.15"
    assert {row.kind for row in result.rows} == {"cpu", "cuda", "rocm", "xpu"}
    assert "2.12.1+cu129" in builds(result)


def test_a_pascal_card_ends_with_cu126_of_2_14() -> None:
    result = matrix("linux_x86_64", gpu="GTX 1080 Ti")
    assert builds(result)[0] == "2.14+cu126"
    assert all(row.serves[0].by == "sm_60" for row in result.rows)
    assert "2.8+cu128" not in builds(result)
    assert any("GP102 (pascal): compute capability 6.1" in note for note in result.notes)
    assert any("no code for compute capability 6.1" in note for note in result.notes)


@pytest.mark.parametrize(
    ("driver", "newest"),
    [("580.65.06", "2.15+cu130"), ("580.65.05", "2.14+cu126"), ("525.60.13", "2.14+cu126"), ("525.60.12", "2.7+cu118")],
)
def test_driver_at_its_boundaries(driver: str, newest: str) -> None:
    assert builds(matrix("linux_x86_64", driver=driver))[0] == newest


def test_a_blackwell_card_on_a_cuda_12_driver() -> None:
    result = matrix("linux_x86_64", gpu="RTX 5090", driver="570.86.16")
    assert builds(result)[0] == "2.13+cu129"
    assert "11 builds left out: CUDA 13 needs driver 580.65.06 or newer." in result.notes


def test_windows_is_measured_by_windows_drivers() -> None:
    result = matrix("windows_amd64", driver="527.41", torch="2.14")
    assert [row.driver_minimum for row in result.rows] == ["527.41"]
    assert builds(matrix("windows_amd64", driver="527.40", torch="2.14")) == []


def test_ptx_alone_needs_a_driver_that_names_the_cuda() -> None:
    asked = {"gpu": "RTX 5090", "torch": "2.6.0"}
    with_old = matrix("windows_amd64", driver="516.01", **asked)  # branch 515 names CUDA 11.7
    assert builds(with_old) == []
    assert any("only PTX" in note for note in with_old.notes)
    with_new = matrix("windows_amd64", driver="522.06", **asked)
    assert [(row.variant, row.serves[0].by) for row in with_new.rows] == [("cu118", "compute_37")]


def test_a_name_of_several_generations_keeps_what_serves_one_of_them() -> None:
    result = matrix("linux_x86_64", gpu="RTX 6000", torch="2.14.1")
    assert result.capabilities == ("7.5", "8.9", "12.0")
    by = {row.variant: [served.by for served in row.serves] for row in result.rows}
    assert by == {
        "cu126": ["sm_75", "sm_86", None],
        "cu130": ["sm_75", "sm_86", "sm_120"],
        "cu132": ["sm_75", "sm_86", "sm_120"],
    }


def test_amd_by_gfx_and_by_name() -> None:
    by_gfx, by_name = (matrix("linux_x86_64", gpu=gpu) for gpu in ("gfx1201", "Navi 48"))
    assert builds(by_gfx) == builds(by_name)
    assert "2.7+rocm6.2.4" in builds(by_gfx)
    assert "2.6+rocm6.2.4" not in builds(by_gfx)
    assert {row.kind for row in by_gfx.rows} == {"rocm"}


def test_a_capability_that_no_chip_has() -> None:
    future = matrix("linux_x86_64", gpu="13.0")
    assert builds(future)[0] == "2.11+cu129"
    assert {row.serves[0].by for row in future.rows} == {"compute_120"}
    assert builds(matrix("linux_x86_64", gpu="12.2"))[0] == "2.15+cu130"


def test_a_chip_without_a_known_capability_is_not_guessed() -> None:
    result = matrix("linux_x86_64", gpu="GB120")
    assert result.rows == ()
    assert any("unknown" in note for note in result.notes)


@pytest.mark.parametrize(
    ("torch", "minors"),
    [
        ("2.14", {"2.14"}),
        ("2.14.1", {"2.14.1"}),
        ("2.14.1+cu126", {"2.14.1"}),
        ("==2.13.*", {"2.13"}),
        ("2.13.*", {"2.13"}),
        (">=2.14", {"2.14", "2.15"}),
    ],
)
def test_torch_filter(torch: str, minors: set[str]) -> None:
    assert {row.torch for row in matrix("linux_aarch64", torch=torch).rows} == minors


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"gpu": "RTX 9090"}, "unknown-gpu"),
        ({"torch": "newest"}, "bad-torch-version"),
        ({"torch": "3.0"}, "unknown-torch-version"),
        ({"driver": "latest"}, "bad-driver-version"),
    ],
)
def test_questions_that_cannot_be_read(asked: dict[str, str], code: str) -> None:
    with pytest.raises(UsageError) as caught:
        matrix("linux_x86_64", **asked)
    assert caught.value.code == code
    assert caught.value.hint


def test_a_misspelt_gpu_gets_the_nearest_names() -> None:
    with pytest.raises(UsageError) as caught:
        matrix("linux_x86_64", gpu="AD105")
    assert "AD10" in caught.value.evidence[0]


def test_it_goes_to_json_as_it_is() -> None:
    result = matrix("linux_x86_64", gpu="8.9", torch="2.15")
    data = json.loads(json.dumps(dump(result)))
    assert data["as_of"] == "2026-11-21"
    assert data["rows"][0]["serves"] == [{"compute_capability": "8.9", "by": "sm_86"}]
    assert data["rows"][0]["uncertain"] is True
