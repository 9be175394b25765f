"""Every sentence in the source passes through `tr` or is marked for it, so that no text is left out of a catalogue."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TypeGuard

import pytest

import torchup
from support.catalogues import catalogues

PACKAGE = Path(torchup.__file__).parent


def _modules(pattern: str = "**/*.py") -> list[str]:
    return sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.glob(pattern))


# What joins the modules of the tensor test says nothing to a person, and `words` is what says the texts.
LEFT_OUT = {"verify/probe_archive.py", "words.py"}
# The tensor test says in English what torchup says again in the language of the run.
KEYWORDS_OF_PROBE, KEYWORDS_OF_THE_REST = ("say", "mark"), ("tr", "mark")

SPACES = 2
WORD = re.compile(r"(?<![\w$%{-])[a-z]{2,}(?![\w}=-])")
# What these get is for programs, or is an exception that only a developer sees. (Rules of answers raise ValueErrors
# that a person sees; only their code tells.)
BUILT_IN = "Assertion|Attribute|FileNotFound|FrozenInstance|Key|Lookup|NotImplemented|Runtime|Type|Value"
NOT_FOR_PEOPLE = re.compile(rf"re\.\w+|\w*logger\.\w+|(dataclasses\.)?({BUILT_IN})Error")
# Arguments that hold commands, and texts that click holds (`torchup.ui.help_texts` collects them).
KEYWORDS = {"argv", "commands", "pattern", "help", "short_help", "epilog", "metavar"}

# By module, the beginnings of its texts that are not for a person, and what they are.
ALLOWED = {
    "ownership.py": {"sudo -u": "a command", "su - ": "a command"},
    "plan/inherited.py": {"": "the reason of each row, for developers; the one sentence that is said is looked up"},
    "answers/questions.py": {"auto, open, proprietary": "values"},
    "answers/reference.py": {"": "the reference page of the documentation, which is English"},
    "answers/schema.py": {"What torchup": "the JSON Schema, a file", "The version of": "the JSON Schema, a file"},
    "answers/yaml_tree.py": {"maximum nesting": "what libyaml says"},
    "detect/isolate.py": {"import sys": "a Python program"},
    "detect/libc.py": {"musl libc": "a pattern"},
    "detect/nvidia_kernel.py": {"NVRM version": "a pattern"},
    "detect/nvidia_smi.py": {
        "Field ": "a pattern",
        "(?i)": "a pattern",
        "couldn't communicate": "what nvidia-smi says",
        "Driver/library version": "what nvidia-smi says",
        "GPU access blocked": "what nvidia-smi says",
        "GPU is lost": "what nvidia-smi says",
    },
    "detect/operating_system.py": {"(?P<name>": "a pattern"},
    "detect/pythons.py": {"import sys": "a Python program"},
    "detect/user.py": {
        "not in the sudoers": "what sudo says",
        "may not run sudo": "what sudo says",
        "no new privileges": "what sudo says",
        "must be setuid root": "what sudo says",
        "setuid bit set": "what sudo says",
        "operation not permitted": "what doas says",
    },
    "detect/windows.py": {"$ErrorActionPreference": "a PowerShell program"},
    "model/quick.py": {"_new_": "Python source"},
    "own_variables.py": {"": "the reference page of the documentation, which is English"},
    "plan/lock.py": {"import importlib": "a Python program"},
    "plan/requirements.py": {"# Written by torchup": "a comment in a file that installers read"},
    "plan/system/advice.py": {"printf ": "a command", "echo ": "a command"},
    "plan/system/components.py": {"# Written by torchup": "a comment in a file that APT reads"},
    "plan/system/driver_steps.py": {"# Written by torchup": "a comment in a file that modprobe reads"},
    "resolve/driver_outlook.py": {"sudo ": "a command"},
    "resolve/offers/simple_page.py": {"application/": "a header"},
    "resolve/python_sources.py": {"sudo ": "a command"},
    "app/decision.py": {"torch {}+{}": "a name, and a sentence that is said already"},
    "apply/environment_undo.py": {"rm -rf ": "a command"},
    "apply/package_commands.py": {"sudo ": "a command"},
    "apply/package_failures.py": {"sudo ": "a command"},
    "apply/posix.py": {"cat ": "a shell script"},
    "apply/powershell.py": {"$ErrorActionPreference": "a PowerShell program", "[void]": "a PowerShell program"},
    "apply/real_system.py": {"exit status": "a line of the log"},
    "apply/root_files.py": {"beside=": "a shell script", "$ as root": "a line of the log"},
    "apply/script.py": {"": "a shell script"},
    "apply/script_undo.py": {"rm -r ": "a command", "torchup shell remove": "a command"},
    "apply/write_errors.py": {"sudo ": "a command", "cp ": "a command"},
    "shell/block_body.py": {"# Reads the settings": "a comment in a file that fish reads"},
    "shell/block_repair.py": {"\n\\ No newline": "a line of a difference, as patch knows it"},
    "shell/block_scan.py": {"# >>> torchup": "a marker"},
    "shell/difference.py": {"\\ No newline": "a line of a difference, as patch knows it"},
    "shell/kinds/nushell.py": {"print --no-newline": "a nushell program", "if false": "a nushell program"},
    "tokens.py": {"": "names of services, and patterns"},
    "ui/closing.py": {"{} activate": "a command"},
    "ui/failure.py": {"torchup {}, Python": "names and versions"},
    "verify/doctor/cuda.py": {"import ctypes": "a Python program"},
    "verify/doctor/packages.py": {"setuptools {}": "names and versions", "numpy {}": "names and versions"},
    "verify/doctor/software.py": {"\nimport json": "a Python program", "torch {}": "a name and a version"},
    "verify/doctor/trials.py": {"\nimport json": "a Python program"},
    "verify/probe/arch.py": {"no kernel image": "what torch says"},
    "verify/probe/command_line.py": {
        "Prove that": "the script's own help",
        "--soak-seconds": "an error of the script's own command line",
        "--timeout-scale": "an error of the script's own command line",
    },
    "verify/probe/compiling.py": {"\nimport triton": "a Triton program"},
    "verify/probe/extension.py": {"torch::Tensor": "a C++ program", "\n#include": "a CUDA program"},
    "verify/probe/health.py": {"uncorrected ": "names of readings"},
    "verify/probe/symptoms.py": {"": "what torch, drivers and compilers say"},
    "verify/probe/visible.py": {"import torch": "a Python program", "\nimport ctypes": "a Python program"},
    "verify/shell_start.py": {"import os": "a Python program", "exec env": "a shell script"},
    "verify/shells.py": {"no job control": "what bash says", "cannot set terminal": "what bash says"},
}


def _sayings(module: str) -> tuple[str, ...]:
    return KEYWORDS_OF_PROBE if module.startswith("verify/probe/") else KEYWORDS_OF_THE_REST


def _unsaid(source: str, sayings: tuple[str, ...] = KEYWORDS_OF_THE_REST) -> Iterator[tuple[int, str]]:
    tree = ast.parse(source)
    parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    for node in ast.walk(tree):
        text = _text(node)
        if text is None or text.strip().count(" ") < SPACES or not WORD.search(text):
            continue
        if not _is_said_or_silent(node, parents, sayings):
            yield node.lineno, text  # type: ignore[attr-defined]  # only expressions have a text


def _text(node: ast.AST) -> str | None:
    """Give a literal's text, with `{}` for what an f-string fills in."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
    return None


def _is_said_or_silent(node: ast.AST, parents: dict[ast.AST, ast.AST], sayings: tuple[str, ...]) -> bool:
    parent = parents[node]
    if isinstance(parent, ast.Call) and ast.unparse(parent.func) in sayings:
        return bool(parent.args) and parent.args[0] is node
    if isinstance(parent, ast.Expr | ast.Compare | ast.JoinedStr | ast.Subscript | ast.MatchValue):
        # A docstring, something that is compared, a part of an f-string that is looked at as a whole.
        return True
    while isinstance(parent, ast.expr | ast.keyword):
        if isinstance(parent, ast.Call) and NOT_FOR_PEOPLE.fullmatch(ast.unparse(parent.func)):
            return True
        if isinstance(parent, ast.keyword) and parent.arg in KEYWORDS:
            return True
        parent = parents[parent]
    return False


MODULES = [module for module in _modules() if module not in LEFT_OUT]


def test_no_text_is_said_past_the_catalogues() -> None:
    found = [
        f"{module}:{line}: {text!r}"
        for module in MODULES
        for line, text in _texts(module)
        if not text.startswith(tuple(ALLOWED.get(module, ())))
    ]
    assert found == []


def test_what_is_allowed_is_there() -> None:
    idle = [
        f"{module}: {beginning!r}"
        for module, beginnings in ALLOWED.items()
        for beginning in beginnings
        if not any(text.startswith(beginning) for _, text in _texts(module))
    ]
    assert idle == []


def test_what_is_said_is_collected() -> None:
    collected = {message.id for message in catalogues.template()}
    missed = [
        f"{module}:{node.lineno}"
        for module in MODULES
        for node in ast.walk(_tree(module))
        if _names_a_text(node, _sayings(module)) and _text(node.args[0]) not in collected
    ]
    assert missed == []


def _names_a_text(node: ast.AST, sayings: tuple[str, ...]) -> TypeGuard[ast.Call]:
    return (
        isinstance(node, ast.Call)
        and ast.unparse(node.func) in sayings
        and bool(node.args)
        and _text(node.args[0]) is not None
    )


@cache
def _tree(module: str) -> ast.Module:
    return ast.parse((PACKAGE / module).read_text(encoding="utf-8"))


@cache
def _texts(module: str) -> list[tuple[int, str]]:
    return [*_unsaid((PACKAGE / module).read_text(encoding="utf-8"), _sayings(module))]


@pytest.mark.parametrize(
    "source",
    [
        'say("this is not said")',
        'say(f"this is {x} said")',
        'say(tr("{what} is said", what="this not at all"))',
        'TABLE = {"key": "a text of a table"}',
        'say("yes" if x else "it is not so")',
        'raise UsageError("a person sees this")',
    ],
)
def test_a_text_that_is_not_said_is_found(source: str) -> None:
    assert len([*_unsaid(source)]) == 1


@pytest.mark.parametrize(
    "source",
    [
        'say(tr("this is said"))',
        'TABLE = {"key": mark("a text of a table")}',
        '"""This is a docstring."""',
        'raise ValueError("nobody but developers sees this")',
        'run(argv=("echo", "blacklist nouveau for ever"))',
        'if text == "what a tool prints": pass',
        'say("two words")',
    ],
)
def test_what_is_said_or_not_for_people_is_left_alone(source: str) -> None:
    assert not [*_unsaid(source)]
