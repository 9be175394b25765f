"""Whatever a shell sets: children get what the list lets through, as it is, and the script of a dry run agrees."""

from __future__ import annotations

import subprocess

from hypothesis import given, settings
from hypothesis import strategies as st

from torchup.apply.script import _unset
from torchup.plan.inherited import ROWS, SPACES, inherited, left_out_sentence, use_of

OPTIONS = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ_abc012", max_size=14)
KNOWN = st.sampled_from([row.name.replace("*", "") for row in ROWS]) | st.sampled_from(
    [row.name.replace("*", "CORP") for row in ROWS]
)
NAMES = (
    st.builds(str.__add__, st.sampled_from(SPACES), OPTIONS)
    | KNOWN
    | st.from_regex(r"[A-Z][A-Z_]{0,8}", fullmatch=True)
)
ENVIRONMENTS = st.dictionaries(NAMES, st.text("ab=/ \n'\"$", max_size=6), max_size=8)


@given(ENVIRONMENTS)
def test_only_rows_let_something_of_a_tool_through(environ: dict[str, str]) -> None:
    kept = inherited(environ)
    assert kept.items() <= environ.items()
    assert inherited(kept) == kept
    for name in environ:
        foreign = not name.startswith(SPACES)
        assert (name in kept) == (foreign or use_of(name) == "passed")


@given(ENVIRONMENTS)
def test_what_is_named_is_set_and_left_out(environ: dict[str, str]) -> None:
    for tool, space in (("uv", "UV_"), ("pip", "PIP_")):
        said = left_out_sentence(environ, tool)  # type: ignore[arg-type]
        wanted = {name for name in environ if name.startswith(space) and environ[name] and use_of(name) is None}
        assert (said is None) == (not wanted)
        assert all(name in (said or "") for name in wanted)


def test_no_row_is_hidden_by_an_earlier_one() -> None:
    for row in ROWS:
        assert use_of(row.name.replace("*", "SOMETHING")) == row.use or "*" not in row.name
        assert "*" in row.name or use_of(row.name) == row.use, row.name
        assert row.name.startswith(SPACES), row.name
        assert row.why


@settings(max_examples=25, deadline=None)
@given(ENVIRONMENTS)
def test_the_script_leaves_the_same(environ: dict[str, str]) -> None:
    environ = {
        name: value for name, value in environ.items() if name not in ("IFS", "ENV", "PS1", "PS2", "PS4", "OPTIND")
    }
    script = f"set -eu\n{_unset()}\nexec /usr/bin/env -0\n"
    given_environ = {"PATH": "/usr/bin:/bin", **environ, "HOME": "/"}
    ran = subprocess.run(["/bin/sh", "-c", script], env=given_environ, capture_output=True, text=True, check=True)
    left = dict(item.partition("=")[::2] for item in ran.stdout.split("\0") if item)
    left = {name: value for name, value in left.items() if name in given_environ}
    assert left == inherited(given_environ)
