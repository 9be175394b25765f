"""Write the reference pages that come from the program itself; `--check` only compares (CI does).

Pages: the command line, the error codes, the causes, the answers file's keys and JSON Schema, the recipes for system
packages, torchup's own variables, the manual page, the index of the decisions.
"""

from __future__ import annotations

import ast
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import click
from adr_index import adr_index
from table_pages import GENERATED, causes_page, recipes_page, variables_page

from torchup import errors
from torchup.cli import cli

DOCS = Path(__file__).parent
PACKAGE = Path(__file__).parents[1] / "installer" / "torchup"
WIDTH = 96


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
    words = [_template(word) for word in (*node.args, *(keyword.value for keyword in node.keywords))]
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
    if isinstance(node, ast.IfExp):
        return f"{_template(node.body)} / {_template(node.orelse)}"
    if isinstance(node, ast.FormattedValue):
        return f"{{{ast.unparse(node.value)}}}"
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("tr", "mark"):
        return _template(node.args[0])
    return f"{{{ast.unparse(node)}}}"


def schema_page() -> str:
    """Give the JSON Schema of answers files."""
    from torchup.answers.schema import json_schema

    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


def answers_reference() -> str:
    """Explain every key of an answers file."""
    from torchup.answers.reference import answers_page

    return GENERATED + answers_page()


def manual() -> str:
    """Write the manual page."""
    from man_page import man_page

    return man_page(cli, EXIT_MEANINGS)


def decisions() -> str:
    """List the decisions behind the design."""
    return GENERATED + adr_index(DOCS / "adr")


PAGES = {
    "reference/cli.md": command_pages,
    "reference/errors.md": error_page,
    "reference/causes.md": causes_page,
    "reference/answers.md": answers_reference,
    "reference/answers.schema.json": schema_page,
    "reference/recipes.md": recipes_page,
    "reference/variables.md": variables_page,
    "man/torchup.1": manual,
    "adr/README.md": decisions,
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
