"""The env files in real shells: the exact values, for earlier values and install roots of every kind."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from support.tools import NIGHTLY, require
from torchup.shell.env_files import ShellEnvironment, env_file_name, render_env_file
from torchup.shell.kinds import SPOKEN
from torchup.shell.quoting import quote
from torchup.verify.shells import read_variables

SHELLS = ("bash", "zsh", "dash", "ksh", "fish", "tcsh")
POSIX = ("bash", "zsh", "dash", "ksh")

ROOTS = (
    "/opt/cuda",
    "/opt/my cuda",
    "/opt/it's",
    "/opt/a$HOME `id` b",
    '/opt/q"u\\o!te',
    "/opt/gl*b[x]?",
    "/opt/ünï",
    "/opt/-e",
    "/opt/\\",
    "/opt/~%^&|;()<>#{}=@",
    "/opt/\udcff",
)
UNUSUAL = ("/opt/ünï", "/opt/\udcff", "/opt/it's")

# None is unset. OURS stands for our own entry.
EARLIER_PATHS = (
    None,
    "",
    "/usr/bin::/bin:",
    "/usr/bin:OURS:/bin",
    "OURS:/usr/bin",
    "OURS-old:/usr/bin:/OURS",
    "OURS",
)
EARLIER_LIBRARIES = (None, "", "/x", "/x::/y:", "OURS:/x", "/x:OURS", ":", "OURS2:/x")


def sources(shell: str, file: Path, times: int = 2) -> str:
    """Write the command that reads an env file, in the language of the shell."""
    language = SPOKEN[shell].name
    word = "source" if language in ("fish", "csh") else "."
    return "; ".join([f"{word} {quote(language, str(file))}"] * times)


def unset(shell: str, name: str) -> str:
    return {"fish": f"set -e {name}", "tcsh": f"unsetenv {name}"}.get(shell, f"unset {name}")


def empty(shell: str, name: str) -> str:
    return {"fish": f"set -gx {name}", "tcsh": f'setenv {name} ""'}.get(shell, f"export {name}=")


def write(folder: Path, shell: str, environment: ShellEnvironment, name: str = "") -> Path:
    language: str = SPOKEN[shell].name
    file = folder / (name + env_file_name(language))
    file.write_bytes(render_env_file(language, environment).encode("utf-8", "surrogateescape"))
    return file


def toolkit(root: str) -> ShellEnvironment:
    return ShellEnvironment(
        cuda_home=root,
        bin_dirs=(f"{root}/bin",),
        library_dirs=(f"{root}/lib64",),
        environment=f"{root}/env",
    )


def expected_path(earlier: str | None, ours: str) -> str:
    return ":".join([ours, *(entry for entry in earlier.split(":") if entry != ours)]) if earlier else ours


def expected_libraries(earlier: str | None, ours: str) -> str:
    if not earlier:
        return ours
    return earlier if ours in earlier.split(":") else f"{earlier}:{ours}"


def cases(locale: str) -> list[tuple[str, str | None, str | None]]:
    roots = ROOTS if NIGHTLY or locale != "C" else UNUSUAL
    if NIGHTLY:
        return [(root, path, libraries) for root in roots for path in EARLIER_PATHS for libraries in EARLIER_LIBRARIES]
    # Every root meets every earlier value of each variable, but not every pair of them.
    pairs = [(EARLIER_PATHS[at % len(EARLIER_PATHS)], libraries) for at, libraries in enumerate(EARLIER_LIBRARIES)]
    return [(root, path, libraries) for root in roots for path, libraries in pairs]


@pytest.mark.parametrize("locale", ["C", "C.UTF-8"])
@pytest.mark.parametrize("shell", SHELLS)
def test_exact_values_after_reading_twice(shell: str, locale: str, tmp_path: Path) -> None:
    require(shell)
    wrong: list[str] = []
    for root, earlier_path, earlier_libraries in cases(locale):
        bin_dir, library_dir = f"{root}/bin", f"{root}/lib64"
        path = None if earlier_path is None else earlier_path.replace("OURS", bin_dir)
        libraries = None if earlier_libraries is None else earlier_libraries.replace("OURS", library_dir)
        if shell == "fish" and locale == "C" and not ((path or "") + (libraries or "")).isascii():
            # fish 3 reads the environment before it has a locale, and damages what it inherits there
            # whether or not any file of ours is read.
            continue
        if shell == "fish" and "" in (path or "x").split(":")[:-1]:
            # fish itself turns an empty entry of an inherited PATH into `.`.
            path = None
        file = write(tmp_path, shell, toolkit(root))
        extra = {"LC_ALL": locale} | ({"LD_LIBRARY_PATH": libraries} if libraries is not None else {})
        before = sources(shell, file)
        if shell in POSIX:
            before = f"set -eu; {before}"
        if not path:
            # In the environment it would not arrive: /etc/zsh/zshenv fills it, and fish makes it `.`.
            before = f"{unset(shell, 'PATH') if path is None else empty(shell, 'PATH')}; {before}"
        else:
            extra["PATH"] = path
        reading = read_variables(shell, "script", home=str(tmp_path), extra=extra, before=before)
        got = {name: reading.get(name) for name in ("CUDA_HOME", "PATH", "LD_LIBRARY_PATH", "TORCHUP_ENVIRONMENT")}
        want = {
            "CUDA_HOME": root,
            "PATH": expected_path(path, bin_dir),
            "LD_LIBRARY_PATH": expected_libraries(libraries, library_dir),
            "TORCHUP_ENVIRONMENT": f"{root}/env",
        }
        if got != want or reading.complaint:
            wrong.append(f"{path=} {libraries=}: {got} is not {want}; {reading.problem} {reading.complaint}")
    assert wrong == []


@pytest.mark.parametrize("shell", SHELLS)
def test_several_entries_keep_their_order(shell: str, tmp_path: Path) -> None:
    require(shell)
    environment = ShellEnvironment(
        cuda_home="/c",
        bin_dirs=("/c/b 1", "/c/b2"),
        library_dirs=("/c/l 1", "/c/l2"),
    )
    file = write(tmp_path, shell, environment)
    reading = read_variables(
        shell,
        "script",
        home=str(tmp_path),
        extra={"PATH": "/usr/bin:/c/b2:/bin", "LD_LIBRARY_PATH": "/c/l2:/x"},
        before=sources(shell, file),
    )
    assert reading.get("PATH") == "/c/b 1:/c/b2:/usr/bin:/bin"
    assert reading.get("LD_LIBRARY_PATH") == "/c/l2:/x:/c/l 1"


@pytest.mark.parametrize("shell", SHELLS)
def test_a_change_of_toolkit_leaves_nothing_of_the_old_one(shell: str, tmp_path: Path) -> None:
    require(shell)
    old = write(tmp_path, shell, toolkit("/opt/cuda-12.8 it's"), "old-")
    new = write(tmp_path, shell, toolkit("/opt/cuda-13.0"), "new-")
    none = write(tmp_path, shell, ShellEnvironment(environment="/e"), "none-")
    extra = {"PATH": "/usr/bin:/bin", "LD_LIBRARY_PATH": "/x"}

    def after(*files: Path) -> tuple[str | None, ...]:
        before = "; ".join(sources(shell, file) for file in files)
        reading = read_variables(shell, "script", home=str(tmp_path), extra=extra, before=before)
        assert reading.complaint == ""
        return tuple(reading.get(name) for name in ("CUDA_HOME", "PATH", "LD_LIBRARY_PATH", "TORCHUP_CUDA_HOME"))

    assert after(old, new) == (
        "/opt/cuda-13.0",
        "/opt/cuda-13.0/bin:/usr/bin:/bin",
        "/x:/opt/cuda-13.0/lib64",
        "/opt/cuda-13.0",
    )
    assert after(old, none) == (None, "/usr/bin:/bin", "/x", None)
    del extra["LD_LIBRARY_PATH"]
    assert after(old, none) == (None, "/usr/bin:/bin", None, None)


@pytest.mark.parametrize("shell", SHELLS)
def test_without_toolkit_the_users_own_values_stay(shell: str, tmp_path: Path) -> None:
    require(shell)
    file = write(tmp_path, shell, ShellEnvironment(environment="/e"))
    extra = {"PATH": "/usr/bin:/bin:/mine", "LD_LIBRARY_PATH": "/x:", "CUDA_HOME": "/mine"}
    reading = read_variables(shell, "script", home=str(tmp_path), extra=extra, before=sources(shell, file))
    assert {name: reading.get(name) for name in extra} == extra
    assert reading.get("TORCHUP_ENVIRONMENT") == "/e"


@pytest.mark.parametrize("shell", SHELLS)
def test_shells_inside_each_other_do_not_make_path_grow(shell: str, tmp_path: Path) -> None:
    require(shell)
    file = write(tmp_path, shell, toolkit("/opt/my cuda"))
    seen: set[tuple[str | None, ...]] = set()
    inherited: dict[str, str] = {}
    for _ in range(5):
        reading = read_variables(
            shell,
            "script",
            home=str(tmp_path),
            extra=inherited,
            before=sources(shell, file, times=1),
        )
        names = ("PATH", "LD_LIBRARY_PATH", "CUDA_HOME")
        seen.add(tuple(reading.get(name) for name in names))
        inherited = {name: reading.get(name) or "" for name in reading.variables or {} if name != "_"}
    assert seen == {("/opt/my cuda/bin:/usr/bin:/bin", "/opt/my cuda/lib64", "/opt/my cuda")}


@pytest.mark.parametrize("shell", POSIX)
@pytest.mark.parametrize("fixed", ["PATH", "LD_LIBRARY_PATH", "CUDA_HOME"])
def test_a_read_only_variable_stops_nothing(shell: str, fixed: str, tmp_path: Path) -> None:
    require(shell)
    file = write(tmp_path, shell, toolkit("/opt/cuda"))
    reading = read_variables(
        shell,
        "script",
        home=str(tmp_path),
        before=f"export {fixed}=/usr/bin; readonly {fixed}; set -eu; {sources(shell, file)}; export AFTER=reached",
    )
    assert reading.get("AFTER") == "reached"
    assert reading.complaint == ""
    values = {"PATH": "/opt/cuda/bin:/usr/bin:/bin", "LD_LIBRARY_PATH": "/opt/cuda/lib64", "CUDA_HOME": "/opt/cuda"}
    assert {name: reading.get(name) for name in values} == values | {fixed: "/usr/bin"}


def run(shell: str, *options: str, script: str, home: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [require(shell), *options, "-c", script],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        start_new_session=True,
        env={"HOME": str(home), "PATH": "/usr/bin:/bin", "TERM": "dumb"},
    )


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_aliases_and_functions_of_the_user_do_not_interfere(shell: str, tmp_path: Path) -> None:
    file = write(tmp_path, shell, toolkit("/opt/cuda"))
    script = tmp_path / "script"
    script.write_text(
        "source() { echo hijacked; }\nexport() { echo hijacked; }\nunset() { echo hijacked; }\n"
        "alias export='echo NO' unset='echo NO' .='echo NO' source='echo NO' builtin='echo NO'\n"
        f"if [ -r '{file}' ]; then \\builtin . '{file}'; fi\n"
        "printenv CUDA_HOME PATH\n",
    )
    options = ("-O", "expand_aliases") if shell == "bash" else ("-f",)
    done = run(shell, *options, script=f"builtin . '{script}'", home=tmp_path)
    assert (done.stdout, done.stderr) == ("/opt/cuda\n/opt/cuda/bin:/usr/bin:/bin\n", "")


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("cuda", [True, False])
def test_nothing_is_left_over_and_nothing_is_printed(shell: str, cuda: bool, tmp_path: Path) -> None:
    environment = toolkit("/opt/cuda") if cuda else ShellEnvironment(environment="/e")
    file = write(tmp_path, shell, environment)
    functions = {"bash": "declare -F", "zsh": "functions", "ksh": "typeset -f", "fish": "functions -a", "dash": "true"}
    listing = f"set; {functions.get(shell, 'alias')}"
    done = run(shell, script=f"{sources(shell, file)}; {listing}", home=tmp_path)
    assert done.stderr == ""
    # Variables show as `name=value`, in fish and tcsh as `name value`, functions by their name.
    names = {line.replace("=", " ").replace("\t", " ").split(" ")[0] for line in done.stdout.splitlines()}
    assert not {name for name in names if "torchup" in name}
    assert not names & {"item", "kept", "new", "old"}
    assert run(shell, script=sources(shell, file), home=tmp_path).stdout == ""


def test_fish_writes_no_universal_variable(tmp_path: Path) -> None:
    file = write(tmp_path, "fish", toolkit("/opt/cuda"))
    done = run("fish", script=f"{sources('fish', file)}; set -U", home=tmp_path)
    assert "torchup" not in done.stdout.lower()
    assert "/opt/cuda" not in done.stdout
    for stored in tmp_path.rglob("fish_variables"):
        assert "/opt/cuda" not in stored.read_text()


@pytest.mark.parametrize("shell", ["bash", "zsh", "dash", "fish", "tcsh"])
@pytest.mark.parametrize("earlier", [None, "", "/x"])
def test_a_library_planted_in_the_current_directory_is_not_loaded(
    shell: str,
    earlier: str | None,
    tmp_path: Path,
) -> None:
    require(shell)
    compiler = require("gcc")
    (tmp_path / "planted.c").write_text("int planted(void) { return 0; }\n")
    (tmp_path / "main.c").write_text("int planted(void);\nint main(void) { return planted(); }\n")
    for command in (
        [compiler, "-shared", "-fPIC", "-o", "libplanted.so", "planted.c"],
        [compiler, "-o", "program", "main.c", "-L.", "-lplanted"],
    ):
        subprocess.run(command, cwd=tmp_path, check=True)
    file = write(tmp_path, shell, toolkit("/opt/cuda"))

    def status(script: str) -> int:
        environment = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
        if earlier is not None:
            environment["LD_LIBRARY_PATH"] = earlier
        return subprocess.run(
            [require(shell), "-c", script],
            cwd=tmp_path,
            env=environment,
            stderr=subprocess.DEVNULL,
            check=False,
        ).returncode

    hole = {"fish": "set -gx LD_LIBRARY_PATH /x ''", "tcsh": "setenv LD_LIBRARY_PATH /x:"}
    assert status(f"{hole.get(shell, 'export LD_LIBRARY_PATH=/x:')}; ./program") == 0, "the trap itself works"
    assert status(f"{sources(shell, file)}; ./program") == 127
