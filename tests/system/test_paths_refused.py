"""Paths and names that a person cannot see whole, and files that are no start-up files, are refused with a reason."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from support.command import Person

KEYS = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA me@here\n"


@pytest.mark.parametrize(
    "letter", ["\u202e", "\u2066", "\u200b", "\x1b", "\x9b", "\x7f", "\ufeff", "\u2028", "\U000e0041"]
)
@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("environment.path", "~/.venvs/{}torch"),
        ("environment.name", "to{}rch"),
        ("shell.rc", "~/.my{}rc"),
        ("source.find_links", "[/srv/{}wheels]"),
        ("source.mirror", "https://mirror.example/{}whl"),
        ("cuda_toolkit.path", "/opt/{}cuda"),
        ("python.version", "/opt/{}python"),
        ("environment.extras", "[num{}py]"),
        ("source.conda_channels", "[conda{}-forge]"),
    ],
)
def test_a_letter_that_cannot_be_seen_is_named_by_its_number(key: str, value: str, letter: str, tmp_path: Path) -> None:
    from torchup.answers.overrides import apply_overrides
    from torchup.errors import UsageError
    from torchup.model.request import Request

    with pytest.raises(UsageError) as refused:
        apply_overrides(Request(), settings=(f"{key}={value.format(letter)}",))
    assert refused.value.code == "answers-invalid"
    assert f"U+{ord(letter):04X}" in "\n".join(refused.value.evidence)


def test_a_file_with_such_a_letter_is_refused(person: Person) -> None:
    answers = person.answers('schema: 1\nenvironment: {path: "~/.venvs/\\u202Ehcrot"}\n')
    for command in (("answers", "check", answers), ("setup", "--answers", answers, "--dry-run")):
        done = person.torchup(*command)
        assert done.returncode == 2
        assert "answers-invalid" in done.stderr
        assert "environment.path" in done.stderr
        assert "U+202E" in done.stderr


def test_a_path_in_persian_or_with_an_emoji_is_taken(person: Person) -> None:
    answers = person.answers(
        'schema: 1\nenvironment: {path: "/srv/\u0645\u06cc\u200c\u0631\u0648\u0645/👩\u200d💻/环境"}\n'
    )
    assert person.torchup("answers", "check", answers).returncode == 0


@pytest.mark.parametrize(
    "path",
    [
        *("~/.ssh/authorized_keys", "~/.ssh/rc", "~/.ssh/new", "~/x/../.ssh/config", "/etc/passwd", "/etc/crontab"),
        *("/var/spool/cron/crontabs/ann", "/usr/bin/env", "~/.netrc", "~/.gnupg/gpg.conf", "~/.aws/credentials"),
        *("/dev/null", "~/.config/pip/pip.conf", "~/settings.json", "/proc/self/environ"),
    ],
)
def test_an_answer_that_names_another_file_is_refused(path: str, person: Person) -> None:
    done = person.torchup("answers", "check", person.answers(f"schema: 1\nshell: {{rc: '{path}'}}\n"))
    assert done.returncode == 2
    assert "answers-invalid" in done.stderr
    assert "shell.rc" in done.stderr
    assert "no start-up file" in done.stderr


@pytest.mark.parametrize("kind", ["keys", "link to keys", "program", "jobs", "named"])
def test_another_file_is_not_written_to(kind: str, person: Person) -> None:
    (person.home / "cuda/bin").mkdir(parents=True)
    keys = person.home / ".ssh" / "authorized_keys"
    keys.parent.mkdir()
    keys.write_text(KEYS)
    mine = person.home / ".mine"
    if kind == "link to keys":
        mine.symlink_to(keys)
    contents = {"keys": KEYS.encode(), "program": b"\x7fELF\x02\x01", "jobs": b"# jobs\n*/5 * * * * /usr/bin/backup\n"}
    if kind in contents:
        mine.write_bytes(contents[kind])
    named = keys if kind == "named" else mine
    before = named.read_bytes()
    for command in ("show", "apply"):
        arguments = ["shell", command, "--cuda-home", str(person.home / "cuda"), "--rc", str(named)]
        done = person.torchup(*arguments, *(["--yes"] if command == "apply" else []))
        assert done.returncode == 6, done.stderr
        assert "no-startup-file" in done.stderr
        assert os.path.realpath(named) in done.stderr
    assert named.read_bytes() == before
    assert keys.read_text() == KEYS


@pytest.mark.parametrize(("name", "content"), [(".mine", b"alias ll='ls -l'\n"), (".new", None), ("dots/bash rc", b"")])
def test_a_file_of_the_persons_own_is_taken(name: str, content: bytes | None, person: Person) -> None:
    (person.home / "cuda/bin").mkdir(parents=True)
    file = person.home / name
    file.parent.mkdir(exist_ok=True)
    if content is not None:
        file.write_bytes(content)
    arguments = ["--cuda-home", str(person.home / "cuda"), "--rc", str(file), "--shell", "bash"]
    done = person.torchup("shell", "apply", "--yes", *arguments)
    assert "no-startup-file" not in done.stderr
    assert b"torchup" in file.read_bytes()
