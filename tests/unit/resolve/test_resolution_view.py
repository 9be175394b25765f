from __future__ import annotations

import io

import pytest
from rich.console import Console

from support.machines import machine, machine_files, nvidia, read_machine, request_of, resolved
from torchup.model.resolution import Resolution
from torchup.ui.resolution_view import one_line, render


def _shown(resolution: Resolution, width: int = 80) -> str:
    page = io.StringIO()
    Console(file=page, width=width, color_system=None, highlight=False, markup=False).print(render(resolution))
    return page.getvalue()


def _words(text: str) -> str:
    return " ".join(text.split())


def test_a_pick_is_explained() -> None:
    text = _shown(resolved(machine(*nvidia("8.9"), driver="535.183.01")))
    lines = text.splitlines()
    assert lines[0].strip() == "This fits, as of 2026-11-21: torch 2.14.1+cu126 on Python 3.12."
    words = _words(text)
    for part in (
        "torch 2.14.1, build cu126",
        "with it torchvision 0.29.1",
        "Python 3.12 (/usr/bin/python3)",
        "NVIDIA driver stays as it is (found 535.183.01, needed 525.60.13)",
        "Why - torch 2.14.1 is the newest release that passes every gate",
        "With driver 580 or newer: torch 2.15.0 + cu130.",
        "Watch out - Driver branch 535 is no longer maintained (its end was 2026-06).",
        "Not taken",
        "Compatibility facts as of 2026-11-21.",
    ):
        assert part in words


def test_what_comes_first_is_numbered_with_its_commands() -> None:
    path = next(path for path in machine_files() if path.stem == "container-docker-no-devices")
    case = read_machine(path)
    words = _words(_shown(resolved(case.facts, case.request)))
    assert words.startswith("Something has to be done first; then: torch 2.14.1+cu126 on Python 3.12.")
    assert "What to do first 1. Install the NVIDIA container toolkit" in words
    assert "3. Start the container with GPUs. docker run --gpus all ..." in words


def test_no_solution_says_what_would_help() -> None:
    wish = request_of({"torch": {"variant": "cu130"}, "cuda_toolkit": {"source": "auto"}})
    resolution = resolved(machine(*nvidia("6.1"), driver="580.65.06"), wish)
    words = _words(_shown(resolution))
    assert words.startswith("No build fits.")
    assert "What would help 1. Loosen torch.variant (cu130): then the pick is torch 2.14.1+cu126." in words
    assert one_line(resolution) == "No build fits"


@pytest.mark.parametrize("width", [40, 80, 110])
def test_every_machine_fits_every_width(width: int) -> None:
    for path in machine_files()[::7]:
        case = read_machine(path)
        resolution = resolved(case.facts, case.request)
        text = _shown(resolution, width)
        assert max(map(len, text.splitlines())) <= width
        squeezed = "".join(text.split())
        for reason in (*resolution.reasons, *resolution.warnings):
            assert "".join(reason.text.split()) in squeezed
