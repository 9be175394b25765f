from __future__ import annotations

import io

import pytest
from rich.console import Console

from torchup.knowledge.matrix import matrix
from torchup.knowledge.platforms import PLATFORMS, Platform
from torchup.ui.matrix_view import pythons_in_short, render


def shown(platform: Platform, *, width: int = 80, asked: dict[str, str]) -> list[str]:
    console = Console(width=max(width, 200), file=io.StringIO(), color_system=None)
    console.print(render(matrix(platform, **asked), width))
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def grid_heading(lines: list[str]) -> str:
    return next(line for line in lines if line.startswith("torch ") and "driver >=" in line)


QUESTIONS: list[dict[str, str]] = [
    {},
    {"gpu": "8.9"},
    {"gpu": "RTX 6000"},
    {"gpu": "blackwell"},
    {"gpu": "gfx1100"},
    {"gpu": "GTX 1650", "driver": "570.86.16", "torch": ">=2.8"},
    {"gpu": "GB120"},
]


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("asked", QUESTIONS, ids=str)
def test_fits_80_columns_with_every_cell_whole(platform: Platform, asked: dict[str, str]) -> None:
    lines = shown(platform, asked=asked)
    assert max(map(len, lines)) <= 80
    assert not any("…" in line for line in lines)


def test_the_grid_says_who_is_served() -> None:
    lines = shown("linux_x86_64", asked={"torch": "2.14.1"})
    heading = grid_heading(lines)
    cu126 = next(line for line in lines if "cu126" in line)
    served = {name: cu126[heading.index(f" {name}") + 1] for name in ("Ke", "Mx", "Pa", "Vo", "Tu", "Ho", "Bl")}
    assert served == {"Ke": ".", "Mx": "x", "Pa": "x", "Vo": "x", "Tu": "x", "Ho": "x", "Bl": "."}
    assert "525.60.13" in cu126
    assert "Or" not in heading


def test_part_of_a_generation_and_ptx_have_their_marks() -> None:
    lines = shown("windows_amd64", asked={"torch": "2.5.1"})
    heading = grid_heading(lines)
    cu118 = next(line for line in lines if "cu118" in line)
    assert cu118[heading.index("Ke")] == "/"
    assert cu118[heading.index("Bl")] == "p"


def test_arm_shows_the_jetsons() -> None:
    lines = shown("linux_aarch64", asked={"torch": "2.15.0"})
    heading = grid_heading(lines)
    by_build = {name: next(line for line in lines if name in line) for name in ("cu130", "cu132")}
    assert by_build["cu130"][heading.index("Or")] == "."
    assert by_build["cu132"][heading.index("Or")] == "x"
    assert by_build["cu130"][heading.index("Th")] == "x"


def test_uncertain_builds_are_marked_and_explained() -> None:
    lines = shown("linux_x86_64", asked={"torch": "2.15.0"})
    assert any("cu130?" in line for line in lines)
    assert any(line.startswith("?:") for line in lines)
    assert not any(line.startswith("?:") for line in shown("linux_x86_64", asked={"torch": "2.14.1"}))


def test_asking_for_a_card_names_the_code_that_serves_it() -> None:
    lines = shown("linux_x86_64", asked={"torch": "2.14.1", "gpu": "RTX 6000"})
    assert any("CC 12.0" in line for line in lines)
    cu126 = next(line for line in lines if "cu126" in line)
    assert cu126.split()[-3:] == ["sm_75", "sm_86", "-"]


def test_nothing_fits_is_said() -> None:
    assert "No build fits." in shown("linux_x86_64", asked={"gpu": "K80", "torch": "2.15"})


def test_narrow_terminals_wrap_the_sentences() -> None:
    assert max(map(len, shown("linux_x86_64", width=50, asked={"gpu": "GTX 1080 Ti"}))) <= 50


@pytest.mark.parametrize(
    ("pythons", "text"),
    [
        (("3.9", "3.10", "3.11"), "3.9-3.11"),
        (("3.10", "3.11", "3.13", "3.13t", "3.14t"), "3.10-3.11, 3.13, 3.13t-14t"),
        (("3.12",), "3.12"),
        ((), ""),
    ],
)
def test_pythons_in_short(pythons: tuple[str, ...], text: str) -> None:
    assert pythons_in_short(pythons) == text
