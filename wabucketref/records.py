"""``dataclass`` as the standard library has it, ten times cheaper to declare.

The standard one compiles up to six functions for each class while its module is imported. There are hundreds of classes
here, of which a command uses a few dozen: that was a tenth of the time of a small upload. This one lets the standard
library find the fields, shares all methods but ``__init__`` among the classes, and compiles that one on first use. What
it makes is a data class to everybody: ``fields``, ``replace``, ``asdict``, ``match``, signatures, type checkers.
"""

import dataclasses
from collections.abc import Callable, Hashable
from dataclasses import FrozenInstanceError, fields
from functools import cache
from operator import attrgetter
from reprlib import recursive_repr
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
else:

    def dataclass(cls=None, /, *, frozen=False, slots=False, eq=True, kw_only=False):
        """``dataclasses.dataclass`` with those of its options that are used here."""
        if cls is None:
            return lambda cls: _declare(cls, frozen, slots, eq, kw_only)
        return _declare(cls, frozen, slots, eq, kw_only)


def _declare(cls: type[Any], frozen: bool, slots: bool, eq: bool, kw_only: bool) -> type[Any]:
    if dataclasses.is_dataclass(cls):  # it inherits from one, which is rare here and subtle
        return dataclasses.dataclass(frozen=frozen, slots=slots, eq=eq, kw_only=kw_only)(cls)
    init = _Init(frozen)
    methods: dict[str, Any] = {"__init__": init, "__repr__": _repr}
    if eq:
        methods |= {"__eq__": _eq, "__hash__": _hash if frozen else None}
    if frozen:
        methods |= {"__setattr__": _no_setting, "__delattr__": _no_deleting}
    if frozen and slots:
        methods |= {"__getstate__": _state, "__setstate__": _set_state}
    for name, method in methods.items():
        if cls.__dict__.get(name) is None:  # what the class has itself counts; a None was put by its own __eq__
            setattr(cls, name, method)
    if cls.__doc__ is None:
        cls.__doc__ = cls.__name__  # else a signature is made up for it, which is slow
    made = dataclasses.dataclass(init=False, repr=False, eq=False, slots=slots, kw_only=kw_only)(cls)
    made.__dataclass_params__.frozen = frozen
    init.owner = made
    return made


class _Init:
    """Stands for ``__init__`` until somebody asks for it."""

    owner: type[Any]

    def __init__(self, frozen: bool) -> None:
        self._frozen = frozen

    def __get__(self, instance: Any, owner: type[Any]) -> Callable[..., None]:
        function = _compiled(self.owner, self._frozen)
        type.__setattr__(self.owner, "__init__", function)
        bound: Callable[..., None] = function.__get__(instance, owner)
        return bound


def _compiled(cls: type[Any], frozen: bool) -> Any:
    """What the standard library compiles for a class with the same fields."""
    after = {"__post_init__": cls.__post_init__} if hasattr(cls, "__post_init__") else {}
    declared = [(one.name, one.type, one) for one in fields(cls)]
    twin = dataclasses.make_dataclass(
        cls.__name__, declared, namespace={"__doc__": cls.__name__, **after}, repr=False, eq=False, frozen=frozen
    )
    function: Any = twin.__dict__["__init__"]
    function.__module__, function.__qualname__ = cls.__module__, f"{cls.__qualname__}.__init__"
    return function


def _values_of(record: Any) -> Callable[[Any], tuple[Any, ...]]:
    return _reader(cast(Hashable, type(record)))


@cache
def _reader(cls: Any) -> Callable[[Any], tuple[Any, ...]]:
    """Reads what makes one of the class equal to another."""
    names = [one.name for one in fields(cls) if one.compare]
    if len(names) > 1:
        return attrgetter(*names)
    return lambda record: tuple(getattr(record, name) for name in names)


def _eq(self: Any, other: object) -> Any:
    if other.__class__ is not self.__class__:
        return NotImplemented
    values = _values_of(self)
    return values(self) == values(other)


def _hash(self: Any) -> int:
    return hash(_values_of(self)(self))


@recursive_repr()
def _repr(self: Any) -> str:
    shown = ", ".join(f"{one.name}={getattr(self, one.name)!r}" for one in fields(self) if one.repr)
    return f"{self.__class__.__qualname__}({shown})"


def _no_setting(self: Any, name: str, value: object) -> None:
    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def _no_deleting(self: Any, name: str) -> None:
    raise FrozenInstanceError(f"cannot delete field {name!r}")


def _state(self: Any) -> list[Any]:
    return [getattr(self, one.name) for one in fields(self)]


def _set_state(self: Any, state: list[Any]) -> None:
    for one, value in zip(fields(self), state, strict=True):
        object.__setattr__(self, one.name, value)
