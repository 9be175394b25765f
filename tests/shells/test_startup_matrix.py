"""The whole matrix through real start-up files: shell, way of starting it, earlier value, install root, locale.

`make test` tries a selection in which every pair of values meets; `make test-nightly` tries all of them.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from support.shell_homes import choose, set_up
from support.tools import NIGHTLY, require
from torchup.shell.env_files import ShellEnvironment
from torchup.shell.kinds import SPOKEN
from torchup.shell.kinds.kind import StartMode
from torchup.shell.quoting import quote
from torchup.verify.shells import read_variables

SHELLS = ("bash", "zsh", "dash", "ksh", "fish", "tcsh")
POSIX = ("bash", "zsh", "dash", "ksh")
ROOTS = ("my cuda", "it's", "a$HOME `id` b", 'q"u\\o!te', "gl*b[x]?", "ünï", "-e", "~%^&|;()<>#{}=@", "\\", "plain")
# None is unset; OURS is our own entry; the last one is set and made read-only at the top of the start-up file.
EARLIER = (None, "", "/x", "/x::/y:", "OURS:/x:/y", "read-only")
LOCALES = ("C", "C.UTF-8")
READERS: dict[str, tuple[StartMode, ...]] = {
    "bash": ("interactive", "login", "ssh"),
    "zsh": ("interactive", "login", "script", "ssh"),
    "dash": ("login",),
    "ksh": ("login",),
    "fish": ("interactive", "login", "script", "ssh"),
    "tcsh": ("interactive", "login", "script", "ssh"),
}


def all_pairs(*axes: Sequence[Any]) -> Iterator[tuple[Any, ...]]:
    """Give combinations until every value of each axis has met every value of each other one."""
    unmet = {
        (one, a, two, b)
        for one, two in itertools.combinations(range(len(axes)), 2)
        for a in axes[one]
        for b in axes[two]
    }
    for combination in itertools.product(*axes):
        pairs = {
            (one, combination[one], two, combination[two]) for one, two in itertools.combinations(range(len(axes)), 2)
        }
        # A combination is worth its start when most of what it shows is new.
        if len(pairs & unmet) * 2 > len(pairs):
            unmet -= pairs
            yield combination
    for one, a, two, b in sorted(unmet, key=str):
        rest = [axis[0] for axis in axes]
        rest[one], rest[two] = a, b
        yield tuple(rest)


def combinations(shell: str) -> list[tuple[Any, ...]]:
    axes = (READERS[shell], EARLIER, ROOTS if NIGHTLY else ROOTS[:6], LOCALES)
    return list(itertools.product(*axes) if NIGHTLY else all_pairs(*axes))


@pytest.mark.parametrize("shell", SHELLS)
def test_exact_values(shell: str, tmp_path: Path) -> None:
    require(shell)
    wrong = []
    homes: dict[tuple[str, bool], Path] = {}
    for mode, earlier, root, locale in combinations(shell):
        if earlier == "read-only" and shell not in POSIX:
            continue  # fish and csh have no exported variable that is read-only
        place = f"{tmp_path}/{root}"
        key = (root, earlier == "read-only")
        if key not in homes:
            homes[key] = prepare(tmp_path / f"home {len(homes)}", shell, place, fixed=key[1])
        home = homes[key]
        ours = f"{place}/lib64"
        value = "/fixed" if earlier == "read-only" else earlier.replace("OURS", ours) if earlier else earlier
        if shell == "fish" and locale == "C" and not (value or "").isascii():
            continue  # fish 3 damages what it inherits there before any file is read
        extra = {"LC_ALL": locale} | ({} if value is None or earlier == "read-only" else {"LD_LIBRARY_PATH": value})
        reading = read_variables(shell, mode, home=str(home), extra=extra, before=again(shell, home))
        expected = value if value and (earlier == "read-only" or ours in value.split(":")) else None
        want = {
            "CUDA_HOME": place,
            "LD_LIBRARY_PATH": expected or (f"{value}:{ours}" if value else ours),
            "TORCHUP_CUDA_HOME": place,
        }
        got = {name: reading.get(name) for name in want}
        path = (reading.get("PATH") or "").split(":")
        if got != want or path[0] != f"{place}/bin" or path.count(f"{place}/bin") != 1 or "" in path:
            wrong.append(f"{mode} {earlier!r} {root!r} {locale}: {got} {path}; {reading.problem} {reading.complaint}")
    assert wrong == []


def prepare(home: Path, shell: str, place: str, *, fixed: bool) -> Path:
    home.mkdir()
    files = choose(home, shell, scope="all").files
    if fixed:
        for file in files:
            Path(file.path).write_text('case ${FIXED-} in "") export LD_LIBRARY_PATH=/fixed FIXED=1;; esac\n'
                                       "readonly LD_LIBRARY_PATH\n")  # fmt: skip
    environment = ShellEnvironment(cuda_home=place, bin_dirs=(f"{place}/bin",), library_dirs=(f"{place}/lib64",))
    set_up(home, choose(home, shell, scope="all"), environment)
    return home


def again(shell: str, home: Path) -> str:
    """Read the env file once more, under `set -eu` where the shell has it."""
    language = SPOKEN[shell].name
    name = {"fish": "env.fish", "csh": "env.csh"}.get(language, "env.sh")
    word = "source" if language in ("fish", "csh") else "."
    command = f"{word} {quote(language, str(home / '.config/torchup' / name))}"
    return f"set -eu; {command}; set +eu" if shell in POSIX else command


def test_the_selection_has_every_pair() -> None:
    axes = (("a", "b"), (1, 2, 3), (None, ""))
    chosen = list(all_pairs(*axes))
    for one, two in itertools.combinations(range(3), 2):
        assert {(pick[one], pick[two]) for pick in chosen} == set(itertools.product(axes[one], axes[two]))
    assert len(chosen) < 12
