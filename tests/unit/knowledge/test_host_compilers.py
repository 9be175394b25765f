from __future__ import annotations

import pytest

from torchup.knowledge.host_compilers import CompilerKind, compiler_limits
from torchup.knowledge.tables import table


@pytest.mark.parametrize(
    ("cuda", "kind", "newest"),
    [
        ((11, 8), "gcc", 11),
        ((12, 0), "gcc", 12),
        ((12, 1), "gcc", 12),
        ((12, 8), "gcc", 14),
        ((12, 9), "clang", 19),
        ((13, 0), "gcc", 15),
        ((13, 3), "gcc", 15),
        ((13, 3), "clang", 21),
        ((13, 5), "gcc", 16),
    ],
)
def test_the_newest_compiler_of_a_release(cuda: tuple[int, int], kind: CompilerKind, newest: int) -> None:
    found = compiler_limits(cuda, kind)
    assert found is not None
    assert found.newest == newest


@pytest.mark.parametrize(("cuda", "kind"), [((13, 6), "gcc"), ((14, 0), "gcc"), ((10, 2), "gcc"), ((11, 0), "clang")])
def test_nothing_is_said_about_what_was_not_read(cuda: tuple[int, int], kind: CompilerKind) -> None:
    assert compiler_limits(cuda, kind) is None


def test_the_table_is_in_order_and_every_row_has_a_source() -> None:
    rows = table("host_compilers")["limits"]
    releases = [tuple(map(int, row["cuda"].split("."))) for row in rows]
    assert releases == sorted(set(releases))
    assert all(row["source"] for row in rows)
    newest = [row["gcc"][1] for row in rows]
    assert newest == sorted(newest)
