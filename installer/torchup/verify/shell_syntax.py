"""Whether a start-up file parses in its own shell, before and after an edit."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from torchup.children import NEUTRAL_FOLDER
from torchup.private_folders import temporary_folder
from torchup.shell.kinds import named
from torchup.words import tr

# Parsers do not wait for anything, so only a busy machine makes them slow; tcsh runs the file.
PARSE_SECONDS = 30.0
_HERE_DOCUMENT = re.compile(rb"(?<!<)<<(-?)[ \t]*(['\"]?)\\?([A-Za-z_][A-Za-z0-9_]*)\2")


def parse_check(
    shell: str, file: Path | bytes, *, home: str | None = None, timeout: float = PARSE_SECONDS
) -> str | None:
    """Tell what is wrong with a start-up file in the eyes of its shell, or None when nothing is.

    A file that ends inside a here-document is wrong although most shells accept it: what is appended
    there would be text. tcsh has no parser to ask, so the file is run, with `home` as HOME, which is
    what every new shell does with it. A shell that is not installed finds nothing wrong.
    """
    content = file if isinstance(file, bytes) else file.read_bytes()
    kind = named(("dash" if shutil.which("dash") else "bash") if shell == "sh" else shell)
    if kind is None or shutil.which(kind.program) is None:
        return None
    if kind.runs_to_parse:
        return _run(kind.program, content, home, timeout)
    if kind.parser is None:
        return None
    problem = _parse(kind.parser, content, timeout)
    if problem is not None or kind.language is None or not kind.language.posix:
        return problem
    # A parser that stops at an error never sees what follows, so an error put at the end has to be seen.
    if _parse(kind.parser, content + b"\n)\n", timeout) is not None:
        return None
    opened = _open_here_document(content)
    if opened is None:
        return tr("the file ends inside a here-document or another construct that is still open")
    line, word = opened
    return tr("line {line}: the here-document that should end at {word} never ends", line=line, word=word)


def _parse(parser: Callable[[str], tuple[str, ...]], content: bytes, timeout: float) -> str | None:
    with temporary_folder() as folder:
        path = folder / "startup"
        path.write_bytes(content)
        return _complaint(parser(str(path)), str(path), {"PATH": "/usr/bin:/bin"}, timeout)


def _run(program: str, content: bytes, home: str | None, timeout: float) -> str | None:
    with temporary_folder() as folder:
        path = folder / "startup"
        path.write_bytes(content)
        environment = {"PATH": "/usr/bin:/bin", "HOME": home or str(folder), "TERM": "dumb"}
        return _complaint((program, "-f", "-c", f"source {path}"), str(path), environment, timeout)


def _complaint(argv: tuple[str, ...], path: str, environment: dict[str, str], timeout: float) -> str | None:
    executable = shutil.which(argv[0])
    try:
        done = subprocess.run(
            argv,
            executable=executable,
            env=environment,
            cwd=NEUTRAL_FOLDER,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return tr("{program} did not finish reading the file within {seconds:g} s", program=argv[0], seconds=timeout)
    if done.returncode == 0:
        return None
    said = done.stderr.decode("utf-8", "backslashreplace").replace(path, tr("the file")).strip()
    return (
        said.splitlines()[0]
        if said
        else tr("{program} ends with status {status}", program=argv[0], status=done.returncode)
    )


def _open_here_document(content: bytes) -> tuple[int, str] | None:
    """Find the line and the word of the here-document that never ends, by its looks."""
    lines = content.split(b"\n")
    number = 0
    while number < len(lines):
        match = _HERE_DOCUMENT.search(lines[number])
        number += 1
        if match is None or lines[number - 1].lstrip().startswith(b"#"):
            continue
        begun = number
        while number < len(lines):
            line = lines[number].lstrip(b"\t") if match[1] else lines[number]
            number += 1
            if line == match[3]:
                break
        else:
            return begun, match[3].decode()
    return None
