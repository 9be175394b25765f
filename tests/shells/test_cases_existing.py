"""The cases about what is in start-up files already (SC020 to SC031), through the command line."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from support.shell_cases import BLOCK, Account, toolkit
from support.tools import require

OLD_CUDA = (
    b"export PATH=/usr/local/cuda-11.8/bin:$PATH\n"
    b"export LD_LIBRARY_PATH=/usr/local/cuda-11.8/lib64:$LD_LIBRARY_PATH\n"
    b"export CUDA_HOME=/usr/local/cuda-11.8\n"
)
CONDA = (
    b"\n# >>> conda initialize >>>\n# !! Contents within this block are managed by 'conda init' !!\n"
    b"export CONDA_INITIALIZED=1\n# <<< conda initialize <<<\n"
)


def test_sc020_exports_of_an_older_cuda(account: Account, tmp_path: Path) -> None:
    require("bash")
    account.give({".bashrc": OLD_CUDA})
    ran = account.apply("bash", json=True)
    assert ran.status == 0
    assert account.read(".bashrc").startswith(OLD_CUDA)
    found = {(item["code"], item["line"]) for item in ran.data["findings"] if item["path"].endswith(".bashrc")}
    assert found == {("own-cuda-path", 1), ("own-library-path", 2), ("library-path-hole", 2), ("own-cuda-home", 3)}
    # The diff is one that `patch` takes, and it is not applied.
    (change,) = ran.data["suggested_changes"].values()
    file = tmp_path / "copy"
    file.write_bytes(account.read(".bashrc"))
    patched = "\n".join(["--- copy", "+++ copy", *change[2:], ""])
    require("patch")
    subprocess.run(["patch", "-s", str(file)], input=patched.encode(), check=True)
    assert file.read_bytes() == b"# " + OLD_CUDA.replace(b"\nexport", b"\n# export") + BLOCK_OF(account)
    reading = account.start("bash", "interactive")
    assert reading.get("CUDA_HOME") == str(account.cuda)
    assert (reading.get("PATH") or "").split(":")[0] == f"{account.cuda}/bin"


def BLOCK_OF(account: Account) -> bytes:  # noqa: N802 - a constant of the account
    match = BLOCK.search(account.read(".bashrc"))
    assert match is not None
    return match[0]


def test_sc020_a_line_below_our_block_has_the_last_word(account: Account) -> None:
    require("bash")
    other = toolkit(account.home.parent / "cuda-11.8", "11.8")
    account.give({".bashrc": ""})
    account.apply("bash")
    with (account.home / ".bashrc").open("a") as file:
        file.write(f"export CUDA_HOME={other}\nexport PATH={other}/bin:$PATH\n")
    ran = account.apply("bash")
    assert ran.status == 4
    assert f"CUDA_HOME should be {account.cuda} and is {other}" in ran.all
    assert f"the nvcc that is found first is {other}/bin/nvcc" in ran.all
    assert ".bashrc:4: this line sets CUDA_HOME by hand" in ran.all
    assert "below the torchup block, so it has the last word" in ran.all


@pytest.mark.parametrize("prefix", ["/opt/conda", "{home}/.config/torchup"])
def test_sc023_sc024_conda_comes_and_goes(prefix: str, account: Account) -> None:
    require("bash")
    account.give({".bashrc": "export A=1\n"})
    account.apply("bash")
    ours = BLOCK_OF(account)
    place = prefix.format(home=account.home)
    for form in (f"{place}/bin/activate", f"{place}/etc/profile.d/conda.sh", f"{place}/bin:"):
        assert form.encode() not in ours
    (account.home / ".bashrc").write_bytes(account.read(".bashrc") + CONDA)
    assert account.apply("bash").status == 0
    assert BLOCK_OF(account) == ours
    # What `conda init --reverse` leaves is one newline more.
    (account.home / ".bashrc").write_bytes(account.read(".bashrc").replace(CONDA, b"\n"))
    account.remove("bash")
    assert account.read(".bashrc") == b"export A=1\n\n"


def test_sc026_a_tool_that_appends_without_a_line_end(account: Account) -> None:
    require("bash")
    account.give({".bashrc": "export A=1"})
    account.apply("bash")
    (account.home / ".bashrc").write_bytes(account.read(".bashrc") + b"export NVM_DIR=x")
    assert account.start("bash", "interactive").get("NVM_DIR") == "x"
    account.remove("bash")
    assert account.read(".bashrc") == b"export A=1\nexport NVM_DIR=x"


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_sc027_aliases_and_functions_named_like_builtins(shell: str, account: Account) -> None:
    require(shell)
    account.give({f".{shell}rc": "alias export='echo NO'\nsource() { echo hijacked; }\n"})
    assert account.apply(shell).status == 0
    shown = subprocess.run(
        [shell, "-i", "-c", "printenv CUDA_HOME"],
        env={"HOME": str(account.home), "PATH": "/usr/bin:/bin", "TERM": "dumb"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        start_new_session=True,
        check=False,
    )
    assert shown.stdout == f"{account.cuda}\n"


def test_sc029_our_marker_in_the_users_text(account: Account) -> None:
    require("bash")
    content = b"cat <<'T' >/dev/null\n# >>> torchup >>>\n# <<< torchup <<<\nT\n"
    account.give({".bashrc": content})
    assert account.apply("bash").status == 0
    assert account.read(".bashrc").count(b"sha256:") == 1
    assert account.cuda_home("bash", "interactive") == str(account.cuda)
    account.remove("bash")
    assert account.read(".bashrc") == content


@pytest.mark.parametrize(
    ("line", "environ"),
    [
        ("module load cuda/12.4\n", {"LOADEDMODULES": "cuda/12.4"}),
        ("[ -n x ] && ml cuda/12.4\n", {}),
        ("", {"LOADEDMODULES": "gcc/12:nvhpc/24.1"}),
    ],
)
def test_sc030_environment_modules(line: str, environ: dict[str, str], account: Account) -> None:
    require("bash")
    account.give({".bashrc": line or "# mine\n"})
    ran = account.apply(environ=environ)
    assert ran.status == 0
    assert account.read(".bashrc") == (line or "# mine\n").encode()
    assert "sets CUDA up here" in ran.all
    assert (".bashrc:1" in ran.all) == bool(line)
    env_file = account.home / ".config/torchup/env.sh"
    assert env_file.exists()
    assert f"if [ -r '{env_file}' ]" in ran.all, "the lines for a script of one's own"
    # Somebody who names the shell gets the block all the same.
    assert account.apply("bash", environ=environ).status == 0
    assert BLOCK.search(account.read(".bashrc")) is not None


def test_sc030_a_module_without_cuda_changes_nothing(account: Account) -> None:
    account.give({".bashrc": "module load gcc\n"})
    account.apply(environ={"LOADEDMODULES": "gcc/12"})
    assert BLOCK.search(account.read(".bashrc")) is not None


@pytest.mark.parametrize(
    ("made", "words"),
    [
        ("dotfiles/.git", "the repository"),
        ("dotfiles/.stow-local-ignore", "stow"),
        (".local/share/chezmoi/dot_zshrc", "chezmoi"),
        (".local/share/yadm/repo.git", "yadm"),
    ],
)
def test_sc031_a_file_that_a_dotfile_manager_keeps(made: str, words: str, account: Account) -> None:
    require("zsh")
    account.give({"dotfiles/zshrc": "x=1\n", ".zshrc": "-> dotfiles/zshrc"})
    (account.home / made).mkdir(parents=True)
    shown = account.shell("show", "zsh")
    assert f"this file is kept by {words}" in shown.all
    assert f"is a link, and stays one; the edit goes to {account.home}/dotfiles/zshrc" in shown.all
    lines = account.apply("zsh", no_rc=True)
    assert lines.status == 0
    assert account.read("dotfiles/zshrc") == b"x=1\n"
    assert f"To add to {account.home}/.zshrc yourself" in lines.all
    assert account.apply("zsh").status == 0
    assert BLOCK.search(account.read("dotfiles/zshrc")) is not None
