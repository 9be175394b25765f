"""The managed block on whole files: bytes in, bytes out, and back."""

from __future__ import annotations

import pytest

from torchup.errors import RefusedError
from torchup.shell.block_scan import find
from torchup.shell.managed_block import insert, remove

BODY = "if [ -r '/e/env.sh' ]; then \\. '/e/env.sh'; fi\n"
OTHER = "if [ -r '/f/env.sh' ]; then \\. '/f/env.sh'; fi\n"


def applied(content: bytes | None, body: str = BODY) -> bytes:
    after = insert(content, body).after
    assert after is not None
    return after


FILES = {
    "ordinary": b"alias ll='ls -l'\n",
    "empty": b"",
    "no final newline": b"export SOMETHING=x",
    "blank lines at the end": b"export A=1\n\n\n\n",
    "CRLF": b"alias ll='ls -l'\r\nexport A=1\r\n",
    "CRLF without the last": b"a\r\nb",
    "CR at the end": b"a\r",
    "mixed line ends": b'a=1\r\nb=2\nc="x\ry"\n',
    "Latin-1": b"# caf\xe9\nalias x=y\n",
    "NUL": b"a\0b\n",
    "only a newline": b"\n",
    "backslash at the end": b"echo hi \\\n",
    "backslash without newline": b"echo hi \\",
    "backslash before CRLF": b"echo hi \\\r\n",
    "a bare pair of markers": b"cat <<'T' >/dev/null\n# >>> torchup >>>\n# <<< torchup <<<\nT\n",
    "a bare pair around text": b"# >>> torchup >>>\nexport MINE=1\n# <<< torchup <<<\n",
    "prose about us": b"# >>> torchup is nice\n# torchup\n# <<< torchup was here\n",
    "another tool's block": b"# >>> conda initialize >>>\nx\n# <<< conda initialize <<<\n",
    "long": b"export A=1\n" * 20_000,
}


@pytest.mark.parametrize("content", FILES.values(), ids=FILES.keys())
@pytest.mark.parametrize("placement", ["end", "start", "before-return"])
def test_removal_gives_back_the_bytes(content: bytes, placement: str) -> None:
    edit = insert(content, BODY, placement=placement)  # type: ignore[arg-type]  # parametrized literals are str
    assert edit.after is not None
    assert BODY.encode() in edit.after
    assert find(edit.after).kind == "intact"
    assert remove(edit.after).after == content


@pytest.mark.parametrize("content", FILES.values(), ids=FILES.keys())
def test_a_second_insertion_changes_nothing(content: bytes) -> None:
    once = applied(content)
    assert not insert(once, BODY).changed


def test_the_bytes_of_an_ordinary_file() -> None:
    # Written out, because every later version has to read this one.
    assert applied(b"export A=1") == (
        b"export A=1\n# >>> torchup 1 sha256:86823049d477361d newline >>>\n" + BODY.encode() + b"# <<< torchup <<<\n"
    )


def test_the_block_stands_on_lines_of_its_own_and_says_which() -> None:
    edit = insert(b"export A=1", BODY)
    assert edit.after is not None
    lines = edit.after.decode().splitlines()
    assert (edit.first_line, edit.last_line) == (2, 4)
    assert lines[0] == "export A=1"
    assert lines[2] + "\n" == BODY
    assert edit.notes == ("the last line gets the line end that it lacks",)


def test_a_continued_last_line_is_kept_away() -> None:
    edit = insert(b"echo hi \\\n", BODY)
    assert edit.after is not None
    assert edit.after.startswith(b"echo hi \\\n\n# >>> torchup 1 ")
    assert len(edit.notes) == 1


def test_a_backtick_continues_only_in_powershell() -> None:
    assert applied(b"x=`date`\n").startswith(b"x=`date`\n#")
    after = insert(b"Write-Host `\n", BODY, language="powershell").after
    assert after is not None
    assert after.startswith(b"Write-Host `\n\n#")
    assert remove(after).after == b"Write-Host `\n"


class TestFileThatWeCreated:
    def test_it_goes_again(self) -> None:
        edit = insert(None, BODY)
        assert edit.before is None
        assert remove(edit.after).after is None

    def test_an_empty_file_of_the_user_stays(self) -> None:
        assert remove(applied(b"")).after == b""

    def test_it_stays_with_what_the_user_added(self) -> None:
        content = applied(None) + b"alias ll='ls -l'\n"
        assert remove(content).after == b"alias ll='ls -l'\n"


class TestOtherBlock:
    def test_a_new_body_takes_the_place_of_the_old_one(self) -> None:
        content = applied(b"export A=1") + b"alias x=y\n"
        edit = insert(content, OTHER)
        assert edit.after == content.replace(BODY.encode(), OTHER.encode()).replace(
            content.split(b"sha256:")[1][:16],
            (edit.after or b"").split(b"sha256:")[1][:16],
        )
        assert find(edit.after).kind == "intact"

    def test_what_was_added_is_still_known_afterwards(self) -> None:
        content = insert(applied(b"echo \\"), OTHER).after
        assert remove(content).after == b"echo \\"


class TestUserEditedAround:
    def test_lines_above_and_below_stay(self) -> None:
        content = b"# top\n" + applied(b"a=1\n") + b"b=2\n"
        assert remove(content).after == b"# top\na=1\nb=2\n"

    def test_an_append_without_a_newline_in_front_starts_a_line(self) -> None:
        content = applied(b"export A=1") + b"export NVM_DIR=x"
        assert remove(content).after == b"export A=1\nexport NVM_DIR=x"

    def test_a_continued_line_does_not_swallow_what_was_appended(self) -> None:
        content = applied(b"echo hi \\\n") + b"export B=2\n"
        assert remove(content).after == b"echo hi \\\n\nexport B=2\n"

    def test_a_cut_final_newline_does_not_matter(self) -> None:
        content = applied(b"a=1\n").removesuffix(b"\n")
        assert remove(content).after == b"a=1\n"
        assert insert(content, BODY).after == content + b"\n"


class TestUserEditedInside:
    edited = applied(b"a=1\n").replace(BODY.encode(), BODY.encode() + b"export X=1\n")

    @pytest.mark.parametrize("action", ["insert", "remove"])
    def test_it_stops_and_shows_the_line(self, action: str) -> None:
        with pytest.raises(RefusedError) as caught:
            insert(self.edited, BODY) if action == "insert" else remove(self.edited)
        assert caught.value.code == "block-edited"
        assert "+export X=1" in caught.value.evidence
        assert "lines 2 to 5" in caught.value.message
        # Only what the user added is a difference, although a removal knows no body.
        assert [line for line in caught.value.evidence if line.startswith(("+", "-"))][2:] == ["+export X=1"]

    def test_a_changed_line_is_compared_with_the_body_where_it_is_known(self) -> None:
        content = applied(b"a=1\n").replace(b"/e/env.sh", b"/x/env.sh")
        with pytest.raises(RefusedError) as caught:
            remove(content, body=BODY)
        assert f"-{BODY.strip()}" in caught.value.evidence
        with pytest.raises(RefusedError) as caught:
            remove(content)
        assert caught.value.evidence == (BODY.strip().replace("/e/", "/x/"),)

    def test_a_changed_flag_counts_as_an_edit(self) -> None:
        content = applied(b"a=1").replace(b" newline >>>", b" created >>>")
        with pytest.raises(RefusedError) as caught:
            remove(content)
        assert caught.value.code == "block-edited"

    def test_an_indented_block_counts_as_an_edit(self) -> None:
        content = b"".join(b"  " + line for line in applied(b"").splitlines(keepends=True))
        with pytest.raises(RefusedError) as caught:
            insert(content, BODY)
        assert caught.value.code == "block-edited"

    def test_bytes_that_are_no_text_can_be_shown(self) -> None:
        content = applied(b"").replace(BODY.encode(), BODY.encode() + b"# \xe9\n")
        with pytest.raises(RefusedError) as caught:
            remove(content)
        assert "+# \\xe9" in caught.value.evidence


BEGIN, _, END = applied(b"").decode().splitlines()
BARE = "# >>> torchup >>>"


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        (f"{BEGIN}\nold\nexport B=1\n", ("line 1: a block begins here and never ends",)),
        (f"{BARE}\nold\nexport B=1\n", ("line 1: a block begins here and never ends",)),
        (f"old\n{END}\nexport B=1\n", ("line 2: a block ends here, but none begins before it",)),
        (
            f"{BEGIN}\n{BEGIN}\nx\n{END}\n{END}\n",
            (
                "line 2: a block begins before the one from line 1 has ended",
                "line 5: a block ends here, but none begins before it",
            ),
        ),
        (
            f"{BARE}\n{BARE}\nx\n{END}\n{END}\n",
            (
                "line 2: a block begins before the one from line 1 has ended",
                "line 5: a block ends here, but none begins before it",
            ),
        ),
        (
            f"{BEGIN}\n{BODY}{END}\na=1\n{BEGIN}\n{BODY}{END}\n",
            ("there are several blocks, at lines 1, 5",),
        ),
        (
            f"{BEGIN.replace('torchup 1', 'torchup 2')}\n{BODY}{END}\n",
            ("line 1: this block has format 2, which a newer torchup wrote (this one reads up to 1)",),
        ),
    ],
)
def test_broken_markers_are_refused_with_their_lines(text: str, problems: tuple[str, ...]) -> None:
    for content in (text.encode(), text.replace("\n", "\r\n").encode()):
        with pytest.raises(RefusedError) as inserting:
            insert(content, BODY)
        with pytest.raises(RefusedError) as removing:
            remove(content)
        for caught in (inserting, removing):
            assert caught.value.code == "block-broken"
            assert caught.value.evidence[: len(problems)] == problems


def test_our_own_marker_lines_in_a_here_document_are_a_mention() -> None:
    content = f"cat <<'T' >/dev/null\n{BEGIN}\n{END}\nT\n".encode()
    after = applied(content)
    assert after.startswith(content)
    assert remove(after).after == content


class TestBlockTurnedIntoCrlf:
    content = applied(b"a=1\nb=2").replace(b"\n", b"\r\n")

    def test_it_is_recognised(self) -> None:
        state = find(self.content)
        assert state.kind == "intact"
        assert state.block is not None
        assert state.block.crlf

    def test_insertion_puts_the_line_ends_right_and_makes_no_second_block(self) -> None:
        edit = insert(self.content, BODY)
        assert edit.after is not None
        assert edit.after.startswith(b"a=1\r\nb=2\n# >>>")
        assert edit.after.count(b"# >>> torchup") == 1
        assert BODY.encode() in edit.after
        assert any("CRLF" in note for note in edit.notes)

    def test_after_the_line_ends_were_put_right_removal_still_takes_our_bytes_only(self) -> None:
        mended = insert(self.content, BODY).after
        assert remove(mended).after == b"a=1\r\nb=2"

    def test_removal_takes_our_lines_only(self) -> None:
        assert remove(self.content).after == b"a=1\r\nb=2"

    def test_an_edit_inside_is_still_seen(self) -> None:
        with pytest.raises(RefusedError):
            remove(self.content.replace(b"env.sh", b"other.sh"))


def test_nothing_to_remove() -> None:
    assert not remove(b"a=1\n").changed
    assert not remove(None).changed


@pytest.mark.parametrize("body", ["no newline", f"{BEGIN}\n", ""])
def test_a_body_that_is_not_whole_lines_or_holds_markers_is_a_mistake(body: str) -> None:
    with pytest.raises(ValueError, match="body of a block"):
        insert(b"", body)


@pytest.mark.parametrize(
    ("content", "first"),
    [
        (b"# top\ncase $- in\n    *i*) ;;\n      *) return;;\nesac\nexport A=1\n", b"case $- in"),
        (b'a=1\n[ -z "$PS1" ] && return\nb=2\n', b"[ -z"),
        (b'a=1\nif [ -z "$PS1" ]; then\n  return\nfi\n', b"if ["),
        (b"a=1\n[[ $- != *i* ]] && return\n", b"[[ $-"),
        (b"a=1\n[ -t 1 ] && exec zsh\n", b"[ -t 1"),
        (b"a=1\nx \\\n  && return\n", b"x \\"),
        (b"echo 'a\nreturn\nb'\n# it's\nx=a\\'b\nreturn\n", b"return\n"),
        (b"cat <<EOF\nreturn\nEOF\ncat <<-'T' # x\n\treturn\n\tT\ny=<<<z\n[ -t 1 ] || return\n", b"[ -t 1"),
        (b'echo "a \\" \nreturn\n" it\nexit\n', b"exit\n"),
        (b"f() {\n  return 1\n}\ng()\n{\n  return\n}\nh() { return; }\nreturn\n", b"return\n"),
    ],
)
def test_before_return_stands_above_the_statement(content: bytes, first: bytes) -> None:
    edit = insert(content, BODY, placement="before-return")
    assert edit.after is not None
    _, _, below = edit.after.partition(b"# <<< torchup <<<\n")
    assert below.startswith(first)
    assert remove(edit.after).after == content


@pytest.mark.parametrize(
    "content",
    [
        b"a=1\n",
        b"echo 'a\nreturn\nb'\n",
        b"cat <<E\nreturn\n",
        b"f() {\n  return 1\n}\n",
        b"exec 2>/dev/null\n",
        b"# return\n",
        b"echo please return now\n",
    ],
)
def test_before_return_is_the_end_where_nothing_ends_early(content: bytes) -> None:
    edit = insert(content, BODY, placement="before-return")
    assert edit.after is not None
    assert edit.after.startswith(content)
