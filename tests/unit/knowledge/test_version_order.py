from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torchup.knowledge.order import by_nearness, release_numbers

NUMBERS = st.lists(st.integers(0, 30), min_size=1, max_size=3).map(tuple)


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("2.14.1", (2, 14, 1)),
        ("2.16.0.dev20261101+cu134", (2, 16, 0)),
        ("2.15.0rc1", (2, 15, 0)),
        ("v2.15", (2, 15)),
    ],
)
def test_release_numbers(text: str, numbers: tuple[int, ...]) -> None:
    assert release_numbers(text) == numbers


def test_release_numbers_refuses_text() -> None:
    with pytest.raises(ValueError, match="latest"):
        release_numbers("latest")


@pytest.mark.parametrize(
    ("wanted", "known", "nearest"),
    [
        ((2, 8), [(2, 6), (2, 13)], (2, 6)),
        ((2, 8), [(2, 7), (2, 9)], (2, 9)),  # equally near: the newer
        ((8, 0), [(7, 2), (7, 14), (6, 4)], (7, 14)),  # a new major follows the newest minor
        ((5, 0), [(5, 3), (5, 4, 2), (6, 0)], (5, 3)),
        ((1, 13), [(2, 0), (2, 15)], (2, 0)),
        ((6, 2, 1), [(6, 2), (6, 2, 4)], (6, 2)),
    ],
)
def test_nearest(wanted: tuple[int, ...], known: list[tuple[int, ...]], nearest: tuple[int, ...]) -> None:
    assert by_nearness(wanted, known)[0] == nearest


@given(wanted=NUMBERS, known=st.lists(NUMBERS, unique=True))
def test_nothing_is_nearer_than_the_version_itself_and_nothing_is_lost(
    wanted: tuple[int, ...], known: list[tuple[int, ...]]
) -> None:
    ordered = by_nearness(wanted, [*known, wanted])
    length = max(len(wanted), len(ordered[0]))
    assert _with_zeros(ordered[0], length) == _with_zeros(wanted, length)
    assert sorted(ordered) == sorted([*known, wanted])


def _with_zeros(version: tuple[int, ...], length: int) -> tuple[int, ...]:
    return (*version, 0, 0, 0)[:length]
