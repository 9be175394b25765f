"""What a start-up file holds that works against our settings: found and reported, never edited."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass

from torchup.shell.block_scan import find
from torchup.shell.early_end import early_ends
from torchup.words import mark, tr


@dataclass(frozen=True, slots=True, kw_only=True)
class StartupFinding:
    """Something in a start-up file that a person should know.

    `line` counts from 1 and is 0 for the file as a whole. `text` is a sentence, `evidence` the line.
    """

    code: str
    path: str
    line: int
    text: str
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class _Pattern:
    code: str
    expression: re.Pattern[bytes]
    text: str


# Each looks at one line without its indentation; assignments of sh, fish and csh.
_SET = rb"(?:export\s+|typeset\s+-x\s+|declare\s+-x\s+|set\s+-\w*x\w*\s+|setenv\s+|)"
_PATTERNS = (
    _Pattern(
        "own-cuda-home",
        re.compile(_SET + rb"(?:CUDA_HOME|CUDA_PATH|CUDA_ROOT)(?:=|\s+\S)"),
        mark("this line sets CUDA_HOME by hand, and may name another toolkit than the one chosen"),
    ),
    _Pattern(
        "own-cuda-path",
        re.compile(_SET + rb"(?:PATH=|PATH\s|path=\(|fish_add_path\s).*?cuda", re.IGNORECASE),
        mark("this line puts a CUDA toolkit into PATH by hand"),
    ),
    _Pattern(
        "own-cuda-path",
        re.compile(rb"fish_add_path\s.*cuda|(?:set\s+)?path\s*=\s*\(.*cuda", re.IGNORECASE),
        mark("this line puts a CUDA toolkit into PATH by hand"),
    ),
    _Pattern(
        "own-library-path",
        re.compile(_SET + rb"LD_LIBRARY_PATH(?:=|\s+\S)"),
        mark(
            "this line sets LD_LIBRARY_PATH by hand, and what it names is found before the libraries of PyTorch's wheel"
        ),
    ),
    _Pattern(
        "library-path-hole",
        re.compile(
            _SET
            + rb"LD_LIBRARY_PATH[=\s]\s*[\"']?(?:[^\n\"']*:\$(?:\{LD_LIBRARY_PATH\}|LD_LIBRARY_PATH\b)[\"']?\s*(?:;|#|$)"
            rb"|\$(?:\{LD_LIBRARY_PATH\}|LD_LIBRARY_PATH\b):|:|[^\n\"';]*::|[^\n\"';#]*:[\"']?\s*(?:;|#|$))",
        ),
        mark(
            "where LD_LIBRARY_PATH was empty this leaves an empty entry, and the loader searches the current directory"
        ),
    ),
    _Pattern(
        "path-reset",
        re.compile(rb"(?:export\s+|setenv\s+|set\s+-\w*x\w*\s+|)PATH(?:=|\s+)[\"']?/(?!.*\$\{?PATH)(?!.*\$path\b)"),
        mark("this line replaces PATH as a whole, so entries from lines above it are lost"),
    ),
    _Pattern(
        "module-load",
        re.compile(rb"(?:module|ml)\s+(?:load|add|swap|switch)\s+.*(?:cuda|nvhpc|cudnn)|ml\s+cuda", re.IGNORECASE),
        mark("an environment module sets CUDA here, and its settings may contradict ours"),
    ),
)

# A large file is mostly lines in which no pattern can match.
_CANDIDATE = re.compile(rb"path|cuda|\bmodule\b|\bml\b", re.IGNORECASE)

# A folder of the path, or the file's header, gives a dotfile manager away.
_MANAGERS = (
    ("chezmoi", re.compile(rb"chezmoi", re.IGNORECASE)),
    ("home-manager", re.compile(rb"home-manager|/nix/store/", re.IGNORECASE)),
    ("yadm", re.compile(rb"\byadm\b", re.IGNORECASE)),
    ("stow", re.compile(rb"\bstow\b", re.IGNORECASE)),
    (mark("a dotfiles repository"), re.compile(rb"/\.?dot-?files/", re.IGNORECASE)),
)


def diagnose(
    path: str, content: bytes, *, real_path: str | None = None, keeper: str | None = None
) -> tuple[StartupFinding, ...]:
    """List what in a start-up file works against our settings, in the order of its lines.

    `real_path` is where a link leads, `keeper` the tool or repository that the file is known to belong to.
    Lines of our own block are passed over.
    """
    findings = [*_about_the_file(path, content, real_path or path, keeper)]
    block = find(content).block
    ours = range(block.first_line, block.last_line + 1) if block else range(0)
    for number, line in _candidates(content):
        if number in ours or line.startswith(b"#"):
            continue
        findings.extend(
            _finding(pattern.code, path, number, tr(pattern.text) + _effect(pattern.code, number, ours), line)
            for pattern in _PATTERNS
            if pattern.expression.match(line)
        )
    findings.extend(
        StartupFinding(
            code="ends-early",
            path=path,
            line=end.line,
            text=tr(
                "`{word}` here can end the reading of this file, and lines below are then not reached", word=end.word
            ),
            evidence=end.text,
        )
        for end in early_ends(content)
    )
    return tuple(sorted(_once(findings), key=lambda finding: finding.line))


def _candidates(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Give the lines that a pattern may match, with their numbers; the others of a large file are not looked at."""
    number, counted, end = 1, 0, -1
    for match in _CANDIDATE.finditer(content):
        if match.start() <= end:
            continue  # a line that was given already
        start = content.rfind(b"\n", 0, match.start()) + 1
        end = content.find(b"\n", match.start())
        end = len(content) if end < 0 else end
        number += content.count(b"\n", counted, start)
        counted = start
        yield number, content[start:end].strip()


def _effect(code: str, number: int, ours: range) -> str:
    """Say which of the line and our block has the last word, where a block is there."""
    if not ours or code in ("library-path-hole", "module-load"):
        return ""
    if number >= ours.stop:
        return tr("; it stands below the torchup block, so it has the last word")
    return tr("; the torchup block comes after it")


def _about_the_file(path: str, content: bytes, real_path: str, keeper: str | None) -> list[StartupFinding]:
    findings: list[StartupFinding] = []
    crlf = content.count(b"\r\n")
    if crlf:
        text = tr(
            "{count} lines end in CRLF, so values set in this file carry a carriage return; our lines end in LF",
            count=crlf,
        )
        findings.append(StartupFinding(code="crlf", path=path, line=0, text=text))
    if keeper is not None:
        text = tr(
            "this file is kept by {keeper}; a change made here belongs there, or may be lost (--no-rc only prints lines)",
            keeper=keeper,
        )
        return [*findings, StartupFinding(code="managed-dotfile", path=path, line=0, text=text, evidence=real_path)]
    where = posixpath.dirname(real_path).encode("utf-8", "surrogateescape") + b"/"
    header = b"\n".join(content.split(b"\n", 5)[:5])
    for manager, expression in _MANAGERS:
        if expression.search(where) or (expression.search(header) and manager != "stow"):
            text = tr(
                "this file seems to be kept by {manager}; a change made here may be lost or belongs there",
                manager=tr(manager),
            )
            findings.append(StartupFinding(code="managed-dotfile", path=path, line=0, text=text, evidence=real_path))
            break
    return findings


def _finding(code: str, path: str, line: int, text: str, evidence: bytes) -> StartupFinding:
    shown = evidence.decode("utf-8", "backslashreplace")
    return StartupFinding(code=code, path=path, line=line, text=text, evidence=shown)


def _once(findings: list[StartupFinding]) -> list[StartupFinding]:
    return list({(finding.code, finding.line): finding for finding in reversed(findings)}.values())[::-1]
