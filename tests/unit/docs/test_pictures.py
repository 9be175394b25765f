"""The script that draws the pictures of the documentation still draws what the program shows."""

from __future__ import annotations

import html
import os
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pyte
import pytest

CHECKOUT = Path(__file__).parents[3]
NAMESPACE = [
    "unshare",
    *([] if sys.platform != "linux" or os.geteuid() == 0 else ["--user", "--map-root-user"]),
    "--mount",
]


def rows(picture: Path) -> list[str]:
    """Read a picture's lines of text, each put together from its runs of one colour."""
    text = picture.read_text(encoding="utf-8")
    found: dict[float, str] = {}
    for height, run in re.findall(r"<text[^>]* y=\"([\d.]+)\"[^>]*textLength[^>]*>(.*?)</text>", text):
        found[float(height)] = found.get(float(height), "") + html.unescape(run).replace("\xa0", " ")
    return [found[height].rstrip() for height in sorted(found)]


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if (
        shutil.which("unshare") is None
        or subprocess.run([*NAMESPACE, "true"], capture_output=True, check=False).returncode
    ):
        pytest.skip("the pictures are drawn in a mount namespace, which this machine does not give")
    folder = tmp_path_factory.mktemp("pictures")
    script = [
        sys.executable,
        str(CHECKOUT / "docs" / "pictures.py"),
        "--out",
        str(folder),
        "build",
        "review",
        "doctor",
    ]
    environ = {**os.environ, "PYTHONPATH": str(CHECKOUT / "tests")}
    done = subprocess.run(script, env=environ, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_the_screens_are_drawn_from_their_first_line_to_their_last(drawn: Path) -> None:
    build = rows(drawn / "build.svg")
    review = rows(drawn / "review.svg")
    doctor = rows(drawn / "doctor.svg")
    assert "Which GPUs shall PyTorch run on?" in build[0]
    assert "Back" in build[-1]
    assert any("GTX 1080 Ti" in row for row in build)
    assert review[0].startswith("Your answers")
    assert "Back" in review[-1]
    assert "  /home/ada/.bashrc" in review
    assert doctor[0].startswith("BROKEN")
    assert any("sudo reboot" in row for row in doctor)


def test_colours_and_weights_are_kept(drawn: Path) -> None:
    text = (drawn / "doctor.svg").read_text(encoding="utf-8")
    styles = dict(re.findall(r"\.doctor-(r\d+) \{ (fill: [^}]*) \}", text))
    (broken,) = re.findall(r"class=\"doctor-(r\d+)\"[^>]*>BROKEN<", text)
    (fine, *_) = re.findall(r"class=\"doctor-(r\d+)\"[^>]*>ok[^<]*<", text)
    assert "font-weight: bold" in styles[broken]
    assert styles[fine] != styles[broken]


def test_a_chinese_character_takes_two_cells() -> None:
    screen_svg = runpy.run_path(str(CHECKOUT / "docs" / "screen_svg.py"))
    screen = pyte.Screen(20, 1)
    screen.draw("a驱动b")
    picture = screen_svg["svg"]([[screen.buffer[0][column] for column in range(20)]], 20, "title", "name")
    runs = re.findall(r"x=\"([\d.]+)\" y=\"20\" textLength=\"([\d.]+)\"[^>]*>([^<]*)<", picture)
    cell = screen_svg["CELL"]
    assert [text for _, _, text in runs] == ["a", "驱动", "b"]
    place = 0
    for start, length, text in runs:
        cells = sum(2 if character in "驱动" else 1 for character in text)
        assert float(start) == pytest.approx(place * cell)
        assert float(length) == pytest.approx(cells * cell)
        place += cells
