"""`conda init` and its clean-up around our block: what they rewrite, done here as conda does it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from support.tools import require
from torchup.shell.block_body import block_body
from torchup.shell.managed_block import insert, remove

NOTE = "# commented out by conda initialize"
BLOCK = re.compile(r"# >>> conda initialize >>>(?:\n|\r\n)([\s\S]*?)# <<< conda initialize <<<(?:\n|\r\n)?")
SHELLS: dict[str, str] = {"bash": "bash", "zsh": "zsh", "dash": "sh", "tcsh": "csh"}
ENV_FILES = (
    "/home/ann/.config/torchup/env.sh",
    "/opt/conda/.config/torchup/env.sh",
    "/home/ann/bin/activate/env.sh",
    "/home/it's ann/conda.sh/env.sh",
)


def conda_block(prefix: str) -> str:
    return (
        "# >>> conda initialize >>>\n# !! Contents within this block are managed by 'conda init' !!\n"
        f'if [ -f "{prefix}/etc/profile.d/conda.sh" ]; then\n    . "{prefix}/etc/profile.d/conda.sh"\nfi\n'
        "# <<< conda initialize <<<\n"
    )


def conda_init(text: str, prefix: str) -> str:
    """Comment out what conda takes for an earlier way of setting itself up, and put its block at the end."""
    name = prefix.rpartition("/")[2]
    text = re.sub(rf"(?m)^[ \t]*?(export PATH=['\"].*?{name}/bin:\$PATH['\"])", rf"# \1  {NOTE}", text)
    sourced = r"^[ \t]*[^#\n]?[ \t]*((?:source|\.) .*etc/profile\.d/conda\.sh.*?)"
    text = re.sub(rf"(?m){sourced}\n(conda activate.*?)$", rf"# \1  {NOTE}\n# \2  {NOTE}", text)
    text = re.sub(rf"(?m){sourced}$", rf"# \1  {NOTE}", text)
    text = re.sub(r"(?m)^[ \t]*[^#\n]?[ \t]*((?:source|\.) .*bin/activate.*?)$", rf"# \1  {NOTE}", text)
    if BLOCK.search(text):
        return BLOCK.sub(lambda _: conda_block(prefix), text)
    return f"{text}\n{conda_block(prefix)}\n"


def conda_init_reverse(text: str) -> str:
    text = re.sub(rf"(?m)#\s(.*?)\s*{NOTE}", r"\1", text)
    return re.sub(rf"(?ms)^\s*{BLOCK.pattern}", "", text)


def test_the_clean_up_here_does_what_is_known_of_conda() -> None:
    line = 'if true; then\n  . "/opt/env/bin/activate"\nfi\n'
    assert conda_init(line, "/opt/conda").startswith(f'if true; then\n# . "/opt/env/bin/activate"  {NOTE}\nfi\n')
    assert conda_init_reverse(conda_init("export A=1\n", "/opt/conda")) != "export A=1\n"
    assert conda_init('export PATH="/opt/conda/bin:$PATH"\n', "/opt/conda").startswith("# export PATH")


@pytest.mark.parametrize("env_file", ENV_FILES)
@pytest.mark.parametrize("shell", SHELLS)
def test_our_block_survives_conda_init_and_its_reverse(shell: str, env_file: str, tmp_path: Path) -> None:
    original = b"export A=1\n" if shell != "tcsh" else b"setenv A 1\n"
    ours = insert(original, block_body(SHELLS[shell], env_file), language=SHELLS[shell]).after
    assert ours is not None
    for prefix in ("/opt/conda", "/home/ann/.config/torchup", "/home/ann/bin"):
        initialised = conda_init(ours.decode(), prefix)
        assert initialised.startswith(ours.decode())
        twice = conda_init(initialised, prefix)
        assert twice == initialised
        if shell != "tcsh":
            file = tmp_path / "rc"
            file.write_text(initialised)
            done = subprocess.run([require(shell), "-n", str(file)], capture_output=True, text=True, check=False)
            assert (done.returncode, done.stderr) == (0, "")
        # Taking ours out leaves conda's alone, and the other way round.
        assert remove(initialised.encode()).after == initialised.encode().replace(ours, original)
        reversed_text = conda_init_reverse(initialised)
        assert reversed_text.startswith(ours.decode())
        assert (remove(reversed_text.encode()).after or b"").rstrip(b"\n") == original.rstrip(b"\n")


def test_the_env_file_holds_an_activation_and_is_no_file_that_conda_edits() -> None:
    """It may name `bin/activate`, which is why the start-up file only reads it."""
    body = block_body("bash", "/home/ann/.config/torchup/env.sh")
    assert "activate" not in body
    assert "export PATH" not in body
