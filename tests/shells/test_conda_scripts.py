"""The pair of scripts of a conda environment in real shells, driven as `conda activate` drives them."""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

import pytest

from support import conda_activation
from support.tools import require
from torchup.shell.conda_scripts import CondaSettings, render_conda_scripts
from torchup.shell.kinds import SPOKEN
from torchup.shell.quoting import quote
from torchup.verify.shells import ShellReading, read_variables

SHELLS = ("bash", "zsh", "dash", "ksh", "fish", "tcsh")
POSIX = ("bash", "zsh", "dash", "ksh")
# What a shell itself keeps about the moment, and what differs between two starts.
MOMENT = ("_", "SHLVL", "PWD", "OLDPWD", "A__z")
NAMES = ("CUDA_HOME", "CUDA_INC_PATH", "LD_LIBRARY_PATH")
CUDA = "/opt/cuda 13"
LIBRARIES = (f"{CUDA}/lib64", "/opt/it's/lib")
ODD = ("my env", "it's", "a$HOME `id` b", 'q"u\\o!te', "gl*b[x]?", "ünï", "~%^&|;()<>#{}=@", "-e")


def environment(folder: Path, name: str = "env", *, cuda: str = CUDA, libraries: tuple[str, ...] = LIBRARIES) -> Path:
    """Make something like a conda environment, with our scripts in it."""
    prefix = folder / "envs" / name
    (prefix / "bin").mkdir(parents=True, exist_ok=True)
    settings = CondaSettings(
        prefix=str(prefix), cuda_home=cuda, include_dir=f"{cuda}/targets/include", library_dirs=libraries
    )
    for path, text in render_conda_scripts(settings).items():
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_bytes(text.encode("utf-8", "surrogateescape"))
    return prefix


class Terminal:
    """A shell in which somebody works with conda environments."""

    def __init__(self, shell: str, folder: Path, **variables: str | None) -> None:
        require(shell)
        self.shell, self.folder = shell, folder
        self.language = SPOKEN[shell].name
        self.numbers = itertools.count()
        self.lines = [self.assign(name, value) for name, value in variables.items()]

    def assign(self, name: str, value: str | None) -> str:
        if value is None:
            return {"fish": f"set -e {name}", "tcsh": f"unsetenv {name}"}.get(self.shell, f"unset {name}")
        quoted = quote(self.language, value)
        return {"fish": f"set -gx {name} {quoted}", "tcsh": f"setenv {name} {quoted}"}.get(
            self.shell, f"export {name}={quoted}"
        )

    def conda(self, *arguments: str) -> Terminal:
        """Do what the shell function `conda` does: ask the program for commands and run them."""
        language = {"fish": "fish", "csh": "csh"}.get(self.language, "sh")
        file = self.folder / f"conda-{next(self.numbers)}"
        words = (sys.executable, "-I", "-S", conda_activation.__file__, language, *arguments)
        asking = " ".join(str(quote(self.language, word)) for word in words)
        read = "source" if language != "sh" else "."
        self.lines += [f"{asking} > {quote(self.language, str(file))}", f"{read} {quote(self.language, str(file))}"]
        return self

    def type(self, line: str) -> Terminal:
        self.lines.append(line)
        return self

    def set(self, name: str, value: str | None) -> Terminal:
        return self.type(self.assign(name, value))

    def look(self) -> ShellReading:
        strict = ["set -eu"] if self.shell in POSIX else []
        file = self.folder / f"typed-{next(self.numbers)}"
        file.write_bytes("\n".join([*strict, *self.lines, ""]).encode("utf-8", "surrogateescape"))
        read = "source" if self.shell in ("fish", "tcsh") else "."
        before = f"{read} {quote(self.language, str(file))}"
        reading = read_variables(
            self.shell, "script", home=str(self.folder), extra={"LC_ALL": "C.UTF-8"}, before=before
        )
        assert reading.problem is None, f"{reading.problem}: {reading.complaint}"
        assert reading.complaint == ""
        return reading

    def everything(self) -> dict[str, bytes]:
        return {name: value for name, value in (self.look().variables or {}).items() if name not in MOMENT}


def values(reading: ShellReading) -> tuple[str | None, ...]:
    return tuple(reading.get(name) for name in NAMES)


@pytest.mark.parametrize("shell", SHELLS)
def test_activation_sets_the_toolkit_and_keeps_what_was_there(shell: str, tmp_path: Path) -> None:
    prefix = environment(tmp_path)
    ours = ":".join(LIBRARIES)
    for earlier, expected in (
        (None, ours),
        ("", ours),
        ("/x", f"/x:{ours}"),
        (f"/x:{LIBRARIES[0]}:/y", f"/x:{LIBRARIES[0]}:/y:{LIBRARIES[1]}"),
        (f"{LIBRARIES[0]}-old", f"{LIBRARIES[0]}-old:{ours}"),
    ):
        reading = Terminal(shell, tmp_path, LD_LIBRARY_PATH=earlier).conda("activate", str(prefix)).look()
        assert values(reading) == (CUDA, f"{CUDA}/targets/include", expected), earlier
        assert reading.get("PATH") == f"{prefix}/bin:/usr/bin:/bin"


@pytest.mark.parametrize("shell", SHELLS)
def test_deactivation_keeps_unset_empty_and_set_apart(shell: str, tmp_path: Path) -> None:
    prefix = str(environment(tmp_path))
    for home, libraries in (
        (None, None),
        ("", ""),
        ("/mine", "/x"),
        ("=a=b", "/x::/y:"),
        ("unset", ":"),
        ("/opt/a$HOME `id` b", f"{LIBRARIES[0]}:/x"),
        ("set", f"/x:{LIBRARIES[1]}"),
    ):
        given = {"CUDA_HOME": home, "CUDA_INC_PATH": home, "LD_LIBRARY_PATH": libraries}
        before = Terminal(shell, tmp_path, **given).everything()
        after = Terminal(shell, tmp_path, **given).conda("activate", prefix).conda("deactivate").everything()
        assert after == before, given


@pytest.mark.parametrize("shell", SHELLS)
def test_what_the_user_adds_while_it_is_active_stays(shell: str, tmp_path: Path) -> None:
    prefix = str(environment(tmp_path))
    prepend = {
        "fish": "set -gx LD_LIBRARY_PATH /y $LD_LIBRARY_PATH",
        "tcsh": "setenv LD_LIBRARY_PATH /y:$LD_LIBRARY_PATH:q",
    }
    line = prepend.get(shell, "export LD_LIBRARY_PATH=/y:$LD_LIBRARY_PATH")
    for earlier, expected in ((None, "/y"), ("", "/y"), ("/x", "/y:/x")):
        terminal = Terminal(shell, tmp_path, CUDA_HOME=None, LD_LIBRARY_PATH=earlier)
        terminal.conda("activate", prefix).type(line).set("CUDA_HOME", "/mine").conda("deactivate")
        assert values(terminal.look()) == ("/mine", None, expected)
    emptied = Terminal(shell, tmp_path, LD_LIBRARY_PATH="/x").conda("activate", prefix)
    emptied.set("LD_LIBRARY_PATH", None).set("CUDA_HOME", None).conda("deactivate")
    assert values(emptied.look()) == (None, None, None)


@pytest.mark.parametrize("shell", SHELLS)
def test_environments_one_after_the_other_and_stacked(shell: str, tmp_path: Path) -> None:
    first = str(environment(tmp_path, "first", cuda="/opt/one", libraries=("/l/one", "/l/both")))
    second = str(environment(tmp_path, "second", cuda="/opt/two", libraries=("/l/both", "/l/two")))
    for stack in ((), ("--stack",)):
        given = {"CUDA_HOME": "", "LD_LIBRARY_PATH": "/x:"}
        before = Terminal(shell, tmp_path, **given).everything()
        terminal = Terminal(shell, tmp_path, **given)
        one = terminal.conda("activate", first).look()
        assert values(one) == ("/opt/one", "/opt/one/targets/include", "/x::/l/one:/l/both")
        two = terminal.conda("activate", *stack, second).look()
        expected = "/x::/l/one:/l/both:/l/two" if stack else "/x::/l/both:/l/two"
        assert values(two) == ("/opt/two", "/opt/two/targets/include", expected)
        back = terminal.conda("deactivate").look()
        assert values(back)[:2] == values(one)[:2]
        assert sorted((back.get("LD_LIBRARY_PATH") or "").replace(".", "").split(":")) == [
            "",
            "/l/both",
            "/l/one",
            "/x",
        ]
        assert back.get("PATH") == one.get("PATH")
        left = terminal.conda("deactivate").everything()
        if shell == "tcsh":
            # Entries that have to be taken out of the middle turn an empty one into `.`, which means the same.
            left["LD_LIBRARY_PATH"] = left["LD_LIBRARY_PATH"].replace(b":.", b":")
        assert left == before


@pytest.mark.parametrize("shell", SHELLS)
def test_activating_again_and_inside_does_not_grow(shell: str, tmp_path: Path) -> None:
    prefix = str(environment(tmp_path))
    given = {"LD_LIBRARY_PATH": "/x", "CUDA_HOME": None}
    once = Terminal(shell, tmp_path, **given).conda("activate", prefix).everything()
    again = Terminal(shell, tmp_path, **given).conda("activate", prefix)
    again.conda("activate", prefix).conda("reactivate")
    assert again.everything() == once
    inside = Terminal(shell, tmp_path, **{name: value.decode() for name, value in once.items() if name != "HOME"})
    assert inside.conda("reactivate").everything() == once
    assert values(inside.conda("deactivate").look()) == (None, None, "/x")


@pytest.mark.parametrize("shell", SHELLS)
def test_prefixes_of_every_kind(shell: str, tmp_path: Path) -> None:
    for name in ODD:
        prefix = str(environment(tmp_path, name, cuda=f"{tmp_path}/{name}", libraries=(f"/l/{name}", f"/{name}/l")))
        before = Terminal(shell, tmp_path, LD_LIBRARY_PATH="/x").everything()
        terminal = Terminal(shell, tmp_path, LD_LIBRARY_PATH="/x").conda("activate", prefix)
        assert values(terminal.look()) == (
            f"{tmp_path}/{name}",
            f"{tmp_path}/{name}/targets/include",
            f"/x:/l/{name}:/{name}/l",
        )
        assert terminal.conda("deactivate").everything() == before


@pytest.mark.parametrize("shell", SHELLS)
def test_scripts_written_anew_while_the_environment_is_active(shell: str, tmp_path: Path) -> None:
    """The scripts take back what was set, not what they would set by now."""
    old = environment(tmp_path, cuda="/opt/old", libraries=("/l/old",))
    terminal = Terminal(shell, tmp_path, LD_LIBRARY_PATH="/x").conda("activate", str(old))
    inherited = {name: value.decode() for name, value in terminal.everything().items() if name != "HOME"}
    environment(tmp_path, cuda="/opt/new", libraries=("/l/new",))
    later = Terminal(shell, tmp_path, **inherited).conda("reactivate")
    assert values(later.look()) == ("/opt/new", "/opt/new/targets/include", "/x:/l/new")
    assert values(Terminal(shell, tmp_path, **inherited).conda("deactivate").look()) == (None, None, "/x")


@pytest.mark.parametrize("shell", POSIX)
def test_a_read_only_variable_stops_nothing(shell: str, tmp_path: Path) -> None:
    prefix = str(environment(tmp_path))
    terminal = Terminal(shell, tmp_path, CUDA_HOME="/fixed", LD_LIBRARY_PATH="/x").type("readonly CUDA_HOME")
    assert terminal.conda("activate", prefix).look().get("CUDA_HOME") == "/fixed"
    assert values(terminal.look())[2] == ":".join(("/x", *LIBRARIES))
    assert values(terminal.conda("deactivate").look()) == ("/fixed", None, "/x")


@pytest.mark.parametrize("shell", POSIX)
def test_aliases_and_functions_named_like_builtins_do_no_harm(shell: str, tmp_path: Path) -> None:
    prefix = str(environment(tmp_path))
    nasty = "export() { :; }; unset() { :; }" if shell in ("bash", "zsh") else "alias export=: unset=:"
    plain = Terminal(shell, tmp_path, LD_LIBRARY_PATH=None)
    scripts = [f"{prefix}/etc/conda/{folder}/torchup.sh" for folder in ("activate.d", "deactivate.d")]
    active = plain.type(nasty).type(f". {quote('sh', scripts[0])}")
    assert values(active.look())[0] == CUDA
    assert values(active.type(f". {quote('sh', scripts[1])}").look()) == (None, None, None)
