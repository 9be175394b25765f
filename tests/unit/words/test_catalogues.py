"""The check of the catalogues goes by what is said: neither the order of a file nor babel's release decides."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from babel.messages import Catalog
from babel.messages.pofile import read_po, write_po

from support.catalogues import catalogues

SOURCE = """
from torchup.words import mark, tr

LATER = mark("said later")
PLAIN = tr("said plainly {name}", name=1)
INSIDE = f"{PLAIN}: {tr('said inside an f-string')} and {'; '.join(tr('said deep inside') for _ in range(2))}"
WITHIN = tr("said around {what}", what=tr("said within"))
SPLIT = tr(
    "said in "
    "two parts"
)
NOT = "never said", f"not said {PLAIN}", PLAIN.replace("not", "this")
"""
SAID = {
    "said later",
    "said plainly {name}",
    "said inside an f-string",
    "said deep inside",
    "said around {what}",
    "said within",
    "said in two parts",
}


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let a package of one module be all that says something, with a catalogue that has it all."""
    (tmp_path / "module.py").write_text(SOURCE, encoding="utf-8")
    monkeypatch.setattr(catalogues, "PACKAGE", tmp_path)
    for name in ("_help_texts", "_causes", "_recipes"):
        monkeypatch.setattr(catalogues, name, lambda: ())
    po(tmp_path).parent.mkdir(parents=True)
    write(tmp_path, sorted(SAID))
    return tmp_path


def po(package: Path) -> Path:
    return package / "locale/zh/LC_MESSAGES/torchup.po"


def write(package: Path, texts: list[str]) -> None:
    catalogue = Catalog(locale="zh")
    for text in texts:
        catalogue.add(text, f"说 {text}")
    out = io.BytesIO()
    write_po(out, catalogue)
    po(package).write_bytes(out.getvalue())


def problems() -> list[str]:
    return [*catalogues.problems()]


@pytest.mark.usefixtures("package")
def test_what_is_said_is_found_wherever_it_stands() -> None:
    assert {message.id for message in catalogues.template() if message.id} == SAID


def test_the_order_and_the_layout_of_a_catalogue_do_not_matter(package: Path) -> None:
    assert problems() == []
    write(package, sorted(SAID, reverse=True))
    assert problems() == []
    wrapped = io.BytesIO()
    with po(package).open("rb") as file:
        write_po(wrapped, read_po(file, locale="zh"), width=20, sort_output=True)
    po(package).write_bytes(wrapped.getvalue())
    assert problems() == []


def test_what_is_missing_untranslated_or_no_longer_said_is_named(package: Path) -> None:
    write(package, [*sorted(SAID - {"said deep inside"}), "said last year"])
    text = po(package).read_text(encoding="utf-8")
    text = text.replace("说 said plainly {name}", "{other}")
    text = text.replace("说 said within", "")
    po(package).write_text(text, encoding="utf-8")
    name = "locale/zh/LC_MESSAGES/torchup.po"
    assert sorted(problems()) == [
        f"{name}: missing; run `make words`: 'said deep inside'",
        f"{name}: not translated: 'said within'",
        f"{name}: nothing says this any more; run `make words`: 'said last year'",
        f"{name}: other fields than the original: 'said plainly {{name}}'",
    ]


def test_an_update_makes_a_stale_catalogue_complete_but_for_the_translation(package: Path) -> None:
    write(package, [*sorted(SAID - {"said deep inside"}), "said last year"])
    catalogues.update()
    assert problems() == ["locale/zh/LC_MESSAGES/torchup.po: not translated: 'said deep inside'"]
    before = po(package).read_bytes()
    catalogues.update()
    assert po(package).read_bytes() == before
