"""Templates: every value is quoted, nothing is left undefined, the folder is found."""

from __future__ import annotations

from pathlib import Path

import pytest
from jinja2 import TemplateSyntaxError, UndefinedError

from torchup.shell import templates
from torchup.shell.kinds import LANGUAGES
from torchup.shell.templates import render, template_root


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in for the templates folder."""
    monkeypatch.setattr(templates, "template_root", lambda: tmp_path)
    return tmp_path


def test_the_root_holds_the_env_files() -> None:
    for language in LANGUAGES.values():
        for name in (language.block, f"{language.templates}/{language.env_file}"):
            assert template_root().joinpath(f"{name}.j2").is_file()


def test_a_value_without_a_quoting_filter_is_an_error(folder: Path) -> None:
    (folder / "leaky.j2").write_text("X={{ path }}\n")
    with pytest.raises(TypeError, match="without a quoting filter"):
        render("leaky", path="/a b")


def test_a_value_that_another_filter_touched_after_quoting_is_an_error(folder: Path) -> None:
    (folder / "late.j2").write_text("X={{ path | sh | upper }}\n")
    with pytest.raises(TypeError, match="without a quoting filter"):
        render("late", path="/a b")


def test_an_undefined_value_is_an_error(folder: Path) -> None:
    (folder / "lost.j2").write_text("X={{ nowhere }}\n")
    with pytest.raises(UndefinedError, match="nowhere"):
        render("lost")


def test_the_final_newline_is_kept(folder: Path) -> None:
    (folder / "end.j2").write_text("X={{ path | sh }}\n")
    assert render("end", path="/a b") == "X='/a b'\n"


def test_every_template_of_the_shell_part_is_valid() -> None:
    environment = templates._environment()
    for path in Path(str(template_root())).rglob("*.j2"):
        try:
            environment.parse(path.read_text(encoding="utf-8"))
        except TemplateSyntaxError as error:  # pragma: no cover
            pytest.fail(f"{path.name}: {error}")
