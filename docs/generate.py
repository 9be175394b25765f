"""Write the reference pages that come from the program itself; `--check` only compares (CI does).

<<<<<<< HEAD
Pages: the command line, the error codes, the answers file's keys and JSON Schema, the recipes for system packages, the
manual page.
=======
Pages: the command line, the error codes, the causes, the answers file's JSON Schema.
>>>>>>> verify
"""

from __future__ import annotations

import ast
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from torchup import errors
from torchup.cli import cli

DOCS = Path(__file__).parent
PACKAGE = Path(__file__).parents[1] / "installer" / "torchup"
WIDTH = 96
GENERATED = "<!-- Written by docs/generate.py (`make docs`). Do not edit. -->\n\n"


def command_pages() -> str:
    """Collect the help page of every command, as the program prints it."""
    parts = [GENERATED, "# Command line\n\n"]
    for path, command in _commands(cli, ("torchup",)):
        context = click.Context(command, info_name=" ".join(path), terminal_width=WIDTH, max_content_width=WIDTH)
        parts.append(f"## {' '.join(path)}\n\n```text\n{command.get_help(context)}\n```\n\n")
    parts.append("## Exit codes\n\n| code | meaning |\n| --- | --- |\n")
    parts += [f"| {int(status)} | {EXIT_MEANINGS[status]} |\n" for status in errors.ExitStatus]
    return "".join(parts)


EXIT_MEANINGS = {
    errors.ExitStatus.DONE: "done, or nothing to do",
    errors.ExitStatus.FAILED_ROLLED_BACK: "failed; what had been changed was put back",
    errors.ExitStatus.USAGE: "bad arguments, answers or facts",
    errors.ExitStatus.REBOOT_NEEDED: "done so far; restart the machine, then `torchup resume`",
    errors.ExitStatus.DEGRADED: "done, but the verification failed or is degraded",
    errors.ExitStatus.STOPPED_CHANGES_REMAIN: "stopped; some changes remain, and the journal says which",
    errors.ExitStatus.REFUSED: "refused: no terminal, no privilege, unsupported system, another run",
    errors.ExitStatus.NO_SOLUTION: "no compatible set-up, or an action is needed first",
    errors.ExitStatus.CHANGES_FOUND: "a dry run found changes (only with `--exit-code`)",
    errors.ExitStatus.INTERRUPTED: "stopped by the user (SIGINT)",
    errors.ExitStatus.TERMINATED: "ended by SIGTERM or SIGHUP",
}


def _commands(command: click.Command, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        for name in sorted(command.commands):
            yield from _commands(command.commands[name], (*path, name))


def error_page() -> str:
    """List every error code with its exit status, message and hint, read from where it is raised."""
    rows = sorted({row for path in sorted(PACKAGE.rglob("*.py")) for row in _raised(path)})
    parts = [
        GENERATED,
        "# Error codes\n\n",
        "Codes are stable; `{...}` stands for what differs from case to case.\n\n",
    ]
    for code, status, message, hint in rows:
        parts.append(f"## {code}\n\nExit {status}. {message}\n\n")
        if hint:
            parts.append(f"What to do: {hint}\n\n")
    return "".join(parts).rstrip() + "\n"


def _raised(path: Path) -> Iterator[tuple[str, int, str, str]]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        error = getattr(errors, node.func.id, None)
        if node.func.id in ("cause", "driver_fault"):
            yield from _cause(node)
            continue
        keywords = {keyword.arg: keyword.value for keyword in node.keywords}
        code = keywords.get("code")
        if error is None or not isinstance(code, ast.Constant) or not node.args:
            continue
        hint = keywords.get("hint")
        yield code.value, int(error.exit_status), _template(node.args[0]), _template(hint) if hint else ""


def _cause(node: ast.Call) -> Iterator[tuple[str, int, str, str]]:
    """Read a row of a table of causes: code, pattern, message, hint; or a verdict on the driver: code, text, hint."""
    words = [_template(word) for word in node.args]
    if ast.unparse(node.func) == "cause":
        code, _pattern, message, hint = words
        yield code, int(errors.ExitStatus.FAILED_ROLLED_BACK), f"{{step.summary}}: {message}.", hint
    else:
        code, message, hint = words[:3]
        yield code, int(errors.ExitStatus.STOPPED_CHANGES_REMAIN), message, hint


def _template(node: ast.expr) -> str:
    """Write a message as its template: constant text, and the names of what is filled in."""
    if isinstance(node, ast.Constant):
        return str(node.value or "")
    if isinstance(node, ast.JoinedStr):
        return "".join(_template(part) for part in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _template(node.left) + _template(node.right)
    if isinstance(node, ast.FormattedValue):
        return f"{{{ast.unparse(node.value)}}}"
    return f"{{{ast.unparse(node)}}}"


def schema_page() -> str:
    """Give the JSON Schema of answers files."""
    from torchup.answers.schema import json_schema

    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


def answers_reference() -> str:
    """Explain every key of an answers file."""
    from torchup.answers.reference import answers_page

    return GENERATED + answers_page()


<<<<<<< HEAD
def manual() -> str:
    """Write the manual page."""
    from man_page import man_page

    return man_page(cli, EXIT_MEANINGS)


def recipes_page() -> str:
    """List the recipes for drivers and toolkits, from the data that plans are made of."""
    from torchup.knowledge.tables import table

    recipes = table("system_recipes")
    parts = [GENERATED, RECIPES_INTRODUCTION.format(date=recipes["as_of"])]
    parts.append(
        "| recipe | systems | processors | driver branches (module) | toolkit |\n| --- | --- | --- | --- | --- |\n"
    )
    for row in recipes["recipes"]:
        systems = f"{', '.join(row['ids'])} {', '.join(version for version in row['versions'] if version)}".strip()
        toolkit = row.get("toolkit")
        held = (
            ", ".join(dict.fromkeys(toolkit["only"].values()))
            if toolkit and "only" in toolkit
            else "any of the repository"
        )
        cells = (row["id"], systems, ", ".join(row["arches"]), _branches(row), held if toolkit else "–")
        parts.append(f"| {' | '.join(cells)} |\n")
    parts.append("\n## What no source states\n\n")
    for row in recipes["recipes"]:
        open_points = [*row["unconfirmed"], *(text for offer in row["offers"] for text in offer.get("unconfirmed", ()))]
        parts += [f"- {row['id']}: {text}.\n" for text in dict.fromkeys(open_points)]
    parts.append("\n## Systems with their own way\n\n")
    parts += [f"- {row['id']}: {row['text']}\n" for row in recipes["advice"]]
    parts.append("\n## Sources\n\n")
    parts += [f"- `{key}`: {text}\n" for key, text in recipes["sources"].items()]
    for row in recipes["recipes"]:
        parts.append(f"- {row['id']}: {', '.join(f'`{key}`' for key in row['source'])}\n")
    return "".join(parts)


RECIPES_INTRODUCTION = """# Recipes

How torchup gets a driver or a CUDA toolkit from the packages of a system, as of {date}. For one system the first
recipe that holds the wanted branch with the wanted kernel module is taken; the one that the installed driver comes
from goes first. [Drivers and system packages](../explanation/drivers.md) tells why.

"""


def _branches(row: dict[str, Any]) -> str:
    modules: dict[int, list[str]] = {}
    moving = set()
    for offer in row["offers"]:
        for branch in offer["branches"]:
            modules.setdefault(branch, []).extend(offer["packages"])
            moving |= {branch} if offer.get("moves_on") else set()
    named = [
        f"{branch}{' or newer' if branch in moving else ''} ({', '.join(dict.fromkeys(found))})"
        for branch, found in sorted(modules.items())
    ]
    return "; ".join(named) or "none"


PAGES = {
    "reference/cli.md": command_pages,
    "reference/errors.md": error_page,
    "reference/answers.md": answers_reference,
    "reference/answers.schema.json": schema_page,
    "reference/recipes.md": recipes_page,
    "man/torchup.1": manual,
=======
CAUSES_INTRODUCTION = (
    "What `torchup verify` and `torchup doctor` can name, from the bus to the toolchain. How bad it is: *blocker* "
    "keeps torch from working on the GPU, *degraded* works with limits, *warn* is worth knowing. `<...>` stands for "
    "what is particular to the machine. Where a fix is for some systems only, they are named.\n\n"
)


def causes_page() -> str:
    """List every cause that a report or a diagnosis can name, layer by layer."""
    from torchup.verify.causes import known_causes

    parts = [GENERATED, "# Causes\n\n", CAUSES_INTRODUCTION]
    layer = ""
    for name, cause in known_causes().items():
        if cause.layer != layer:
            layer = cause.layer
            parts.append(f"## {layer}\n\n")
        parts.append(f"### {name}\n\n{cause.title} ({cause.severity}). {cause.why}\n\n")
        for fix in cause.fix:
            where = f" *({', '.join(fix.on)})*" if fix.on else ""
            parts.append(f"- {fix.do}{where}\n")
            if fix.run:
                lines = "\n".join(f"  {command}" for command in fix.run)
                parts.append(f"\n  ```sh\n{lines}\n  ```\n\n")
        if cause.symptoms:
            parts.append(f"\nRecognised in a text by: {', '.join(f'`` {text} ``' for text in cause.symptoms)}\n")
        if cause.findings:
            parts.append(f"\nFindings of `torchup detect`: {', '.join(f'`{code}`' for code in cause.findings)}\n")
        parts.append(f"\nSeen in: {', '.join(cause.sources)}\n\n")
    return "".join(parts).rstrip() + "\n"


PAGES = {
    "causes.md": causes_page,
    "cli.md": command_pages,
    "errors.md": error_page,
    "answers.md": answers_reference,
    "answers.schema.json": schema_page,
>>>>>>> verify
}


def stale_pages() -> list[str]:
    """Name the committed pages that differ from what the program says now."""
    return [
        name
        for name, write in PAGES.items()
        if not (DOCS / name).is_file() or (DOCS / name).read_text(encoding="utf-8") != write()
    ]


def main() -> None:
    """Write all pages, or with `--check` fail when one is stale."""
    if "--check" in sys.argv[1:]:
        stale = stale_pages()
        if stale:
            sys.exit(f"stale: {', '.join(stale)}; run `make docs` and commit")
        return
    for name, write in PAGES.items():
        (DOCS / name).parent.mkdir(exist_ok=True)
        (DOCS / name).write_text(write(), encoding="utf-8")


if __name__ == "__main__":
    main()
