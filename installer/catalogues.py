"""The catalogues of torchup's texts: collect what there is to say, and compile what was translated.

    python installer/catalogues.py update     bring every .po up to date with the source
    python installer/catalogues.py check      fail when one is incomplete or wrong, whatever babel's version and order
    python installer/catalogues.py compile    write the .mo files that the program reads

hatchling loads this file too, as a build hook, so that a wheel and an editable install hold compiled catalogues and
compiled tables.
"""

from __future__ import annotations

import ast
import io
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from babel.messages import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PACKAGE = Path(__file__).parent / "torchup"
PROBE = PACKAGE / "verify" / "probe"
CAUSES = PACKAGE / "verify" / "causes.json"
KEYWORDS = ("tr", "mark")
PROBE_KEYWORDS = ("say", "mark")
FIELD = re.compile(r"(?<!\{)\{([a-zA-Z_][a-zA-Z0-9_]*)[^{}]*\}")
WIDTH = 110
HEADERS_LEFT_OUT = tuple(
    f'"{name}: '.encode()
    for name in (
        *("POT-Creation-Date", "PO-Revision-Date", "Report-Msgid-Bugs-To", "Last-Translator", "Language-Team"),
        "Generated-By",
    )
)


class CatalogueHook(BuildHookInterface[Any]):
    """Compile the catalogues and the tables before anything is packed or linked."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Write the .mo files and the tables; hatchling takes them along as artifacts."""
        del version, build_data
        compile_all()
        _tables().write(_tables().compile_all())


def po_files() -> list[Path]:
    """List the catalogues, one per language."""
    return sorted(PACKAGE.glob("locale/*/LC_MESSAGES/torchup.po"))


def compile_all() -> None:
    """Write the .mo beside every .po."""
    for path in po_files():
        with path.open("rb") as source, path.with_suffix(".mo").open("wb") as target:
            write_mo(target, read_po(source))


def template() -> Catalog:
    """Collect every text that the program can say, with the file that says it."""
    catalogue = Catalog(project="torchup", charset="utf-8")
    for place, text in (*_sentences(), *_help_texts(), *_causes(), *_recipes()):
        catalogue.add(text, locations=[(place, 0)], flags=_flags(text))
    return catalogue


def update() -> None:
    """Bring every catalogue up to date; new texts are empty there, old ones go."""
    for path in po_files():
        path.write_bytes(_updated(path))


def problems() -> Iterator[str]:
    """Say what is wrong with the catalogues: stale, untranslated, or with other fields than the original."""
    for path in po_files():
        name = path.relative_to(PACKAGE).as_posix()
        with path.open("rb") as file:
            catalogue = read_po(file)
        said, known = {message.id for message in template() if message.id}, {message.id for message in catalogue}
        for text in sorted(said - known):
            yield f"{name}: missing; run `make words`: {text!r}"
        for text in sorted(known - said - {""}):
            yield f"{name}: nothing says this any more; run `make words`: {text!r}"
        for message in catalogue:
            original, translated = message.id, message.string
            if not original:
                continue
            if not translated or message.fuzzy:
                yield f"{name}: not translated: {original!r}"
            elif _fields(original) != _fields(translated):
                yield f"{name}: other fields than the original: {original!r}"


def _updated(path: Path) -> bytes:
    with path.open("rb") as file:
        catalogue = read_po(file, locale=path.parts[-3])
    catalogue.update(template(), no_fuzzy_matching=True)
    catalogue.obsolete.clear()
    catalogue.fuzzy = False
    out = io.BytesIO()
    write_po(out, catalogue, width=WIDTH, include_lineno=False, sort_by_file=True)
    # Dates and invented addresses would make every run a change.
    return b"".join(line for line in out.getvalue().splitlines(keepends=True) if not line.startswith(HEADERS_LEFT_OUT))


def _help_texts() -> Iterator[tuple[str, str]]:
    """Give what `--help` says, as click holds it: texts of commands and options are no calls in the source."""
    from torchup.cli import cli
    from torchup.ui.help_texts import texts_of

    for text in texts_of(cli):
        yield "cli.py", text


def _causes() -> Iterator[tuple[str, str]]:
    for cause in json.loads(CAUSES.read_text(encoding="utf-8"))["causes"].values():
        for text in (cause["title"], cause["why"], *(fix["do"] for fix in cause["fix"])):
            yield "verify/causes.json", text


def _recipes() -> Iterator[tuple[str, str]]:
    data = json.loads(_tables().compile_all()["system_recipes"])
    recipes = data["recipes"]
    texts = [advice["text"] for advice in data["advice"]]
    texts += [text for part in data["parts"].values() for text in (part.get("summary"), part.get("why")) if text]
    texts += [text for recipe in recipes for text in (recipe["title"], *recipe["unconfirmed"])]
    texts += [text for recipe in recipes for offer in recipe["offers"] for text in offer.get("unconfirmed", ())]
    for text in texts:
        yield "knowledge/sources/systems", text


def _tables() -> Any:
    """Give the compiler of the tables, which lies beside this file: hatchling loads only this one."""
    if str(PACKAGE.parent) not in sys.path:
        sys.path.insert(0, str(PACKAGE.parent))
    from knowledge_tables import compiling

    return compiling


def _sentences() -> Iterator[tuple[str, str]]:
    """Give what the program says and marks, sentences within sentences and within f-strings included.

    What babel's own extractor finds there differs from release to release.
    """
    for path in sorted(PACKAGE.rglob("*.py")):
        keywords = PROBE_KEYWORDS if path.parent == PROBE else KEYWORDS
        tree = ast.parse(path.read_text(encoding="utf-8"))
        calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and node.args]
        for call in sorted(calls, key=lambda call: (call.lineno, call.col_offset)):
            text = call.args[0]
            if ast.unparse(call.func) in keywords and isinstance(text, ast.Constant) and isinstance(text.value, str):
                yield path.relative_to(PACKAGE).as_posix(), text.value


def _flags(text: str) -> tuple[str, ...]:
    return ("python-brace-format",) if _fields(text) else ()


def _fields(text: Any) -> set[str]:
    return set(FIELD.findall(str(text)))


def main() -> None:
    """Do what the one argument says."""
    match sys.argv[1:]:
        case ["update"]:
            update()
            compile_all()
        case ["compile"]:
            compile_all()
        case ["check"]:
            if found := list(problems()):
                sys.exit("\n".join(found))
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
