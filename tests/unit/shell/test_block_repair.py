"""The repair that is proposed for damaged markers: a difference that a person can apply."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.tools import require
from torchup.errors import RefusedError
from torchup.shell.block_repair import repair_diff, repaired
from torchup.shell.block_scan import find
from torchup.shell.managed_block import insert, remove

BODY = "if [ -r '/e/env.sh' ]; then \\. '/e/env.sh'; fi\n"
BLOCK = (insert(None, BODY).after or b"").decode()
BEGIN, _, END = BLOCK.splitlines()
BARE = "# >>> torchup >>>"

BROKEN = {
    "no end, ours by its digest": (f"a=1\n{BEGIN}\n{BODY}b=2\n", "a=1\nb=2\n"),
    "no end, nothing known": (f"{BARE}\nold\nexport B=1\n", "old\nexport B=1\n"),
    "no begin": (f"old\n{END}\nexport B=1\n", "old\nexport B=1\n"),
    "nested": (f"{BARE}\n{BARE}\nx\n{END}\n{END}\n", f"{BARE}\nx\n{END}\n"),
    "nested with digests": (f"{BEGIN}\n{BEGIN}\nx\n{END}\n{END}\n", "x\n"),
    "two blocks": (f"{BLOCK}a=1\n{BLOCK}b=2\n", f"{BLOCK}a=1\nb=2\n"),
    "two blocks, one edited": (f"{BEGIN}\n{BODY}export MINE=1\n{END}\n{BLOCK}", f"export MINE=1\n{BLOCK}"),
    "far apart": (f"{END}\n" + "a=1\n" * 30 + f"{END}\n", "a=1\n" * 30),
    "nothing but us": (f"{BEGIN}\n{BODY}", ""),
    "no last line end": (f"a=1\n{END}", "a=1\n"),
}


@pytest.mark.parametrize(("text", "wanted"), BROKEN.values(), ids=BROKEN)
@pytest.mark.parametrize("ends", ["lf", "crlf"])
def test_the_users_lines_stay_and_one_whole_block_at_most(text: str, wanted: str, ends: str) -> None:
    def as_file(lines: str) -> bytes:
        return lines.encode() if ends == "lf" else lines.replace("\n", "\r\n").encode()

    assert find(as_file(text)).kind == "broken"
    assert repaired(as_file(text)) == as_file(wanted)
    assert find(repaired(as_file(text))).kind in ("absent", "intact")


@pytest.mark.parametrize(("text", "wanted"), BROKEN.values(), ids=BROKEN)
def test_patch_applies_what_the_refusal_shows(tmp_path: Path, text: str, wanted: str) -> None:
    file = tmp_path / "rc"
    file.write_text(text)
    with pytest.raises(RefusedError) as caught:
        remove(text.encode())
    evidence = list(caught.value.evidence)
    diff = "\n".join(evidence[evidence.index("--- the file as it is") :]) + "\n"
    done = subprocess.run([require("patch"), file], input=diff, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr + diff
    assert (file.read_text() if file.exists() else "") == wanted


def test_nothing_is_proposed_for_a_block_of_a_newer_torchup() -> None:
    content = f"{BLOCK.replace('torchup 1', 'torchup 2')}a=1\n{BLOCK}".encode()
    assert find(content).kind == "broken"
    assert repair_diff(content) == ()


def test_nothing_is_proposed_where_nothing_is_damaged() -> None:
    assert repair_diff(f"a=1\n{BLOCK}# >>> torchup >>>\n# <<< torchup <<<\n".encode()) == ()


LINES = st.sampled_from([BARE, BEGIN, END, BODY.rstrip("\n"), "a=1", "", f"  {END}"])


@given(lines=st.lists(LINES, max_size=12), last=st.sampled_from(["", "\n"]))
def test_a_repaired_file_is_not_broken_and_has_every_line_of_the_user(lines: list[str], last: str) -> None:
    content = ("\n".join(lines) + last).encode()
    if find(content).kind != "broken":
        return
    after = repaired(content)
    assert find(after).kind != "broken"
    assert after.split(b"\n").count(b"a=1") == lines.count("a=1")
