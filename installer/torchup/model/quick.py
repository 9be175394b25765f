"""A stand-in for `dataclasses.dataclass` that makes slotted classes in a fraction of the time.

The one of the standard library compiles seven methods for each class when its module is imported, which was a third
of the time that `torchup resolve` took. Here one method is compiled, `__init__`, and only when the first value is
made; the others are shared closures. What comes out is a dataclass like any other: `fields`, `replace`,
`is_dataclass`, `==`, `hash`, `repr`, `copy` and pickling work, and assigning to a frozen one raises
FrozenInstanceError. What is rarer (no slots, an order, a `__post_init__`, fields left out of comparisons) is passed on.
"""

from __future__ import annotations

import dataclasses
from operator import attrgetter
from typing import TYPE_CHECKING, Any

__all__ = ["dataclass"]

if TYPE_CHECKING:
    from dataclasses import dataclass
else:

    def dataclass(cls=None, /, **options):
        """Decorate a class as `dataclasses.dataclass` does."""
        quick = options.keys() <= {"frozen", "slots", "kw_only", "eq"} and options.get("slots", False)
        make = _make if quick else dataclasses.dataclass
        return make(cls, **options) if cls is not None else lambda decorated: make(decorated, **options)


def _make(cls: type, *, slots: bool, frozen: bool = False, kw_only: bool = False, eq: bool = True) -> type:
    if "__post_init__" in cls.__dict__ or any(_is_special(value) for value in vars(cls).values()):
        return dataclasses.dataclass(cls, slots=slots, frozen=frozen, kw_only=kw_only, eq=eq)
    if cls.__doc__ is None:  # else the signature would be written out for a text that nobody reads
        cls.__doc__ = cls.__name__
    made: type[Any] = dataclasses.dataclass(cls, init=False, repr=False, eq=False, slots=slots, kw_only=kw_only)
    fields = dataclasses.fields(made)
    _set_methods(made, fields, eq=eq, frozen=frozen)
    made.__init__ = _init_when_needed(made, fields)
    return made


def _is_special(value: object) -> bool:
    return isinstance(value, dataclasses.Field) and not (value.init and value.compare and value.hash is None)


def _set_methods(made: Any, fields: tuple[dataclasses.Field[Any], ...], *, eq: bool, frozen: bool) -> None:
    names = tuple(field.name for field in fields)
    shown = tuple(field.name for field in fields if field.repr)
    # With one name, attrgetter gives the bare value, and with none it cannot be made.
    values = attrgetter(*names) if names else lambda _: ()

    def equal(self: object, other: object) -> object:
        return values(self) == values(other) if other.__class__ is self.__class__ else NotImplemented

    def represent(self: object) -> str:
        told = ", ".join(f"{name}={getattr(self, name)!r}" for name in shown)
        return f"{self.__class__.__qualname__}({told})"

    def state(self: object) -> list[object]:
        return [getattr(self, name) for name in names]

    def restore(self: object, kept: list[object]) -> None:
        for name, value in zip(names, kept, strict=True):
            object.__setattr__(self, name, value)

    own = made.__dict__
    if eq and "__eq__" not in own:
        made.__eq__ = equal
        if "__hash__" not in own:
            made.__hash__ = (lambda self: hash(values(self))) if frozen else None
    if "__repr__" not in own:
        made.__repr__ = represent
    if frozen:
        made.__getstate__, made.__setstate__ = state, restore
        made.__setattr__, made.__delattr__ = _refuse_to_set, _refuse_to_delete


def _init_when_needed(made: Any, fields: tuple[dataclasses.Field[Any], ...]) -> Any:
    """Give an `__init__` that puts the compiled one in its place when it is first called."""

    def __init__(self: object, /, *arguments: Any, **values: Any) -> None:  # noqa: N807
        made.__init__ = _init(made, fields)
        made.__init__(self, *arguments, **values)

    return __init__


def _init(made: Any, fields: tuple[dataclasses.Field[Any], ...]) -> Any:
    scope: dict[str, Any] = {"_missing": dataclasses.MISSING}
    by_position: list[str] = []
    by_name: list[str] = []
    body: list[str] = []
    for field in fields:
        name = field.name
        # The descriptor of a slot writes to it directly, past __setattr__.
        scope[f"_set_{name}"] = getattr(made, name).__set__
        parameter = value = name
        if field.default is not dataclasses.MISSING:
            scope[f"_default_{name}"] = field.default
            parameter = f"{name}=_default_{name}"
        elif field.default_factory is not dataclasses.MISSING:
            scope[f"_new_{name}"] = field.default_factory
            parameter = f"{name}=_missing"
            value = f"_new_{name}() if {name} is _missing else {name}"
        (by_name if field.kw_only else by_position).append(parameter)
        body.append(f" _set_{name}(self, {value})")
    listed = ", ".join(["self", *by_position, *(["*", *by_name] if by_name else [])])
    exec(f"def __init__({listed}):\n" + ("\n".join(body) or " pass"), scope)  # noqa: S102  as dataclasses does
    init = scope["__init__"]
    init.__annotations__ = {**{field.name: field.type for field in fields}, "return": None}
    init.__qualname__, init.__module__ = f"{made.__qualname__}.__init__", made.__module__
    return init


def _refuse_to_set(self: object, name: str, value: object) -> None:
    del self, value
    raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_to_delete(self: object, name: str) -> None:
    del self
    raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")
