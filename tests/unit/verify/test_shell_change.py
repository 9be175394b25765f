"""What an edit took away from new shells, by readings from before and after."""

from __future__ import annotations

import pytest

from torchup.shell.env_files import ShellEnvironment
from torchup.verify.shell_change import taken_away
from torchup.verify.shell_start import ShellReading
from torchup.verify.shells import Start

START = Start(shell="bash", mode="interactive")  # noqa: S604 - the name of a shell
KNOWN = ShellEnvironment(cuda_home="/c", bin_dirs=("/c/bin",), library_dirs=("/c/lib64",))


def reading(complaint: str = "", problem: str | None = None, **variables: str) -> ShellReading:
    values = {name: value.encode() for name, value in variables.items()}
    return ShellReading(variables=None if problem else values, problem=problem, complaint=complaint)


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (reading(A="1"), reading(A="2"), None),
        (reading(A="1"), reading(), "the variable A is not set any more"),
        (reading(SHLVL="1", CUDA_HOME="/x"), reading(), None),
        (reading(PATH="/a:/b"), reading(PATH="/c/bin:/b:/a"), None),
        (reading(PATH="/a:/b"), reading(PATH="/c/bin:/b"), "/a is not in PATH any more"),
        (reading(PATH="/old/bin:/b", TORCHUP_PATH_ENTRIES="/old/bin"), reading(PATH="/c/bin:/b"), None),
        (reading(PATH="/usr/local/cuda-11/bin:/b"), reading(PATH="/c/bin:/b"), None),
        (reading(LD_LIBRARY_PATH="/x"), reading(LD_LIBRARY_PATH="/c/lib64"), "/x is not in LD_LIBRARY_PATH any more"),
        (reading(), reading(problem="bash ended"), "it ran a command before, and now bash ended"),
        (reading(problem="bash ended"), reading(problem="bash ended"), None),
        (reading(problem="bash ended"), reading(), None),
        (reading(complaint="a"), reading(complaint="a\nb: torchup/env.sh: oops"), "torchup/env.sh: oops"),
        (reading(), reading(complaint="the network is slow"), None),
    ],
)
def test_what_counts(before: ShellReading, after: ShellReading, words: str | None) -> None:
    found = taken_away({START: before}, {START: after}, KNOWN)
    if words is None:
        assert found == ()
    else:
        assert len(found) == 1
        assert words in found[0]


def test_a_shell_that_is_not_installed_says_nothing() -> None:
    assert taken_away({START: None}, {START: None}, KNOWN) == ()
