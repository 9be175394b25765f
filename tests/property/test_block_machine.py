"""A start-up file in the hands of torchup, its owner and other tools, in any order: the owner's bytes stay theirs."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from support.tools import NIGHTLY
from torchup.errors import RefusedError
from torchup.shell.block_scan import find
from torchup.shell.managed_block import Placement, insert, remove

EXAMPLES = 2_000 if NIGHTLY else 200
TOOLKITS = tuple(f"if [ -r '/e/{name}/env.sh' ]; then \\. '/e/{name}/env.sh'; fi\n" for name in ("a", "b", "ü c"))
CONDA = (
    b"\n# >>> conda initialize >>>\n# !! Contents within this block are managed by 'conda init' !!\n"
    b"__conda_setup=\"$('/opt/conda/bin/conda' 'shell.bash' 'hook' 2> /dev/null)\"\neval \"$__conda_setup\"\n"
    b"unset __conda_setup\n# <<< conda initialize <<<\n"
)
APPENDS = (b"export NVM_DIR=x", b"\n# added by a tool\nx=1\n", CONDA, b"[ -f ~/.fzf.bash ] && source ~/.fzf.bash\n")
MARKERS = (b"# >>> torchup", b"# <<< torchup")
# Whatever bytes there are, but no markers by chance: those are another test's subject.
BYTES = st.binary(max_size=30).filter(lambda text: b"torchup" not in text)
LINES = st.lists(
    st.sampled_from([b"a=1\n", b"\n", b"# caf\xe9\n", b"x='y'\r\n", b"echo \\\n", b"return\n", b"\0\n", b"\\"]),
    max_size=4,
).map(b"".join)
TEXTS = st.one_of(BYTES, LINES)


def to_crlf(text: bytes) -> bytes:
    """Convert line ends as `unix2dos` does: those that are CRLF already stay."""
    return text.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


class StartupFile(RuleBasedStateMachine):
    """`above` and `below` are the owner's bytes; `added` are the line ends that came with the block."""

    def __init__(self) -> None:
        super().__init__()
        self.content: bytes | None = None
        self.above: bytes | None = None
        self.below = b""
        self.added = b""
        self.installed = False
        self.created = False
        self.inside: bytes | None = None

    @initialize(content=st.one_of(st.none(), TEXTS))
    def begin(self, content: bytes | None) -> None:
        self.content = self.above = content

    @property
    def block(self) -> bytes:
        block = find(self.content).block
        assert block is not None
        assert self.content is not None
        return self.content[block.start : block.end]

    @precondition(lambda self: self.inside is None)
    @rule(body=st.sampled_from(TOOLKITS), placement=st.sampled_from(["end", "start", "before-return"]))
    def apply(self, body: str, placement: Placement) -> None:
        before = find(self.content).block
        edit = insert(self.content, body, placement=placement)
        assert edit.after is not None
        assert not insert(edit.after, body, placement=placement).changed
        if not self.installed:
            old = self.content or b""
            block = find(edit.after).block
            assert block is not None
            self.created = self.content is None
            # Wherever the block went, what is around it is the old file and line ends.
            self.below = edit.after[block.end :]
            assert old.endswith(self.below)
            self.above = old[: len(old) - len(self.below)]
            self.added = edit.after[len(self.above) : block.start]
            assert self.added in (b"", b"\n", b"\n\n")
            assert edit.after.startswith(self.above)
            if not self.below:
                # Nothing happened in between: taking it out gives the very file back.
                assert remove(edit.after).after == self.content
            self.installed = True
        elif before is not None and before.crlf:
            self.added = self.added.replace(b"\r\n", b"\n")  # ours, like the block
        self.content = edit.after

    @precondition(lambda self: self.inside is None)
    @rule()
    def take_out(self) -> None:
        self.content = remove(self.content).after
        if self.installed:
            self.above = (self.above or b"") + (self.added if self.below else b"") + self.below
            self.below, self.added, self.installed = b"", b"", False
            if self.created and not self.above:
                self.above = None
        assert self.content == self.above

    @rule(text=st.one_of(TEXTS, st.sampled_from(APPENDS)))
    def append(self, text: bytes) -> None:
        if self.installed and self.content is not None and not self.content.endswith(b"\n") and not self.below:
            return  # an editor took the last line end away, and joining the marker would be an edit of the block
        self.content = (self.content or b"") + text
        if self.installed:
            self.below += text
        else:
            self.above = (self.above or b"") + text

    @rule(text=LINES.filter(lambda text: not text or text.endswith(b"\n")))
    def prepend(self, text: bytes) -> None:
        if self.content is not None:
            self.content = text + self.content
            self.above = text + (self.above or b"")

    @rule()
    def conda_init_reverse(self) -> None:
        for name in ("content", "above", "below"):
            text = getattr(self, name)
            if text is not None:
                setattr(self, name, text.replace(CONDA, b""))

    @precondition(lambda self: self.content is not None and self.inside is None)
    @rule()
    def convert_to_crlf(self) -> None:
        assert self.content is not None
        if self.above is not None and (self.above.endswith(b"\r") or self.below.startswith(b"\n")):
            return  # the conversion would join bytes across the border, and nobody could tell them apart again
        self.content = to_crlf(self.content)
        self.above = to_crlf(self.above or b"") if self.installed or self.above is not None else None
        self.below, self.added = to_crlf(self.below), to_crlf(self.added)

    @precondition(lambda self: self.installed and self.inside is None)
    @rule(line=st.sampled_from([b"export MINE=1\n", b"# note\n"]))
    def edit_inside(self, line: bytes) -> None:
        assert self.content is not None
        self.inside = self.content
        start = self.content.index(self.block)
        behind_marker = self.content.index(b"\n", start) + 1
        self.content = self.content[:behind_marker] + line + self.content[behind_marker:]

    @precondition(lambda self: self.inside is not None)
    @rule(body=st.sampled_from(TOOLKITS))
    def is_refused(self, body: str) -> None:
        with pytest.raises(RefusedError, match="edited by hand"):
            insert(self.content, body)
        with pytest.raises(RefusedError, match="edited by hand"):
            remove(self.content)

    @precondition(lambda self: self.inside is not None)
    @rule()
    def take_the_edit_back(self) -> None:
        assert self.content is not None
        for line in (b"export MINE=1\n", b"# note\n"):
            block = find(self.content).block
            if block is not None and not block.intact:
                inside = self.content[block.start : block.end].replace(line, b"")
                self.content = self.content[: block.start] + inside + self.content[block.end :]
        self.inside = None

    @invariant()
    def one_block_at_most_and_every_byte_of_the_owner(self) -> None:
        state = find(self.content)
        assert state.kind == ("edited" if self.inside is not None else "intact" if self.installed else "absent")
        if self.installed:
            assert state.block is not None
            assert self.content is not None
            assert self.content[: state.block.start] == (self.above or b"") + self.added
            assert self.content[state.block.end :] == self.below
        else:
            assert self.content == self.above

    def teardown(self) -> None:
        if self.inside is not None:
            self.take_the_edit_back()
        if self.installed:
            self.take_out()


TestStartupFile = StartupFile.TestCase
TestStartupFile.settings = settings(
    max_examples=EXAMPLES, stateful_step_count=15, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
