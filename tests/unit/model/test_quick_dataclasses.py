"""The quick dataclass does what the one of the standard library does, for the classes it is used for."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from typing import Any

import pytest

from torchup.model import quick


@quick.dataclass(frozen=True, slots=True, kw_only=True)
class Quick:
    """A value."""

    name: str
    size: int = 3
    tags: tuple[str, ...] = ()
    more: dict[str, int] = dataclasses.field(default_factory=dict)
    secret: str = dataclasses.field(default="x", repr=False)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Usual:
    """The same value."""

    name: str
    size: int = 3
    tags: tuple[str, ...] = ()
    more: dict[str, int] = dataclasses.field(default_factory=dict)
    secret: str = dataclasses.field(default="x", repr=False)


@quick.dataclass(frozen=True, slots=True, kw_only=True)
class One:
    value: int


@quick.dataclass(frozen=True, slots=True, kw_only=True)
class Derived(One):
    other: int = 2


@quick.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Thing:
    value: int


@quick.dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    value: int

    def __post_init__(self) -> None:
        if self.value < 0:
            raise ValueError(self.value)


@quick.dataclass(slots=True)
class QuickPlace:
    """What is made by position and can be changed."""

    line: int
    column: int = 1
    names: list[str] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(slots=True)
class UsualPlace:
    """The same."""

    line: int
    column: int = 1
    names: list[str] = dataclasses.field(default_factory=list)


@quick.dataclass(frozen=True, slots=True)
class Mixed(One):
    """Takes one value by position and the inherited one by name."""

    place: str


@pytest.mark.parametrize("kind", [QuickPlace, UsualPlace])
def test_what_is_not_frozen_can_be_changed_and_takes_positions(kind: Any) -> None:
    place = kind(3, 4)
    place.line = 5
    place.names.append("a")
    assert place == kind(5, column=4, names=["a"])
    assert place != kind(5, 4)
    assert kind(1).names == []
    assert kind.__match_args__ == ("line", "column", "names")
    assert repr(place) == f"{kind.__name__}(line=5, column=4, names=['a'])"
    for again in (copy.copy(place), copy.deepcopy(place), pickle.loads(pickle.dumps(place))):  # noqa: S301  our own
        assert again == place
    with pytest.raises(TypeError, match="unhashable"):
        hash(place)
    with pytest.raises(AttributeError):
        place.other = 1
    with pytest.raises(TypeError):
        kind()


@pytest.mark.parametrize("kind", [Quick, Usual])
def test_a_value_is_made_shown_compared_and_copied_alike(kind: Any) -> None:
    value: Any = kind(name="a", more={"b": 1})
    assert repr(value) == f"{kind.__name__}(name='a', size=3, tags=(), more={{'b': 1}})"
    assert value == kind(name="a", more={"b": 1})
    assert value != kind(name="a", more={"b": 2})
    assert value != "a"
    assert dataclasses.is_dataclass(type(value))
    assert [field.name for field in dataclasses.fields(value)] == ["name", "size", "tags", "more", "secret"]
    assert dataclasses.replace(value, size=4).size == 4
    assert dataclasses.asdict(value)["more"] == {"b": 1}
    for again in (copy.copy(value), copy.deepcopy(value), pickle.loads(pickle.dumps(value))):  # noqa: S301  our own
        assert again == value
    assert kind(name="a").more is not kind(name="a").more
    with pytest.raises(TypeError, match="unhashable"):
        hash(value)


@pytest.mark.parametrize("kind", [Quick, Usual])
def test_a_value_cannot_be_changed_and_takes_names_only(kind: Any) -> None:
    value = kind(name="a")
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot assign to field 'name'"):
        value.name = "b"
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot delete field 'name'"):
        del value.name
    for arguments in ({}, {"name": "a", "nam": "b"}):
        with pytest.raises(TypeError):
            kind(**arguments)
    with pytest.raises(TypeError):
        kind("a")
    assert not hasattr(value, "__dict__")


def test_hashes_inheritance_and_the_other_kinds() -> None:
    assert {One(value=1), One(value=1), One(value=2)} == {One(value=2), One(value=1)}
    assert Derived(value=1) == Derived(other=2, value=1)
    assert Derived(value=1) != One(value=1)
    assert Thing(value=1) != Thing(value=1)
    assert len({Thing(value=1), Thing(value=1)}) == 2
    assert Mixed("here", value=1).place == "here"
    with pytest.raises(ValueError, match="-1"):
        Checked(value=-1)
