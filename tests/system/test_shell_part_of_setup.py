"""The shell part of `torchup setup`: one file that cannot be edited, and an edit that does harm."""

from __future__ import annotations

import json

from support.command import Person
from support.tools import require


def test_one_unusable_file_does_not_keep_the_others_from_being_done(person: Person, wanted: str) -> None:
    require("zsh")
    (person.home / ".bashrc").unlink()
    (person.home / ".bashrc").symlink_to("nowhere/bashrc")
    done = person.torchup("setup", "--answers", wanted)
    assert done.returncode == 4, done.stderr
    assert "gets no block: it is a link to" in " ".join(done.stderr.split())
    assert (person.home / ".bashrc").is_symlink()
    assert person.shell_value("zsh", "TORCHUP_ENVIRONMENT") == str(person.home / ".venvs/torch")
    assert person.installed()["torch"] == "2.15.0+cpu"
    again = person.torchup("setup", "--answers", wanted, "--json")
    assert again.returncode == 4
    assert len(json.loads(again.stdout)["left_out"]) == 1


def test_an_edit_that_new_shells_suffer_from_is_put_back(person: Person, wanted: str) -> None:
    (person.home / ".bashrc").write_text("readonly _torchup_kept=x\n")
    before = person.tree()
    done = person.torchup("setup", "--answers", wanted)
    assert done.returncode == 1, done.stderr
    assert "error[shells-changed]" in done.stderr
    assert person.tree() == before


def test_a_line_of_the_user_is_explained_and_the_set_up_stays(person: Person, wanted: str) -> None:
    with (person.home / ".zshrc").open("a") as file:
        file.write("exit 3\n")
    done = person.torchup("setup", "--answers", wanted)
    assert done.returncode == 4, done.stderr
    assert "zsh ended with status 3 before it ran a command" in " ".join(done.stderr.split())
    assert b"# >>> torchup" in (person.home / ".zshrc").read_bytes()


def test_the_end_tells_a_file_that_was_made_from_one_that_was_edited(person: Person, wanted: str) -> None:
    require("zsh")
    (person.home / ".bashrc").unlink()
    done = person.torchup("setup", "--answers", wanted)
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    assert ["created", f"{person.home}/.bashrc", "(one", "block)"] in lines
    assert ["edited", f"{person.home}/.zshrc", "(one", "block)"] in lines
