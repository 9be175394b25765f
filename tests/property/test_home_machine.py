"""A home in which torchup is applied, undone and removed while its owner and other tools write too."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from support.sandbox import context_in, tree
from support.tools import NIGHTLY
from torchup.apply.backups import sha256
from torchup.apply.history import read_runs
from torchup.apply.run import Machine, apply_plan, undo_run
from torchup.apply.still_ours import files_still_ours, removal_steps, settle_removal
from torchup.model.plan import EditManagedBlock, MakeDirectory, Plan, Step, WriteFile
from torchup.shell.block_scan import find
from torchup.verify.shell_syntax import parse_check

EXAMPLES = 250 if NIGHTLY else 25
# Whole lines that every one of the shells can read, so that the file has to stay readable.
LINES = st.lists(
    st.sampled_from(
        [
            *(b"a=1\n", b"\n", b"# caf\xe9\n", b"f() {\n  return 1\n}\n", b"if true; then\n  b=2\nfi\n"),
            *(b"cat <<'EOF'\n# >>> torchup >>>\nEOF\n# <<< torchup <<<\n", b"echo 'two\nlines'\n"),
            b"case $- in\n*i*) ;;\n*) return;;\nesac\n",
            b"\n# >>> conda initialize >>>\neval x\n# <<< conda initialize <<<\n",
        ]
    ),
    max_size=3,
).map(b"".join)
BODIES = st.sampled_from(["if [ -r '/e/a' ]; then \\. '/e/a'; fi\n", "if [ -r '/e/b c' ]; then \\. '/e/b c'; fi\n"])


class Home(RuleBasedStateMachine):
    """`owned` are the bytes of the owner and of other tools, None as long as nobody made the file."""

    def __init__(self) -> None:
        super().__init__()
        shm = Path("/dev/shm")
        self.folder = Path(tempfile.mkdtemp(dir=shm if os.access(shm, os.W_OK) else None))
        self.home = self.folder / "home"
        self.home.mkdir()
        self.rc = self.home / ".bashrc"
        self.machine = Machine(context=context_in(self.home))
        self.owned: bytes | None = None

    @initialize(content=st.one_of(st.none(), LINES), linked=st.booleans())
    def begin(self, content: bytes | None, linked: bool) -> None:
        self.owned = content
        if content is not None:
            place = self.home / "dotfile" if linked else self.rc
            place.write_bytes(content)
            place.chmod(0o640)
            if linked:
                self.rc.symlink_to("dotfile")
        self.before = tree(self.home)

    def carry_out(self, *steps: Step) -> None:
        plan = Plan(tool_version="0", facts_digest="", request_digest="", steps=steps)
        apply_plan(plan, self.machine, verifier=None)

    @rule(body=BODIES, placement=st.sampled_from(["end", "start", "before-return"]))
    def apply(self, body: str, placement: str) -> None:
        config = self.machine.context.places.config
        seen = sha256(self.rc.read_bytes()) if self.rc.exists() else None
        self.carry_out(
            MakeDirectory(id="folder", summary="s", why="w", path=str(config)),
            WriteFile(id="env-file:env.sh", summary="s", why="w", path=str(config / "env.sh"), content=body),
            EditManagedBlock(  # noqa: S604 - the language of the file, no shell is run
                id="block",
                summary="s",
                why="w",
                path=str(self.rc),
                shell="bash",
                body=body,
                placement=placement,  # type: ignore[arg-type]  # one of the sampled words
                expected_sha256=seen,
                create=True,
            ),
        )
        assert find(self.rc.read_bytes()).kind == "intact"

    @precondition(lambda self: any(run.has_changes for run in read_runs(self.machine.context)))
    @rule()
    def undo(self) -> None:
        undo_run(self.machine).raise_if_left()

    @rule()
    def remove(self) -> None:
        steps = removal_steps(files_still_ours(self.machine.context), planned=())
        if steps:
            self.carry_out(*steps)
        settle_removal(self.machine.context, self.machine.system())
        assert not self.machine.context.places.config.exists()

    @rule(text=LINES.filter(bool))
    def append(self, text: bytes) -> None:
        with self.rc.open("ab") as file:
            file.write(text)
        self.owned = (self.owned or b"") + text

    @precondition(lambda self: self.rc.exists())
    @rule(text=LINES.filter(bool))
    def prepend(self, text: bytes) -> None:
        self.rc.write_bytes(text + self.rc.read_bytes())
        self.owned = text + (self.owned or b"")

    @invariant()
    def the_owners_bytes_are_all_there(self) -> None:
        content = self.rc.read_bytes() if self.rc.exists() else None
        block = find(content).block
        if content is not None and block is not None:
            content = content[: block.start] + content[block.end :]
            assert content == (self.owned or b"")
        else:
            assert content == self.owned

    def teardown(self) -> None:
        try:
            if self.rc.exists():
                for shell in ("bash", "zsh"):
                    assert parse_check(shell, self.rc.read_bytes()) is None
            while any(run.has_changes for run in read_runs(self.machine.context)):
                undo_run(self.machine).raise_if_left()
            content = self.rc.read_bytes() if self.rc.exists() else None
            assert content == self.owned
            after = tree(self.home)
            assert after.keys() - {".bashrc"} == self.before.keys() - {".bashrc"}
            assert not self.machine.context.places.backups.exists()
        finally:
            shutil.rmtree(self.folder)


TestHome = Home.TestCase
TestHome.settings = settings(
    max_examples=EXAMPLES, stateful_step_count=8, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
