"""Join the modules of the tensor test into one script that runs alone, wherever it is copied to.

What `probe/` holds are modules with imports of each other, so that editors, mypy and ruff understand them. What runs,
in torchup as on a server that it was copied to, is always the script that is made of them here.

This file needs the standard library only, and Python 3.9: `tests/gpu/run.py` loads it by its path, without torchup.
"""

from __future__ import annotations

import ast
import builtins
import contextlib
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).with_name("probe")
NAME = "tensor_probe.py"
# The module whose `main` is the program. All others are reached from it.
PROGRAM = "command_line"

# By this line the script is known again.
NOTE = "# Joined by torchup from the modules of its folder verify/probe, each under its name: change it there."
_RULER = "# " + "-" * 98
_START = 'if __name__ == "__main__":\n    sys.exit(main(sys.argv[1:]))\n'


class JoinError(Exception):
    """The modules cannot be joined: in one file, something would mean something else."""


class Module(NamedTuple):
    """One module: its text without imports, and what it takes from where.

    `plain` are modules of the standard library, `names` what is taken out of such, `siblings` what is taken out of
    modules beside this one, and `defined` the names that it gives a meaning to itself.
    """

    name: str
    title: str
    body: str
    plain: frozenset[str]
    names: frozenset[tuple[str, str]]
    siblings: Mapping[str, tuple[str, ...]]
    defined: tuple[str, ...]


@contextlib.contextmanager
def script_file() -> Iterator[Path]:
    """Keep the script in a private folder for as long as a block runs, also one that Ctrl-C ends."""
    with tempfile.TemporaryDirectory(prefix="tensor-probe-") as folder:
        path = Path(folder) / NAME
        path.write_text(script(), encoding="utf-8")
        yield path


def script(folder: Path = FOLDER) -> str:
    """Give the text of the script. Raises JoinError when the modules cannot be joined."""
    files = {path.stem: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.py"))}
    introduction = ast.get_docstring(ast.parse(files.pop("__init__")), clean=False) or ""
    modules = in_order({name: read(name, source) for name, source in files.items()})
    check_names(modules)
    plain = sorted({"sys"}.union(*(module.plain for module in modules)))
    taken: dict[str, set[str]] = {}
    for origin, name in sorted({pair for module in modules for pair in module.names}):
        taken.setdefault(origin, set()).add(name)
    imports = [f"import {name}" for name in plain]
    imports += [f"from {origin} import {', '.join(sorted(names))}" for origin, names in taken.items()]
    parts = [f'"""{introduction}"""\n\n{NOTE}\n\nfrom __future__ import annotations\n\n' + "\n".join(imports) + "\n"]
    parts += [f"{_RULER}\n# {module.name}: {module.title}\n{_RULER}\n\n{module.body}\n" for module in modules]
    return "\n\n".join([*parts, _START])


def read(name: str, source: str) -> Module:
    """Take a module apart. Raises JoinError for what would not mean the same in a file with others."""
    tree = ast.parse(source, filename=f"{name}.py")
    title = ast.get_docstring(tree)
    docstring = tree.body[: title is not None]
    plain = [node for node in tree.body if isinstance(node, ast.Import)]
    taken = [node for node in tree.body if isinstance(node, ast.ImportFrom)]
    for node in ast.walk(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            check_import(name, node, at_top=node in tree.body)
    siblings: dict[str, tuple[str, ...]] = {}
    for node in taken:
        if node.level and node.module:
            siblings[node.module] = (*siblings.get(node.module, ()), *(alias.name for alias in node.names))
    left_out = [*docstring, *plain, *taken]
    gone = {number for node in left_out for number in range(node.lineno - 1, node.end_lineno or 0)}
    return Module(
        name=name,
        title=" ".join((title or "").partition("\n\n")[0].split()),
        body="\n".join(line for number, line in enumerate(source.split("\n")) if number not in gone).strip(),
        plain=frozenset(alias.name for node in plain for alias in node.names),
        names=frozenset(
            (node.module or "", alias.name)
            for node in taken
            if not node.level and node.module != "__future__"
            for alias in node.names
        ),
        siblings=siblings,
        defined=tuple(one for node in tree.body if node not in left_out for one in names_of(name, node)),
    )


def check_import(module: str, node: ast.Import | ast.ImportFrom, *, at_top: bool) -> None:
    """Refuse an import that could not be taken out or put at the top of the script."""
    place = f"{module}.py, line {node.lineno}"
    level = node.level if isinstance(node, ast.ImportFrom) else 0
    if level and not at_top:
        raise JoinError(f"{place}: a relative import that is not at the top")
    if at_top and any(alias.asname or alias.name == "*" for alias in node.names):
        raise JoinError(f"{place}: an import under another name, or of everything")
    origin = node.module or "" if isinstance(node, ast.ImportFrom) else ""
    if level and (level > 1 or not origin or "." in origin):
        raise JoinError(f"{place}: only `from .module import name` can be joined")


def names_of(module: str, statement: ast.stmt) -> list[str]:
    """List the names that a statement defines. Raises JoinError for one that does something else."""
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return [statement.name]
    if isinstance(statement, ast.Assign):
        targets: Sequence[ast.expr] = statement.targets
    elif isinstance(statement, ast.AnnAssign):
        targets = [statement.target]
    else:
        raise JoinError(f"{module}.py, line {statement.lineno}: only imports and definitions can be joined")
    return [node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name)]


def in_order(modules: Mapping[str, Module]) -> list[Module]:
    """Put each module after those that it imports from. Raises JoinError for a circle, and for what nothing imports."""
    done: list[Module] = []

    def visit(name: str, path: tuple[str, ...]) -> None:
        if name in path:
            raise JoinError(f"modules import each other in a circle: {' -> '.join([*path[path.index(name) :], name])}")
        if name not in modules:
            raise JoinError(f"{path[-1]}.py imports from a module that is not there: {name}")
        if modules[name] in done:
            return
        for origin, names in sorted(modules[name].siblings.items()):
            visit(origin, (*path, name))
            for missing in sorted(set(names) - set(modules[origin].defined)):
                raise JoinError(f"{name}.py imports {missing} from {origin}.py, which does not define it")
        done.append(modules[name])

    visit(PROGRAM, ())
    forgotten = sorted(set(modules) - {module.name for module in done})
    if forgotten:
        raise JoinError(f"nothing imports {', '.join(forgotten)}")
    return done


def check_names(modules: list[Module]) -> None:
    """See to it that each name means one thing. Raises JoinError for one that two modules define."""
    meaning = dict.fromkeys(dir(builtins), "Python itself")
    imported = {name.partition(".")[0]: "an import" for module in modules for name in module.plain}
    for origin, name in sorted({pair for module in modules for pair in module.names}):
        if name in imported:
            raise JoinError(f"the name {name} is imported from {origin} and from elsewhere")
        imported[name] = "an import"
    meaning.update(imported)
    for module in modules:
        for name in module.defined:
            if name in meaning:
                raise JoinError(f"the name {name} is defined in {module.name}.py, and by {meaning[name]}")
            meaning[name] = f"{module.name}.py"
