"""Where a start-up file ends early: `return`, `exit` or `exec` before its last line."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

# Enough of the grammar to find the statement around a word; a parse check follows every edit.
_ENDS = re.compile(rb"(?:^|[;&|(){}!]\s*|\b(?:then|else|do)\s+)(return|exit|logout|exec)(?:$|[\s;&|)])")
_OPENS = re.compile(rb"^(if|case|for|while|until|select|foreach|switch|begin)\b|[^#]*\{\s*$")
_CLOSES = re.compile(rb"^(fi|esac|done|end|endif|endsw|\})(?:$|[\s;&|)])")
_CLOSING = b"fed}"
# Where text begins that is not read as commands, and what only looks like it: an escape, a comment, a here-string.
_TEXTS = re.compile(
    rb"\\.|<<<|(?:^|(?<=[\s;&|(]))#[^\n]*|<<-?[ \t]*['\"\\]?(?P<word>\w+)|['\"]", re.DOTALL | re.MULTILINE
)
_SINGLE_END = re.compile(rb"[^']*'")
_DOUBLE_END = re.compile(rb'(?:[^"\\]|\\.)*"', re.DOTALL)
_FUNCTION = re.compile(rb"^(?:function\s+[^\s(){}]+|[^\s(){}=;'\"]+\s*\(\s*\))")


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlyEnd:
    """A line that can end the reading of a file; `statement_line` is where its statement begins."""

    line: int
    statement_line: int
    word: str
    text: str


@lru_cache(maxsize=4)  # a plan, its prediction and its run ask about the same file
def early_ends(content: bytes) -> tuple[EarlyEnd, ...]:
    """List the lines outside functions that can end the reading of a file before it is over.

    `exec` counts only with a program to run: `exec 2>file` merely redirects.
    """
    if re.search(rb"\b(?:return|exit|logout|exec)\b", content) is None:
        return ()
    found: list[EarlyEnd] = []
    # The line at which each open statement began, and whether it is a function.
    opened: list[tuple[int, bool]] = []
    for number, raw in enumerate(content.split(b"\n"), start=1):
        line = raw.strip()
        if not line or line.startswith(b"#"):
            continue
        opens = _OPENS.match(line) is not None
        function = (b"(" in line or line.startswith(b"function")) and _FUNCTION.match(line) is not None
        inside_function = any(is_function for _, is_function in opened) or function
        has_word = b"return" in line or b"ex" in line or b"logout" in line
        match = _ENDS.search(_without_comment(line)) if has_word else None
        if match is not None and not inside_function and _really_ends(match, line):
            word = match[1].decode()
            start = opened[0][0] if opened else number
            text = line.decode("utf-8", "backslashreplace")
            found.append(EarlyEnd(line=number, statement_line=start, word=word, text=text))
        if line[0] in _CLOSING and _CLOSES.match(line):
            if opened:
                opened.pop()
        elif line == b"{" and opened and opened[-1][1]:
            continue  # the brace of a function whose name stands on the line before
        elif (opens or function) and not _closes_itself(line):
            opened.append((number, function))
    return tuple(found)


def before_early_end(content: bytes) -> int:
    """Give the offset of the first statement that can end the file early, or the end of the file."""
    ends = early_ends(content)
    if not ends:
        return len(content)
    lines = content.split(b"\n")
    for statement in sorted({end.statement_line for end in ends}):
        first = statement
        while first > 1 and lines[first - 2].endswith(b"\\"):
            first -= 1
        offset = sum(len(line) + 1 for line in lines[: first - 1])
        if not _inside_text(content, offset):
            return offset
    return len(content)


def _inside_text(content: bytes, offset: int) -> bool:
    """Tell whether an offset lies in a quoted text or a here-document, where a block would be lost."""
    position = 0
    while (token := _TEXTS.search(content, position)) is not None and token.start() < offset:
        if token["word"] is not None:
            line_end = content.find(b"\n", token.end()) + 1
            end = re.compile(rb"^\t*" + re.escape(token["word"]) + rb"$", re.MULTILINE).search(content, line_end)
            position = end.end() if end is not None else len(content)
            if line_end and line_end <= offset <= position:
                return True
        elif token[0] in (b"'", b'"'):
            closing = (_SINGLE_END if token[0] == b"'" else _DOUBLE_END).match(content, token.end())
            if closing is None or closing.end() > offset:
                return True
            position = closing.end()
        else:
            position = token.end()
    return False


def _without_comment(line: bytes) -> bytes:
    return re.split(rb"\s#", line, maxsplit=1)[0]


def _really_ends(match: re.Match[bytes], line: bytes) -> bool:
    if match[1] != b"exec":
        return True
    after = line[match.end(1) :].strip()
    return bool(after) and re.match(rb"\d*[<>&]|\{", after) is None


def _closes_itself(line: bytes) -> bool:
    return re.search(rb"(?:^|[\s;])(fi|esac|done|end|endif|endsw|\})\s*(?:[;&|].*)?$", line) is not None
