"""What people write is checked: closed, typed, dated, with sources that exist; faults name file and line."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from knowledge_tables import compiling, hardware, releases, systems
from knowledge_tables.common import Row
from knowledge_tables.reading import SOURCES, SourcesError, line_of
from torchup.knowledge import tables

pytestmark = pytest.mark.live_tables


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    shutil.copytree(SOURCES, tmp_path / "sources")
    return tmp_path / "sources"


def test_the_program_loads_what_the_sources_say() -> None:
    for name, content in compiling.compile_all().items():
        assert tables.shipped(name) == content


@pytest.mark.parametrize("module", [releases, systems, hardware])
def test_every_key_has_a_sentence(module: object) -> None:
    rows = [row for row in vars(module).values() if isinstance(row, type) and issubclass(row, Row)]
    assert rows
    for row in rows:
        assert row.__doc__
        for name, field in row.model_fields.items():
            assert field.description, (row, name)
            assert field.description.endswith("."), (row, name)


@pytest.mark.parametrize(
    ("file", "before", "after", "line", "said"),
    [
        ("torch/2.15.toml", 'minor = "2.15"', 'minor = "2.15"\nwheel = 1', 4, "wheel: Extra inputs are not permitted"),
        ("torch/2.15.toml", "as_of = 2026-11-21\n", "", 1, "as_of: Field required"),
        ("torch/2.15.toml", '["2.15.0"]', '"2.15.0"', 5, "patches: Input should be a valid list"),
        ("torch/2.15.toml", 'source = ["pypi_wheels"', 'source = ["hearsay"', 7, "nothing explains 'hearsay' here"),
        ("torch/2.15.toml", 'evidence = ["T"', 'evidence = ["Z"', 30, "nothing explains 'Z' here"),
        ("torch/2.15.toml", "sm = [75", 'sm = ["75"', 28, "sm.0: Input should be a valid integer"),
        ("systems/rocky.toml", '"rhel-10"', '"rhel-11"', None, "'rhel-11', which is the id of no recipe"),
        ("systems/arch.toml", 'manager = "pacman"', 'manager = "yum"', None, "recipes.0.manager: Input should be"),
        ("systems/arch.toml", "parts = []", 'parts = ["nowhere"]', None, "'nowhere', which is no part"),
        ("xpu.toml", 'kind = "discrete"', 'kind = "huge"', None, "devices.0.kind: Input should be"),
        ("macos.toml", "as_of", "as_of = =", None, "Invalid"),
    ],
)
def test_a_fault_is_named_with_file_and_line(
    sources: Path, file: str, before: str, after: str, line: int | None, said: str
) -> None:
    path = sources / file
    text = path.read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, after, 1), encoding="utf-8")
    with pytest.raises(SourcesError) as caught:
        compiling.compile_all(sources)
    message = str(caught.value)
    assert said in message
    if line is not None:
        assert f"{path}:{line}: " in message


def test_two_files_with_a_part_of_the_same_name_are_an_error(sources: Path) -> None:
    with (sources / "systems" / "arch.toml").open("a", encoding="utf-8") as file:
        file.write('\n[parts.refresh]\nkind = "components"\n')
    with pytest.raises(SourcesError, match="two files have 'refresh' under parts"):
        compiling.compile_all(sources)


def test_a_line_is_found_in_rows_of_rows() -> None:
    text = '[[a]]\nx = 1\n[[a.b]]\ny = 1\n[[a]]\n[[a.b]]\n[[a.b]]\n"y z" = 2\n[c."d.e"]\n'
    assert line_of(text, ("a", 0, "b", 0, "y")) == 4
    assert line_of(text, ("a", 1, "b", 1, "y z")) == 8
    assert line_of(text, ("a", 1, "b", 1, "missing")) == 7
    assert line_of(text, ("c", "d.e")) == 9


def test_a_table_older_than_a_source_is_compiled_again(
    sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def compiled_now() -> dict[str, bytes]:
        asked.append("once")
        return {"macos": b"compiled"}

    monkeypatch.setattr(tables, "_SOURCES", str(sources))
    monkeypatch.setattr(tables, "_HERE", str(tmp_path))
    monkeypatch.setattr(tables, "_compiled_now", compiled_now)
    tables._last_edit.cache_clear()
    assert tables.shipped("macos") == b"compiled"  # there is none yet
    compiled = tmp_path / "data" / "macos.json"
    compiled.parent.mkdir()
    compiled.write_bytes(b"{}")
    tables.shipped("macos")
    assert len(asked) == 1
    later = compiled.stat().st_mtime_ns + 10**9
    os.utime(sources / "torch" / "2.15.toml", ns=(later, later))
    tables._last_edit.cache_clear()
    assert tables.shipped("macos") == b"compiled"
    shutil.rmtree(sources)
    tables._last_edit.cache_clear()
    assert json.loads(tables.shipped("macos") or b"")  # an installed torchup has no sources
    tables._last_edit.cache_clear()


def test_a_checkout_that_cannot_be_written_to_uses_what_it_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(compiled: dict[str, bytes]) -> None:
        raise PermissionError(13, "denied")

    monkeypatch.setattr(compiling, "write", refuse)
    assert compiling.compile_in_checkout()["macos"]
