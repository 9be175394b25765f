"""Any text that is accepted comes out of the real shells as the same bytes."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.tools import NIGHTLY, require
from torchup.shell.quoting import quote

# One example is a whole list of texts for one process.
EXAMPLES = 60 if NIGHTLY else 6
TEXTS_PER_EXAMPLE = 60

SPECIAL = st.text("'\"\\!$`*?[]{}()<>|&;#~ =%^-@+,.:/aé’日", max_size=12)
ANY = st.text(st.characters(exclude_categories=("Cc", "Cs")), max_size=8)
BYTES = (
    st.binary(max_size=6)
    .map(
        lambda data: bytes(byte for byte in data if byte >= 0x80 or 0x20 <= byte < 0x7F).decode(
            "utf-8",
            "surrogateescape",
        ),
    )
    .filter(lambda text: not any("\x80" <= character <= "\x9f" for character in text))
)
TEXTS = st.lists(st.one_of(SPECIAL, ANY, BYTES), min_size=TEXTS_PER_EXAMPLE, max_size=TEXTS_PER_EXAMPLE)

SHELLS: list[tuple[str, str, tuple[str, ...]]] = [
    ("bash", "bash", ("--norc", "-c", ". {file}")),
    ("bash", "bash", ("--norc", "-i", "-c", ". {file}")),
    ("zsh", "zsh", ("-f", "-c", ". {file}")),
    ("zsh", "zsh", ("-f", "-i", "-o", "rcquotes", "-c", ". {file}")),
    ("dash", "sh", ("-c", ". {file}")),
    ("ksh", "sh", ("-c", ". {file}")),
    ("fish", "fish", ("-N", "-c", "source {file}")),
    ("tcsh", "csh", ("-f", "-c", "source {file}")),
    ("tcsh", "csh", ("-f", "-i", "-c", "set backslash_quote; source {file}")),
]


@pytest.mark.parametrize("locale", ["C", "C.UTF-8"])
@pytest.mark.parametrize(("shell", "language", "options"), SHELLS)
def test_text_survives_the_shell(shell: str, language: str, options: tuple[str, ...], locale: str) -> None:
    program = require(shell)

    @settings(max_examples=EXAMPLES, deadline=None)
    @given(texts=TEXTS)
    def check(texts: list[str]) -> None:
        assert came_out(program, language, options, locale, texts) == [
            text.encode("utf-8", "surrogateescape") for text in texts
        ]

    check()


def came_out(program: str, language: str, options: tuple[str, ...], locale: str, texts: list[str]) -> list[bytes]:
    """Let a shell pass the texts to a program, and read the bytes of its arguments."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "script"
        words = " ".join(quote(language, f"={text}") for text in texts)
        printf = quote(language, "%s\\0")
        file.write_bytes(f"/usr/bin/printf {printf} {words}\n".encode("utf-8", "surrogateescape"))
        done = subprocess.run(
            [program, *(option.format(file=file) for option in options)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            start_new_session=True,
            env={"PATH": "/usr/bin:/bin", "HOME": folder, "LC_ALL": locale, "TERM": "dumb"},
            timeout=60,
            check=False,
        )
    assert done.returncode == 0, done.stderr.decode("utf-8", "replace")
    return [entry.removeprefix(b"=") for entry in done.stdout.split(b"\0")[:-1]]
