import datetime as dt
import enum
import fractions
import json
import math
import pathlib
import sys
import threading
import time
import uuid
from collections import OrderedDict, namedtuple
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType, SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wabucketref.errors import InvalidValue, UsageError
from wabucketref.model import jsonvalue
from wabucketref.model.jsonvalue import check_metadata, normalize, to_json, without_nan


class Color(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


class Word(enum.StrEnum):
    YES = "yes"


@dataclass
class Point:
    x: int
    y: Any


class Loud(str):
    def __str__(self) -> str:
        raise AssertionError("must not be called")


class FakeArray:
    """What numpy, torch and jax arrays have in common."""

    def __init__(self, found: Any, shape: tuple[int, ...] = (), kind: str = "f") -> None:
        self.found, self.shape, self.dtype = found, shape, SimpleNamespace(kind=kind)

    def tolist(self) -> Any:
        if isinstance(self.found, Exception):
            raise self.found
        return self.found


class LongDouble(FakeArray):
    def tolist(self) -> Any:
        return self

    def __float__(self) -> float:
        return 1.5


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(min_size=1).filter(lambda key: "." not in key), inner),
    max_leaves=20,
)


@pytest.mark.row("M2")
@given(json_values)
def test_json_like_data_is_kept_exactly(value: Any) -> None:
    found = normalize(value, "config")
    assert repr(found) == repr(value)
    if not isinstance(value, float) and "inf" not in repr(value):
        assert json.loads(to_json(found)) == value


@given(
    st.dictionaries(st.text(max_size=5), st.integers() | st.floats() | st.text(max_size=5) | st.none() | st.booleans())
)
def test_fast_and_slow_path_agree(value: dict[str, Any]) -> None:
    def outcome(given: Any) -> str:
        try:
            return repr(normalize(given, "log"))
        except InvalidValue as error:
            return error.message

    assert outcome(value) == outcome(OrderedDict(value))


@pytest.mark.row("M2")
@pytest.mark.parametrize(
    ("given_value", "kept"),
    [
        (2**53 + 1, 2**53 + 1),
        (2**63, str(2**63)),
        (-(2**63) - 1, str(-(2**63) - 1)),
        (10**400, "1" + "0" * 400),
        (True, True),
        (Decimal("0.10"), "0.10"),
        (fractions.Fraction(1, 3), "1/3"),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (dt.datetime(2026, 1, 2, 3, tzinfo=dt.UTC), "2026-01-02T03:00:00+00:00"),
        (dt.date(2026, 1, 2), "2026-01-02"),
        (dt.time(3, 4), "03:04:00"),
        (dt.timedelta(minutes=1.5), 90.0),
        (pathlib.PurePosixPath("a/b"), "a/b"),
        (Color.RED, "red"),
        (Level.HIGH, 3),
        (Word.YES, "yes"),
        ({Word.YES: 1}, {"yes": 1}),
        (Loud("text"), "text"),
        ({3, 1, 2}, [1, 2, 3]),
        (frozenset({"b", "a"}), ["a", "b"]),
        (Point(1, Point(2, None)), {"x": 1, "y": {"x": 2, "y": None}}),
        (namedtuple("Pair", "a b")(1, 2), [1, 2]),
        (MappingProxyType({"a": 1}), {"a": 1}),
        (FakeArray(1.25), 1.25),
        (FakeArray([[1, 2]], (1, 2), "i"), [[1, 2]]),
        (FakeArray(["a"], (1,), "U"), ["a"]),
        (LongDouble(None), 1.5),
    ],
)
def test_table_of_conversions(given_value: Any, kept: Any) -> None:
    found = normalize({"k": given_value}, "config")["k"]
    assert found == kept
    assert type(found) is type(kept)


@pytest.mark.row("M2")
def test_negative_zero_stays_negative() -> None:
    assert math.copysign(1, normalize([-0.0], "log")[0]) == -1


@pytest.mark.row("M2", "M3")
@pytest.mark.parametrize(
    "refused",
    [
        b"x",
        bytearray(b"x"),
        1j,
        object(),
        Point,
        len,
        range(3),
        FakeArray([None], (1,), "O"),
        FakeArray(1, (), "M"),
        FakeArray(b"x", (), "S"),
        FakeArray([], (100, 101)),
        FakeArray(NotImplementedError("meta tensor")),
        pytest.param(10**5000, id="5001 digits"),
    ],
)
def test_refused_at_the_call_with_its_path(refused: Any) -> None:
    with pytest.raises(TypeError, match=r"^config\.a\[1\]") as caught:
        normalize({"a": [0, refused]}, "config")
    assert isinstance(caught.value, InvalidValue)
    assert caught.value.exit_code == 2


def _cycle() -> dict[str, Any]:
    value: dict[str, Any] = {}
    value["self"] = [value]
    return value


def _wide_cycle() -> list[Any]:
    value: list[Any] = []
    value.extend([[value, value] for _ in range(20)])
    return value


def _deep() -> list[Any]:
    value: list[Any] = []
    for _ in range(10_000):
        value = [value]
    return value


def _shared() -> list[Any]:
    value: list[Any] = [1]
    for _ in range(40):
        value = [value, value]
    return value


@pytest.mark.row("M3", "X20")
@pytest.mark.parametrize(
    ("make", "says"),
    [
        (_cycle, "contains itself"),
        (_wide_cycle, "contains itself"),
        (_deep, "more than 64 deep"),
        (_shared, "more than 100000 values"),
        (lambda: {1: 2}, "key of type int"),
        (lambda: {("a",): 2}, "key of type tuple"),
        (lambda: {"": 2}, "empty key"),
        (lambda: {"a": {"": 2}}, r"^log\.a has an empty key"),
        (lambda: {"a.b": 1, "a": {"b": 2}}, "'a.b' both"),
        (lambda: {"a": {"b.c": 1, "b": {"c": 1}}}, "'b.c' both"),
        (lambda: {str(n): n for n in range(100_000)}, "more than 10000 keys"),
        (lambda: {"t": "x" * 50_000_000}, "50000000 characters; at most 1000000"),
        (lambda: {"t": "é" * 50_000_000}, "50000000 characters"),
        (lambda: {"k" * 1001: 1}, "a key of 1001 characters"),
        (lambda: {"t": "a\ud800"}, r"U\+D800"),
        (lambda: {"t\udfff": 1}, r"U\+DFFF"),
        (lambda: [pathlib.PurePosixPath("a\udc80")], r"U\+DC80"),
    ],
)
def test_hostile_values_are_refused_quickly(make: Any, says: str) -> None:
    value = make()
    started = time.thread_time()
    with pytest.raises(InvalidValue, match=says) as caught:
        normalize(value, "log")
    assert time.thread_time() - started < 1
    assert caught.value.message.startswith("log")


@pytest.mark.row("M3")
def test_no_recursion_error_on_a_nearly_full_stack() -> None:
    outcome: list[Any] = []

    def dive(left: int) -> None:
        if left:
            dive(left - 1)
            return
        value: Any = 1
        for _ in range(60):
            value = [value]
        try:
            outcome.append(normalize(value, "log"))
        except InvalidValue as error:
            outcome.append(error)

    thread = threading.Thread(target=dive, args=(sys.getrecursionlimit() - 80,))
    thread.start()
    thread.join()
    assert isinstance(outcome[0], InvalidValue)


def test_dotted_key_without_a_rival_is_fine() -> None:
    assert normalize({"a.b": 1, "a": {"c": 2}}, "log") == {"a.b": 1, "a": {"c": 2}}


@pytest.mark.row("M4")
def test_later_mutation_does_not_matter() -> None:
    inner = [1, {"x": 2}]
    flat, nested = {"a": 1}, {"a": inner}
    kept = [normalize(flat, "log"), normalize(nested, "log")]
    flat["a"] = 9
    inner[1]["x"] = 9  # type: ignore[index]
    inner.append(9)
    assert kept == [{"a": 1}, {"a": [1, {"x": 2}]}]


@pytest.mark.row("M1")
def test_nan_and_infinities() -> None:
    value = {"a": math.nan, "b": [math.inf, -math.inf], "c": 1.0}
    kept = normalize(value, "log")
    assert math.isnan(kept["a"])
    assert to_json(kept) == '{"a":"NaN","b":["Infinity","-Infinity"],"c":1.0}'
    assert without_nan({"x": (0.5)}) == {"x": 0.5}
    with pytest.raises(InvalidValue, match=r"^log\.a is nan"):
        normalize({"a": math.nan}, "log", allow_nan=False)


@pytest.mark.row("M1")
@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf, FakeArray(math.nan)])
def test_metadata_refuses_what_is_not_finite(number: Any) -> None:
    with pytest.raises(UsageError, match=r"^metadata\.score is") as caught:
        check_metadata({"score": number})
    assert caught.value.exit_code == 2


def test_metadata_size_and_shape() -> None:
    assert check_metadata({"a": {"b": (1, 2)}}) == {"a": {"b": [1, 2]}}
    with pytest.raises(UsageError, match="at most 524288"):
        check_metadata({"a": "x" * jsonvalue.MAX_METADATA_BYTES})
    with pytest.raises(InvalidValue, match="list, not a mapping"):
        check_metadata([])  # type: ignore[arg-type]
