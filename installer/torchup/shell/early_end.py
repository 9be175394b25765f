"""Where a start-up file ends early: `return`, `exit` or `exec` before its last line."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

# Enough of the grammar to find the statement around a word; a parse check follows every edit.
_ENDS = re.compile(rb"(?:^|[;&|(){}!]\s*|\b(?:then|else|do)\s+)(return|exit|logout|exec)(?:$|[\s;&|)])")
_WORD = re.compile(rb"\b(?:return|exit|logout|exec)\b")
_OPENS = re.compile(rb"(?:if|case|for|while|until|select|foreach|switch|begin)\b")
_OPENING = b"icfwusb"
_CLOSES = re.compile(rb"^(fi|esac|done|end|endif|endsw|\})(?:$|[\s;&|)])")
_CLOSING = b"fed}"
_HASH = ord("#")
# Where text begins that is not read as commands, and what only looks like it: an escape, a comment, a here-string.
_TEXTS = re.compile(
    rb"\\.|<<<|(?:^|(?<=[\s;&|(]))#[^\n]*|<<-?[ \t]*['\"\\]?(?P<word>\w+)|['\"]", re.DOTALL | re.MULTILINE
)
_SINGLE_END = re.compile(rb"[^']*'")
_DOUBLE_END = re.compile(rb'(?:[^"\\]|\\.)*"', re.DOTALL)
_CLOSES_ITSELF = re.compile(rb"(?:^|[\s;])(fi|esac|done|end|endif|endsw|\})\s*(?:[;&|].*)?$")
_COMMENT = re.compile(rb"\s#")
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
    if _WORD.search(content) is None:
        return ()
    found: list[EarlyEnd] = []
    # The line at which each open statement began, and whether it is a function.
    opened: list[tuple[int, bool]] = []
    functions = 0
    for number, raw in enumerate(content.split(b"\n"), start=1):
        line = raw.strip()
        if not line or line[0] == _HASH:
            continue
        function = (b"(" in line or line.startswith(b"function")) and _FUNCTION.match(line) is not None
        if not (functions or function) and (end := _end_in(line)) is not None:
            start = opened[0][0] if opened else number
            text = line.decode("utf-8", "backslashreplace")
            found.append(EarlyEnd(line=number, statement_line=start, word=end, text=text))
        if line[0] in _CLOSING and _CLOSES.match(line):
            functions -= opened.pop()[1] if opened else 0
        elif line == b"{" and opened and opened[-1][1]:
            continue  # the brace of a function whose name stands on the line before
        elif (function or _opens(line)) and _CLOSES_ITSELF.search(line) is None:
            opened.append((number, function))
            functions += function
    return tuple(found)


def _opens(line: bytes) -> bool:
    if line[0] in _OPENING and _OPENS.match(line):
        return True
    return line.endswith(b"{") and b"#" not in line


def _end_in(line: bytes) -> str | None:
    """Give the word in a line that ends the reading of the file."""
    # Most lines are dealt with here, without an expression.
    if b"return" not in line and b"ex" not in line and b"logout" not in line:
        return None
    match = _ENDS.search(_COMMENT.split(line, maxsplit=1)[0])
    return match[1].decode() if match is not None and _really_ends(match, line) else None


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


def _really_ends(match: re.Match[bytes], line: bytes) -> bool:
    if match[1] != b"exec":
        return True
    after = line[match.end(1) :].strip()
    return bool(after) and re.match(rb"\d*[<>&]|\{", after) is None
