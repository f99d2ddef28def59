"""Our ``dataclass`` against the standard library's: whatever one of them makes, the other makes as well."""

import copy
import dataclasses
import inspect
import pickle
from collections.abc import Callable
from typing import Any

import pytest

from wabucketref import records

Decorator = Callable[..., Any]


def family(dataclass: Decorator) -> dict[str, type[Any]]:
    """One class of each sort that is declared here."""

    @dataclass(frozen=True, slots=True)
    class Point:
        """Where."""

        x: int
        y: float = 0.5
        names: list[str] = dataclasses.field(default_factory=list)
        note: str = dataclasses.field(default="", compare=False, repr=False)

        @property
        def sum(self) -> float:
            return self.x + self.y

    @dataclass(frozen=True, slots=True)
    class Point3(Point):
        """Where, in space."""

        z: int = 7

    @dataclass(frozen=True)
    class Open:
        """One field, no slots."""

        only: Any

    @dataclass
    class Mutable:
        """Changes."""

        count: int = 0
        seen: dict[str, int] = dataclasses.field(default_factory=dict)

        def __post_init__(self) -> None:
            self.count += 1

    @dataclass(slots=True, eq=False)
    class Identity:
        """Equal to itself alone."""

        value: int

    @dataclass(frozen=True)
    class Own:
        """Has methods of its own."""

        value: int

        def __init__(self, text: str) -> None:
            object.__setattr__(self, "value", int(text))

        def __eq__(self, other: object) -> bool:
            return isinstance(other, Own)

        def __hash__(self) -> int:
            return 5

        def __repr__(self) -> str:
            return "own"

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Named:
        """Its fields are named by the caller."""

        count: int = 0
        what: str

    @dataclass(frozen=True)
    class Empty:
        """Nothing."""

    found = [Point, Point3, Open, Mutable, Identity, Own, Named, Empty]
    for one in found:
        one.__qualname__ = one.__name__
    return {one.__name__: one for one in found}


OURS, THEIRS = family(records.dataclass), family(dataclasses.dataclass)
globals().update(OURS)  # where pickle looks for them

SAMPLES: dict[str, list[tuple[Any, ...]]] = {
    "Point": [(1,), (1, 0.5, [], "other note"), (1, 2.0), (1, 2.0, ["a"]), (1, float("nan"))],
    "Point3": [(1,), (1, 0.5, [], "", 8)],
    "Open": [(1,), ((1, 2),), ("x",), (None,)],
    "Mutable": [(), (3,), (3, {"a": 1})],
    "Identity": [(1,), (1,)],
    "Own": [("4",), ("5",)],
    "Empty": [(), ()],
}
EACH = pytest.mark.parametrize("name", SAMPLES)


def test_keywords_are_asked_for() -> None:
    assert str(inspect.signature(OURS["Named"])) == str(inspect.signature(THEIRS["Named"]))
    assert repr(OURS["Named"](what="it")) == repr(THEIRS["Named"](what="it"))
    with pytest.raises(TypeError):
        OURS["Named"](1, "it")


def both(name: str) -> list[tuple[Any, Any]]:
    return [(OURS[name](*arguments), THEIRS[name](*arguments)) for arguments in SAMPLES[name]]


@EACH
def test_values_representation_and_equality_are_the_standard_librarys(name: str) -> None:
    pairs = both(name)
    for ours, theirs in pairs:
        assert repr(ours) == repr(theirs)
        assert dataclasses.asdict(ours) == dataclasses.asdict(theirs) or "nan" in repr(ours)
        assert ours == ours
        assert ours != theirs
        assert ours.__eq__(3) is theirs.__eq__(3)
    for ours, theirs in pairs:
        assert [ours == one for one, _ in pairs] == [theirs == one for _, one in pairs]
        assert hashed(ours) is hashed(theirs)
        equal = [one for one, _ in pairs if one == ours and hashed(ours)]
        assert len({hash(one) for one in equal}) <= 1


def hashed(value: Any) -> bool:
    try:
        hash(value)
    except TypeError:
        return False
    return True


@EACH
def test_what_a_class_tells_of_itself(name: str) -> None:
    ours, theirs = OURS[name], THEIRS[name]
    assert str(inspect.signature(ours)) == str(inspect.signature(theirs))
    assert ours.__match_args__ == theirs.__match_args__
    assert ours.__doc__ == theirs.__doc__
    assert getattr(ours, "__slots__", None) == getattr(theirs, "__slots__", None)
    assert ours.__dataclass_params__.frozen is theirs.__dataclass_params__.frozen
    assert [(one.name, one.type, one.default) for one in dataclasses.fields(ours)] == [
        (one.name, one.type, one.default) for one in dataclasses.fields(theirs)
    ]


@EACH
def test_frozen_is_frozen_and_the_others_are_not(name: str) -> None:
    for pair in both(name):
        raised = []
        for one in pair:
            try:
                setattr(one, (dataclasses.fields(one) or [dataclasses.field()])[0].name or "any", 9)
            except AttributeError as error:
                raised.append((type(error), str(error)))
        assert raised[:1] == raised[1:]
        assert len(raised) in (0, 2)


@EACH
def test_copies_and_pickles_keep_everything(name: str) -> None:
    for ours, _ in both(name):
        for again in (copy.copy(ours), copy.deepcopy(ours), pickle.loads(pickle.dumps(ours))):
            assert type(again) is type(ours)
            assert repr(again) == repr(ours)


def test_replace_makes_another() -> None:
    assert dataclasses.replace(OURS["Point"](1), y=3.0) == OURS["Point"](1, 3.0)
    assert dataclasses.replace(OURS["Mutable"](1), count=5).count == 6


def test_each_has_a_new_default_of_its_own() -> None:
    first, second = OURS["Mutable"](), OURS["Mutable"]()
    first.seen["a"] = 1
    assert second.seen == {}


def test_wrong_arguments_are_told_as_the_standard_library_tells_them() -> None:
    for arguments in ((), (1, 2, 3, 4, 5)):
        with pytest.raises(TypeError) as ours:
            OURS["Point"](*arguments)
        with pytest.raises(TypeError) as theirs:
            THEIRS["Point"](*arguments)
        assert str(ours.value) == str(theirs.value).removeprefix("family.<locals>.")


def test_init_is_compiled_on_first_use_only() -> None:
    @records.dataclass(frozen=True, slots=True)
    class Late:
        x: int

    assert not inspect.isfunction(Late.__dict__["__init__"])
    assert Late(1).x == 1
    assert inspect.isfunction(Late.__dict__["__init__"])


def test_one_that_holds_itself_can_be_shown() -> None:
    holder = OURS["Open"]([])
    holder.only.append(holder)
    assert repr(holder) == "Open(only=[...])"
