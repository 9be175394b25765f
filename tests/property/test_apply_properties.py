"""Whatever bytes a start-up file holds: apply, undo and the script keep them, and the tools agree with POSIX."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from support.sandbox import context_in, tree
from support.tools import require
from torchup.apply.backups import sha256
from torchup.apply.cksum import cksum
from torchup.apply.posix import comment, output, words
from torchup.apply.redact import redact
from torchup.apply.run import Machine, apply_plan, undo_run
from torchup.apply.script import dry_run
from torchup.apply.torn import torn_between
from torchup.errors import RefusedError
from torchup.model.plan import EditManagedBlock, Plan, WriteFile

LINES = st.lists(
    st.one_of(
        st.sampled_from(
            [
                *(b"export PATH=$HOME/bin:$PATH\n", b"case $- in *i*) ;; *) return;; esac\n", b"\r\n", b"\n", b"\\"),
                *(b"cat <<'TORCHUP'\n", b"TORCHUP\n", b"'", b'"', b"`date`\n", b"%s\\n\n", b"# caf\xe9\n", b"\x00"),
                *(b"# >>> conda initialize >>>\n", b"\xef\xbb\xbf", b"\t if x\n", "→ ü\n".encode()),
            ]
        ),
        st.binary(max_size=40),
    ),
    max_size=8,
).map(b"".join)
MODES = st.sampled_from([0o644, 0o600, 0o640, 0o755, 0o604])
SLOW = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@contextmanager
def home_with(content: bytes | None, mode: int, *, link: bool) -> Iterator[Machine]:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder, "home")
        home.mkdir()
        if content is not None:
            place = home / ("dotfile" if link else "rc")
            place.write_bytes(content)
            place.chmod(mode)
            if link:
                (home / "rc").symlink_to("dotfile")
        yield Machine(context=context_in(home))


def edit(machine: Machine, body: str) -> Plan:
    rc = machine.context.home / "rc"
    seen = sha256(rc.read_bytes()) if rc.exists() else None
    step = EditManagedBlock(  # noqa: S604 - the language of the file, no shell is run
        id="b", summary="s", why="w", path=str(rc), shell="bash", body=body, expected_sha256=seen, create=True
    )
    own = WriteFile(id="f", summary="s", why="w", path=str(machine.context.home / "own"), content=body, mode=0o600)
    return Plan(tool_version="0", facts_digest="", request_digest="", steps=(own, step))


@SLOW
@given(content=st.none() | LINES, mode=MODES, link=st.booleans())
def test_undo_gives_back_bytes_mode_and_link(content: bytes | None, mode: int, link: bool) -> None:
    with home_with(content, mode, link=link) as machine:
        home = machine.context.home
        before = tree(home)
        with assume_whole_blocks():
            apply_plan(edit(machine, "true\n"), machine, verifier=None)
        once = tree(home)
        assert once != before
        assert not apply_plan(edit(machine, "true\n"), machine, verifier=None).changed
        apply_plan(edit(machine, "false\n"), machine, verifier=None)
        assert not undo_run(machine).left
        assert tree(home) == once
        assert not undo_run(machine).left
        assert tree(home) == before


@SLOW
@given(content=st.none() | LINES, mode=MODES, link=st.booleans())
def test_the_script_writes_the_same_bytes(content: bytes | None, mode: int, link: bool) -> None:
    with home_with(content, mode, link=link) as machine:
        home = machine.context.home
        with assume_whole_blocks():
            dry = dry_run(edit(machine, "true\n"), machine.system(), machine.context)
        environment = {"PATH": os.environ["PATH"], "HOME": str(home)}
        done = subprocess.run(
            [require("dash"), "-s"], input=dry.script.encode(), env=environment, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr
        scripted = tree(home)
    with home_with(content, mode, link=link) as machine:
        apply_plan(edit(machine, "true\n"), machine, verifier=None)
        applied = tree(machine.context.home)
    # The blocks are the same, since neither holds the path of its home.
    assert scripted == applied


@contextmanager
def assume_whole_blocks() -> Iterator[None]:
    """Leave out the bytes that happen to be damaged markers of ours, which are refused."""
    try:
        yield
    except RefusedError as error:
        if error.code not in ("block-broken", "block-edited"):
            raise
        assume(False)


@settings(max_examples=40, deadline=None)
@given(content=LINES | st.binary(max_size=70_000))
def test_cksum_is_the_one_of_posix(content: bytes) -> None:
    done = subprocess.run(["cksum"], input=content, capture_output=True, check=True)
    assert done.stdout.decode().strip() == cksum(content)


@pytest.mark.parametrize("shell", ["dash", "bash", "ksh"])
@settings(max_examples=40, deadline=None)
@given(content=LINES)
def test_output_sends_exactly_these_bytes(shell: str, content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder, "file")
        script = output(content, f">{words([str(target)])}")
        done = subprocess.run([require(shell), "-s"], input=script.encode(), capture_output=True, check=False)
        assert done.returncode == 0, done.stderr
        assert target.read_bytes() == content


@settings(max_examples=60, deadline=None)
@given(
    argv=st.lists(st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"])), min_size=1, max_size=3)
)
def test_words_come_back(argv: list[str]) -> None:
    script = f"printf '%s\\0' {words(argv)}"
    done = subprocess.run(["sh", "-s"], input=script.encode(), capture_output=True, check=True)
    assert done.stdout == b"".join(word.encode() + b"\0" for word in argv)


@given(text=st.text())
def test_a_comment_stays_one_line(text: str) -> None:
    line = comment(text)
    assert line.startswith("#")
    assert len(line.splitlines()) == 1


@given(old=st.binary(max_size=30), new=st.binary(max_size=30), cut=st.integers(0, 30))
def test_every_cut_off_write_is_recognised(old: bytes, new: bytes, cut: int) -> None:
    assert torn_between(new[:cut] + old[min(cut, len(new)) :], old, new)
    assert torn_between(new, old, new)


@given(old=st.binary(max_size=12), new=st.binary(max_size=12), current=st.binary(max_size=12))
def test_nothing_else_is(old: bytes, new: bytes, current: bytes) -> None:
    states = {new, *(new[:cut] + old[cut:] for cut in range(len(new) + 1))}
    assert torn_between(current, old, new) is (current in states)


@given(secret=st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=4), around=st.text(max_size=9))
def test_a_secret_does_not_come_through(secret: str, around: str) -> None:
    assume("*" not in secret)
    shown = redact(f"{around} {secret} {around}", [secret])
    assert f" {secret} " not in shown
    assert secret not in shown or secret in around
