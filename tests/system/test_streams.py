"""Odd standard streams: a documented exit code at once, no traceback, and bytes on a pipe are never answers."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

import pytest

from support.command import TORCHUP, Person
from support.patience import little_work, soon

# A wrong wait would be for ever.
PATIENCE = 30
# What a person at a prompt is promised; a machine that is busy gets three tries.
PROMPT_SECONDS = 2


@contextmanager
def closed() -> Iterator[None]:
    yield None


@contextmanager
def null() -> Iterator[int]:
    yield subprocess.DEVNULL


@contextmanager
def pipe(*, content: bytes | None) -> Iterator[int]:
    """Give the reading end of a pipe; without content its writing end stays open, and nothing ever comes."""
    reader, writer = os.pipe()
    if content is not None:
        os.write(writer, content)
        os.close(writer)
    yield reader
    os.close(reader)
    if content is None:
        os.close(writer)


@contextmanager
def file(folder: Path) -> Iterator[IO[bytes]]:
    path = folder / "input"
    path.write_bytes(b"\n\n\ny\n1\n")
    with path.open("rb") as opened:
        yield opened


INPUTS: dict[str, Callable[[Path], AbstractContextManager[Any]]] = {
    "closed": lambda _folder: closed(),
    "/dev/null": lambda _folder: null(),
    "empty pipe": lambda _folder: pipe(content=b""),
    "idle pipe": lambda _folder: pipe(content=None),
    "pipe with answers": lambda _folder: pipe(content=b"\n\n\ny\n1\n"),
    "file": file,
}


def run(person: Person, *arguments: str, stdin: object, stdout: object = subprocess.PIPE) -> tuple[int, str]:
    """Run the command with these streams, None for a closed one; give its exit status and what it said."""
    script = " ".join(
        ['exec "$@"', *(["<&-"] if stdin is None else []), *([">&-"] if stdout is None else [])],
    )
    done = subprocess.run(
        ["sh", "-c", script, "sh", str(TORCHUP), *arguments],
        cwd=person.home,
        env=person.environ,
        stdin=stdin,  # type: ignore[call-overload]  # a descriptor, a file, or None, which the script closes
        stdout=stdout,
        stderr=subprocess.PIPE,
        timeout=PATIENCE,
        check=False,
    )
    return done.returncode, done.stderr.decode()


def promptly(person: Person, *arguments: str, stdin: object, stdout: object = subprocess.PIPE) -> tuple[int, str]:
    """Run the command as `run` does, and see to it that it ends in time."""
    with soon(), little_work(PROMPT_SECONDS):
        return run(person, *arguments, stdin=stdin, stdout=stdout)


@pytest.mark.parametrize("kind", INPUTS)
@pytest.mark.parametrize("arguments", [[], ["setup"], ["shell", "apply", "--environment", "."]], ids=" ".join)
def test_without_a_terminal_nothing_is_asked_and_nothing_changed(
    kind: str, arguments: list[str], person: Person, tmp_path: Path
) -> None:
    before = person.tree()
    with ExitStack() as stack:
        stdin = stack.enter_context(INPUTS[kind](tmp_path))
        status, said = promptly(person, *arguments, stdin=stdin)
    assert status == 6, said
    assert "error[no-terminal]" in said.splitlines()[0]
    assert "--yes" in said
    assert "Traceback" not in said
    assert person.tree() == before


@pytest.mark.parametrize("kind", INPUTS)
def test_unattended_commands_do_not_look_at_standard_input(
    kind: str, person: Person, wanted: str, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        stdin = stack.enter_context(INPUTS[kind](tmp_path))
        status, said = run(person, "setup", "--answers", wanted, "--dry-run", stdin=stdin)
    assert status == 0, said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    "arguments",
    [["detect"], ["detect", "--json"], ["matrix"], ["answers", "schema"], ["setup", "--dry-run"], ["--help"]],
    ids=" ".join,
)
@pytest.mark.parametrize("kind", ["closed", "full", "no reader"])
def test_an_output_that_takes_nothing_ends_the_command_in_words(
    kind: str, arguments: list[str], person: Person, wanted: str
) -> None:
    if arguments[0] == "setup":
        arguments = [*arguments, "--answers", wanted]
    with ExitStack() as stack:
        stdout: object = None
        if kind == "full":
            stdout = stack.enter_context(Path("/dev/full").open("wb"))
        elif kind == "no reader":
            reader, writer = os.pipe()
            os.close(reader)
            stack.callback(os.close, writer)
            stdout = writer
        status, said = promptly(person, *arguments, stdin=subprocess.DEVNULL, stdout=stdout)
    assert "Traceback" not in said
    assert "Exception ignored" not in said
    # A reader that has gone, such as `head`, has seen enough; a full disk is a fault.
    assert status == (1 if kind == "full" else 0), said
    assert ("error[output-failed]: The output could not be written: No space left on device" in said) is (
        kind == "full"
    )
