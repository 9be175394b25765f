"""Whatever bytes a start-up file holds: our block goes in once and comes out exactly."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from support.tools import NIGHTLY, require
from torchup.errors import RefusedError
from torchup.shell.block_body import block_body
from torchup.shell.block_scan import find
from torchup.shell.managed_block import Placement, insert, remove
from torchup.verify.shell_syntax import parse_check

EXAMPLES = 2_000 if NIGHTLY else 200
BODIES = ("if [ -r '/e/env.sh' ]; then \\. '/e/env.sh'; fi\n", "if x; then\n  y\nfi\n")
PLACEMENTS: tuple[Placement, ...] = ("end", "start", "before-return")

OURS = insert(None, BODIES[0]).after or b""
OURS_LINES = OURS.splitlines(keepends=True)

# Arbitrary bytes seldom hold what is dangerous, so pieces of it are mixed in.
PIECES = st.sampled_from(
    [
        b"\n",
        b"\r\n",
        b"\r",
        b"\\",
        b"\\\n",
        b"\0",
        b"\xe9",
        b" ",
        b"\t",
        b"# >>> torchup >>>\n",
        b"# <<< torchup <<<\n",
        b"# >>> torchup",
        b" <<<\n",
        b"# >>> torchup 1 sha256:0123456789abcdef >>>\n",
        b"# >>> torchup 1 sha256:0123456789abcdef newline blank created >>>\r\n",
        OURS,
        OURS_LINES[0],
        OURS_LINES[1],
        OURS.replace(b"\n", b"\r\n"),
        b"export A=1\n",
        b"return\n",
        b"case $- in\n*) return;;\nesac\n",
        b"f() {\n",
        b"}\n",
    ],
)
CONTENTS = st.lists(st.one_of(PIECES, st.binary(max_size=12)), max_size=10).map(b"".join)
# What a user writes: whole lines without markers, and what other tools append without looking.
LINES = st.lists(st.sampled_from([b"a=1\n", b"\n", b"# caf\xe9\n", b"x='y'\r\n", b"\\\n", b"echo \\\\\n"]), max_size=3)
TEXTS = LINES.map(b"".join)


@settings(max_examples=EXAMPLES, deadline=None)
@given(content=CONTENTS, body=st.sampled_from(BODIES), placement=st.sampled_from(PLACEMENTS))
def test_removal_undoes_insertion(content: bytes, body: str, placement: Placement) -> None:
    assume(find(content).kind == "absent")
    edit = insert(content, body, placement=placement)
    assert edit.after is not None
    assert find(edit.after).kind == "intact"
    assert remove(edit.after).after == content
    again = insert(edit.after, body, placement=placement)
    assert not again.changed


@settings(max_examples=EXAMPLES, deadline=None)
@given(content=CONTENTS, body=st.sampled_from(BODIES))
def test_whatever_is_there_either_nothing_changes_or_only_the_block_does(content: bytes, body: str) -> None:
    before = find(content)
    if before.kind in ("edited", "broken"):
        with pytest.raises(RefusedError):
            insert(content, body)
        with pytest.raises(RefusedError):
            remove(content)
        return
    after = insert(content, body).after
    assert after is not None
    block = find(after).block
    assert block is not None
    assert block.body == body.encode()
    around = after[: block.start], after[block.end :]
    if before.block is None:
        assert around[0].startswith(content)
        assert around[0][len(content) :] in (b"", b"\n", b"\n\n")
        assert around[1] == b""
    else:
        assert around == (content[: before.block.start], content[before.block.end :])


@dataclass
class Model:
    """What the user's own bytes are, above and below the block."""

    above: bytes
    below: bytes = b""
    installed: bool = False
    separator: bytes = b""
    exists: bool = True
    created: bool = False

    def file(self, block: bytes) -> bytes | None:
        if not self.exists:
            return None
        return self.above + (self.separator + block if self.installed else b"") + self.below


OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("apply"), st.sampled_from(BODIES).map(str.encode)),
        st.tuples(st.just("remove"), st.just(b"")),
        st.tuples(st.just("append"), TEXTS),
        st.tuples(st.just("append"), st.sampled_from([b"export NVM_DIR=x", b"\n# conda\nx\n"])),
        st.tuples(st.just("prepend"), TEXTS),
    ),
    max_size=12,
)


@settings(max_examples=EXAMPLES, deadline=None)
@given(start=st.one_of(st.none(), TEXTS, TEXTS.map(lambda text: text + b"no end")), operations=OPERATIONS)
def test_any_sequence_of_runs_and_edits_keeps_what_the_user_wrote(
    start: bytes | None,
    operations: list[tuple[str, bytes]],
) -> None:
    content = start
    model = Model(above=start or b"", exists=start is not None)
    for operation, data in operations:
        if operation == "apply":
            content = insert(content, data.decode()).after
            if not model.installed:
                whole = model.above + model.below
                model = Model(above=whole, installed=True, created=not model.exists)
                if model.above:
                    newline = b"" if model.above.endswith(b"\n") else b"\n"
                    continued = model.above.removesuffix(b"\n").endswith(b"\\")
                    model.separator = newline + (b"\n" if continued else b"")
        elif operation == "remove":
            content = remove(content).after
            if model.installed:
                # An added line end stays where it now keeps two lines of the user apart.
                whole = model.above + (model.separator if model.below else b"") + model.below
                model = Model(above=whole, exists=bool(whole) or not model.created)
        elif operation == "append" and data:
            content = (content or b"") + data
            model.exists = True
            if model.installed:
                model.below += data
            else:
                model.above += data
        elif operation == "prepend" and data and content is not None:
            content = data + content
            model.above = data + model.above
        state = find(content)
        assert state.kind == ("intact" if model.installed else "absent")
        block = b"" if state.block is None or content is None else content[state.block.start : state.block.end]
        assert content == model.file(block)


SNIPPETS = st.lists(
    st.sampled_from(
        [
            "a=1\n",
            "b=2",
            "\n",
            "\r\n",
            "if true; then\n",
            "fi\n",
            "case x in\n",
            "*) return;;\n",
            "esac\n",
            "f() {\n",
            "}\n",
            "cat <<EOF\n",
            "EOF\n",
            "echo 'open\n",
            "'\n",
            "x=`\n",
            "echo hi \\\n",
            "true &&\n",
            "true |\n",
            "# a comment \\\n",
            "a=(1 2\n",
            ")\n",
        ],
    ),
    max_size=7,
).map(lambda parts: "".join(parts).encode())


FISH_SNIPPETS = st.lists(
    st.sampled_from(
        [
            *(
                "set -g a 1\n",
                "set b 2",
                "\n",
                "if true\n",
                "end\n",
                "function f\n",
                "  return 1\n",
                "echo 'open\n",
                "'\n",
            ),
            *("echo hi \\\n", "true; and\n", "switch $a\n", "case x\n", "# a comment \\\n", "set c (date\n", ")\n"),
        ]
    ),
    max_size=7,
).map(lambda parts: "".join(parts).encode())


@pytest.mark.parametrize("shell", ["bash", "zsh", "dash", "ksh", "fish"])
def test_a_file_that_parses_still_parses(shell: str) -> None:
    require(shell)
    language: str = "fish" if shell == "fish" else "sh"
    body = block_body(language, "/e/it's/env")

    # Most random files are broken, and those are not the subject.
    @settings(max_examples=EXAMPLES // 8, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
    @given(content=FISH_SNIPPETS if shell == "fish" else SNIPPETS, placement=st.sampled_from(PLACEMENTS))
    def check(content: bytes, placement: Placement) -> None:
        assume(parse_check(shell, content) is None)
        after = insert(content, body, placement=placement, language=language).after
        assert after is not None
        assert parse_check(shell, after) is None

    check()
