"""Which start-up files are chosen, and that none is chosen that would hide another."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from torchup.model.facts import Shells
from torchup.shell.startup_choice import StartupChoice
from torchup.shell.startup_files import choose_startup_files

HOME = "/home/dave may"
READS_BASHRC = b'if [ -f "$HOME/.bashrc" ]; then . "$HOME/.bashrc"; fi\n'


def choose(
    *shells: str,
    files: tuple[str, ...] = (),
    login: str | None = "bash",
    installed: tuple[str, ...] = ("bash", "zsh", "fish", "tcsh", "csh", "ksh", "dash"),
    current: str | None = None,
    scope: str = "interactive",
    rc: str | None = None,
    environ: Mapping[str, str] | None = None,
    contents: Mapping[str, bytes] | None = None,
    none: bool = False,
) -> StartupChoice:
    return choose_startup_files(
        shells="none" if none else shells or "auto",
        scope="all" if scope == "all" else "interactive",
        rc=rc,
        home=HOME,
        facts_shells=Shells(
            login=login,
            current=current,
            installed=installed,
            files=tuple(f"{HOME}/{name}" for name in files),
        ),
        environ=environ or {},
        contents={f"{HOME}/{name}": content for name, content in (contents or {}).items()},
    )


def names(choice: StartupChoice) -> list[str]:
    return [file.path.removeprefix(f"{HOME}/") for file in choice.files]


class TestBash:
    def test_a_profile_that_reads_bashrc_needs_no_block(self) -> None:
        choice = choose("bash", files=(".bashrc", ".profile"), contents={".profile": READS_BASHRC})
        assert names(choice) == [".bashrc"]
        assert choice.files[0].modes == ("interactive", "login")
        assert not choice.files[0].create

    def test_a_profile_of_unknown_content_gets_one_too(self) -> None:
        choice = choose("bash", files=(".bashrc", ".profile"))
        assert names(choice) == [".bashrc", ".profile"]
        assert choice.files[1].language == "sh"

    @pytest.mark.parametrize(
        "content",
        [b"PATH=$HOME/bin:$PATH\n", b"# . ~/.bashrc\n", b"echo .bashrc\n", b"  # source ~/.bashrc\n"],
    )
    def test_a_profile_that_does_not_read_bashrc_gets_one(self, content: bytes) -> None:
        choice = choose("bash", files=(".bashrc", ".profile"), contents={".profile": content})
        assert names(choice) == [".bashrc", ".profile"]

    @pytest.mark.parametrize("line", [b"source ~/.bashrc\n", b"[ -r ~/.bashrc ] && . ~/.bashrc\n", b"\\. ~/.bashrc\n"])
    def test_the_ways_of_reading_bashrc(self, line: bytes) -> None:
        choice = choose("bash", files=(".bashrc", ".bash_profile"), contents={".bash_profile": line})
        assert names(choice) == [".bashrc"]

    def test_only_the_first_login_file_counts(self) -> None:
        choice = choose("bash", files=(".bashrc", ".profile", ".bash_login"), contents={".profile": READS_BASHRC})
        assert names(choice) == [".bashrc", ".bash_login"]
        assert choice.files[1].language == "bash"

    def test_without_login_file_the_profile_is_created_and_nothing_that_hides_it(self) -> None:
        choice = choose("bash", files=(".bashrc",))
        assert names(choice) == [".bashrc", ".profile"]
        assert [file.create for file in choice.files] == [False, True]
        assert "it will be created" in choice.files[1].why

    def test_scope_all_goes_above_the_early_return(self) -> None:
        choice = choose("bash", files=(".bashrc",), scope="all")
        assert choice.files[0].placement == "before-return"
        assert "ssh" in choice.files[0].modes

    def test_the_default_scope_says_that_ssh_commands_see_nothing(self) -> None:
        choice = choose("bash", files=(".bashrc",))
        assert choice.files[0].placement == "end"
        assert "ssh" not in choice.files[0].modes
        assert any("ssh host command" in note for note in choice.notes)


class TestZsh:
    def test_in_the_home(self) -> None:
        choice = choose("zsh")
        assert names(choice) == [".zshrc"]
        assert choice.files[0].create

    def test_where_zdotdir_points(self) -> None:
        folder = f"{HOME}/.config/zsh"
        choice = choose("zsh", files=(".zshenv", ".config/zsh/.zshrc"), environ={"ZDOTDIR": folder})
        assert names(choice) == [".config/zsh/.zshrc"]
        assert not choice.files[0].create
        assert folder in choice.files[0].why

    def test_scope_all_takes_the_zshenv_that_is_read_first(self) -> None:
        choice = choose("zsh", files=(".zshenv",), environ={"ZDOTDIR": f"{HOME}/z"}, scope="all")
        assert names(choice) == ["z/.zshrc", ".zshenv"]
        assert names(choose("zsh", scope="all")) == [".zshrc", ".zshenv"]


class TestOthers:
    def test_fish_gets_a_file_of_our_own(self) -> None:
        choice = choose("fish", files=(".config/fish/config.fish",))
        assert names(choice) == [".config/fish/conf.d/torchup.fish"]
        assert choice.files[0].form == "own-file"
        assert len(choice.files[0].modes) == 4

    def test_fish_honours_xdg(self) -> None:
        assert choose("fish", environ={"XDG_CONFIG_HOME": "/x"}).files[0].path == "/x/fish/conf.d/torchup.fish"

    def test_tcsh_never_gets_a_tcshrc_that_hides_cshrc(self) -> None:
        assert names(choose("tcsh")) == [".cshrc"]
        assert names(choose("tcsh", files=(".cshrc",))) == [".cshrc"]
        assert names(choose("tcsh", files=(".cshrc", ".tcshrc"))) == [".tcshrc"]
        assert names(choose("csh", files=(".cshrc", ".tcshrc"))) == [".cshrc"]

    def test_ksh_and_dash_read_the_profile(self) -> None:
        assert names(choose("dash")) == [".profile"]
        assert names(choose("ksh", files=(".kshrc",))) == [".profile", ".kshrc"]
        assert names(choose("dash", files=(".shrc",), environ={"ENV": f"{HOME}/.shrc"})) == [".profile", ".shrc"]

    def test_a_file_outside_the_home_is_not_chosen(self) -> None:
        assert names(choose("dash", environ={"ENV": "/etc/shrc"})) == [".profile"]

    def test_bash_and_dash_share_the_profile(self) -> None:
        assert names(choose("bash", "dash")) == [".bashrc", ".profile"]

    def test_conda_is_no_block(self) -> None:
        choice = choose("conda")
        assert choice.files == ()
        assert choice.skipped[0].shell == "conda"

    def test_a_shell_that_is_not_installed_is_skipped_with_a_reason(self) -> None:
        choice = choose("bash", "zsh", installed=("bash",))
        assert [skip.reason for skip in choice.skipped] == ["zsh is not installed"]
        assert {file.shell for file in choice.files} == {"bash"}

    def test_powershell(self) -> None:
        choice = choose("powershell", installed=("pwsh",))
        assert names(choice) == [".config/powershell/profile.ps1"]


class TestAuto:
    def test_bash_and_zsh_where_they_are_installed(self) -> None:
        assert {file.shell for file in choose().files} == {"bash", "zsh"}
        assert {file.shell for file in choose(installed=("bash",)).files} == {"bash"}

    def test_the_login_shell_and_the_current_one_join_them(self) -> None:
        choice = choose(login="/usr/bin/fish", current="tcsh")
        assert {file.shell for file in choice.files} == {"bash", "zsh", "fish", "tcsh"}

    @pytest.mark.parametrize("login", ["/usr/sbin/nologin", "/bin/false", "/bin/sh"])
    def test_an_account_without_a_real_login_shell_gets_nothing(self, login: str) -> None:
        choice = choose(login=login)
        assert choice.files == ()
        assert login.rpartition("/")[2] in choice.skipped[0].reason

    def test_an_unknown_login_shell_is_not_guessed(self) -> None:
        choice = choose(login="elvish", installed=("elvish",))
        assert choice.files == ()
        assert [(item.shell, item.language) for item in choice.by_hand] == [("elvish", None)]

    def test_none_is_none(self) -> None:
        assert choose(none=True).files == ()


class TestNamedFile:
    def test_only_that_file(self) -> None:
        choice = choose("bash", rc="~/.privateShell", files=(".bashrc",))
        assert names(choice) == [".privateShell"]
        assert choice.files[0].create
        assert choice.files[0].language == "bash"

    @pytest.mark.parametrize(
        ("rc", "language"),
        [("/x/cuda.zsh", "zsh"), (".config/fish/config.fish", "fish"), ("~/.tcshrc", "csh"), ("~/.profile", "sh")],
    )
    def test_its_name_tells_the_language(self, rc: str, language: str) -> None:
        assert choose(rc=rc).files[0].language == language

    def test_a_relative_name_is_below_the_home(self) -> None:
        assert choose(rc="sh/rc").files[0].path == f"{HOME}/sh/rc"
