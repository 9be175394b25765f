"""The torchup command as a user runs it, in a home of its own, with nothing of this machine's configuration."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from support import loaded
from support.dated_tables import program
from support.sandbox import OWN, tree
from support.tools import CACHE
from support.wheel_index import WheelIndex

TORCHUP = program()
BASHRC = b"# mine\nexport EDITOR=vi\nalias ll='ls -l'"
ZSHRC = b"setopt autocd\n\n"
CONFIGURED = ("PIP_", "UV_", "TORCHUP_", "XDG_", "CUDA", "LD_", "VIRTUAL_ENV", "CONDA", "ZDOTDIR", "PYTHON", "NO_COLOR")
SHARED_UV_CACHE = CACHE / "uv"


@dataclass
class Person:
    """Somebody with a home folder, bash and zsh, whose pip is configured with one index."""

    home: Path
    index: WheelIndex | None = None
    environ: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.home.mkdir(parents=True, exist_ok=True)
        (self.home / ".bashrc").write_bytes(BASHRC)
        (self.home / ".zshrc").write_bytes(ZSHRC)
        kept = {name: value for name, value in os.environ.items() if not name.startswith(CONFIGURED)}
        configured = {"PIP_CONFIG_FILE": os.devnull, "UV_NO_CONFIG": "1", "UV_CACHE_DIR": str(SHARED_UV_CACHE)}
        if self.index is not None:
            configured["PIP_INDEX_URL"] = self.index.url("simple")
        self.environ = {
            **kept,
            "HOME": str(self.home),
            "SHELL": "/bin/bash",
            "LANG": "C.UTF-8",
            **configured,
            **self.environ,
        }

    def torchup(self, *arguments: str, timeout: float = 120, **environ: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end without a terminal."""
        done = loaded.run(
            TORCHUP, arguments, folder=self.home, environ={**self.environ, **environ}, dated=True, timeout=timeout
        )
        out, err = (said.decode().replace("\r\n", "\n").replace("\r", "\n") for said in (done.stdout, done.stderr))
        return subprocess.CompletedProcess(done.args, done.returncode, out, err)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a command in a process group of its own."""
        return subprocess.Popen(
            [TORCHUP, *arguments],
            cwd=self.home,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def answers(self, text: str, name: str = "wanted.yaml") -> str:
        """Write an answers file outside of the home, so that it is no change in it."""
        path = self.home.parent / name
        path.write_text(text, encoding="utf-8")
        return str(path)

    def tree(self) -> dict[str, str]:
        """Describe the home without torchup's own state and caches."""
        return tree(self.home, leave_out=(*OWN, ".local/share/uv"))

    def installed(self, environment: str = ".venvs/torch") -> dict[str, str]:
        """Read what is installed in an environment below the home."""
        site = next((self.home / environment).glob("lib/python3*/site-packages"))
        found = (path.name.removesuffix(".dist-info").split("-") for path in site.glob("*.dist-info"))
        return {name.lower().replace("_", "-"): version for name, version in found}

    def shell_value(self, shell: str, name: str, *, option: str = "-i") -> str:
        """Start a real shell as a person does and read one variable."""
        program = shutil.which(shell)
        assert program is not None
        done = subprocess.run(
            [program, option, "-c", f'printf "<<%s>>" "${{{name}-}}"'],
            env={"HOME": str(self.home), "PATH": "/usr/bin:/bin", "TERM": "dumb"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        return done.stdout.rpartition("<<")[2].rpartition(">>")[0]
