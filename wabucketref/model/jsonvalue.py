"""What may be recorded: values made plain at the call, so that nothing can go wrong with them in a thread later.

=============================================  ==========================================================
given                                          recorded
=============================================  ==========================================================
None, bool, str, finite float                  exactly; a negative zero stays one
NaN, infinities                                as floats where they are allowed; :func:`to_json` writes strings
int from -2**63 to 2**63 - 1                   exactly
int beyond, up to 4,300 digits                 its decimal digits, as a string
Decimal, Fraction, UUID                        string, exact
datetime, date, time                           string, ISO 8601
timedelta                                      seconds, float
Path and other ``os.PathLike`` of str          string
Enum                                           its value, by this table
dict and other mappings                        object; keys are non-empty strings
list, tuple, dataclass instance                list, list, object of its fields
set, frozenset                                 list, sorted by the JSON text of its members
scalars and arrays of numpy, torch, jax …      what their ``tolist()`` gives, up to :data:`MAX_ARRAY` elements
bytes, complex, object and time arrays, rest   ``InvalidValue``
=============================================  ==========================================================

Limits: see the constants. A key with a dot may not name the same thing as a nested key (``a.b`` beside ``a: {b}``),
because trackers flatten nested keys with dots.
"""

import datetime
import decimal
import json
import math
import os
import re
import sys
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any, Final

from wabucketref.errors import InvalidValue, UsageError

MAX_DEPTH: Final = 64
MAX_KEYS: Final = 10_000
MAX_ITEMS: Final = 100_000
MAX_ARRAY: Final = 10_000
MAX_TEXT: Final = 1_000_000
MAX_KEY: Final = 1_000
MAX_METADATA_BYTES: Final = 512 * 1024  # the manifest header, which carries them, is capped at 1 MiB

_INT_LIMIT: Final = 1 << 63
_SHORT: Final = 256
_EXACT_AS_TEXT = (decimal.Decimal, uuid.UUID)
_SURROGATE = re.compile("[\ud800-\udfff]")


def normalize(value: Any, where: str, *, allow_nan: bool = True) -> Any:
    """A deep copy of `value` in plain None, bool, int, float, str, list and dict, by the table of this module.

    Args:
        value: what the user gave; later changes to it do not matter.
        where: how an error names it, such as ``log`` or ``config``.
        allow_nan: whether NaN and infinities may stay.

    Raises:
        InvalidValue: naming the path inside `value`, and the limit where one was crossed.
    """
    if allow_nan and type(value) is dict and (flat := _flat(value)) is not None:
        return flat
    walk = _Walk(allow_nan)
    try:
        return walk.plain(value)
    except _Problem as problem:
        raise InvalidValue(f"{walk.path(where)} {problem}", hint=problem.hint) from problem
    except RecursionError as error:  # the caller's own stack was nearly full
        raise InvalidValue(f"{where} is nested too deeply", hint="flatten it") from error


def to_json(value: Any) -> str:
    """Strict, compact JSON of a normalized value; NaN and infinities become the strings of :func:`without_nan`."""
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except ValueError:
        return json.dumps(without_nan(value), ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def without_nan(value: Any) -> Any:
    """A copy of a normalized value in which they are the strings ``NaN``, ``Infinity`` and ``-Infinity``."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, dict):
        return {key: without_nan(item) for key, item in value.items()}
    if isinstance(value, list):
        return [without_nan(item) for item in value]
    return value


def check_metadata(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Artifact metadata made plain.

    Raises:
        InvalidValue: as :func:`normalize`, also for NaN and infinities.
        UsageError: it is larger than :data:`MAX_METADATA_BYTES` as indented JSON.
    """
    if not isinstance(metadata, Mapping):
        raise InvalidValue(f"metadata is {_kind(metadata)}, not a mapping", hint="give KEY=VALUE pairs or a dict")
    plain: dict[str, Any] = normalize(metadata, "metadata", allow_nan=False)
    size = len(json.dumps(plain, indent=2, ensure_ascii=False).encode())
    if size > MAX_METADATA_BYTES:
        raise UsageError(
            f"metadata has {size} bytes as JSON; at most {MAX_METADATA_BYTES} are allowed",
            hint="put large values into a file of the artifact",
        )
    return plain


def _flat(value: dict[Any, Any]) -> dict[str, Any] | None:
    """The hot path of ``run.log``: a copy of a flat dict of simple values, or None when a closer look is needed."""
    if len(value) > _SHORT:
        return None
    found: dict[str, Any] = {}
    for key, item in list(value.items()):
        if type(key) is not str or not 0 < len(key) <= _SHORT or not key.isascii():
            return None
        kind = type(item)
        if kind is int:
            if not -_INT_LIMIT <= item < _INT_LIMIT:
                return None
        elif kind is str:
            if len(item) > _SHORT or not item.isascii():
                return None
        elif kind is not float and kind is not bool and item is not None:
            return None
        found[key] = item
    return found


class _Problem(Exception):
    """Why a value is refused; the walk knows where it is."""

    def __init__(self, what: str, hint: str | None = None) -> None:
        super().__init__(what)
        self.hint = hint


class _Walk:
    """One normalization: its budget, and the way from the root to where it is (kept when a problem is raised)."""

    def __init__(self, allow_nan: bool) -> None:
        self.allow_nan = allow_nan
        self.keys = 0
        self.items = 0
        self.inside: set[int] = set()
        self.trail: list[str | int] = []

    def path(self, where: str) -> str:
        return where + "".join(f"[{step}]" if isinstance(step, int) else f".{step[:80]}" for step in self.trail)

    def plain(self, value: Any) -> Any:
        if value is None or value is True or value is False:
            return value
        if isinstance(value, Enum):
            return self.plain(value.value)
        if isinstance(value, str):
            return _text(str.__str__(value))
        if isinstance(value, int):
            return _integer(int(value))
        if isinstance(value, float):
            return self._float(float(value))
        if isinstance(value, (Mapping, list, tuple, set, frozenset)) or _is_record(value):
            return self._container(value)
        return self._other(value)

    def _float(self, value: float) -> float:
        if not self.allow_nan and not math.isfinite(value):
            raise _Problem(f"is {value}", "only finite numbers are allowed here")
        return value

    def _container(self, value: Any) -> Any:
        if id(value) in self.inside:
            raise _Problem("contains itself", "break the cycle")
        if len(self.inside) >= MAX_DEPTH:
            raise _Problem(f"is nested more than {MAX_DEPTH} deep", "flatten it")
        self.inside.add(id(value))
        found: Any
        if isinstance(value, Mapping):
            found = self._mapping(list(value.items()))
        elif isinstance(value, (set, frozenset)):
            found = sorted(self._list(value), key=to_json)
        elif is_dataclass(value):
            found = self._mapping([(one.name, getattr(value, one.name)) for one in fields(value)])
        else:
            found = self._list(value)
        self.inside.discard(id(value))
        return found

    def _mapping(self, pairs: list[tuple[Any, Any]]) -> dict[str, Any]:
        self.keys += len(pairs)
        if self.keys > MAX_KEYS:
            raise _Problem(f"has more than {MAX_KEYS} keys", "put large tables into a file")
        found: dict[str, Any] = {}
        for key, item in pairs:
            name = _key(key)
            if name in found:
                raise _Problem(f"has the key {name!r} twice")
            found[name] = self._below(name, item)
        if any("." in name for name in found):
            _refuse_ambiguous(found)
        return found

    def _list(self, values: Iterable[Any]) -> list[Any]:
        items = list(values)
        self.items += len(items)
        if self.items > MAX_ITEMS:
            raise _Problem(f"has more than {MAX_ITEMS} values", "put large data into a file")
        return [self._below(index, item) for index, item in enumerate(items)]

    def _below(self, step: str | int, value: Any) -> Any:
        self.trail.append(step)
        found = self.plain(value)
        self.trail.pop()
        return found

    def _other(self, value: Any) -> Any:
        if isinstance(value, _EXACT_AS_TEXT) or _is_fraction(value):
            return _text(str(value))
        if isinstance(value, (datetime.date, datetime.time)):  # a datetime is a date
            return value.isoformat()
        if isinstance(value, datetime.timedelta):
            return value.total_seconds()
        if isinstance(value, os.PathLike) and isinstance(name := os.fspath(value), str):
            return _text(name)
        if all(hasattr(value, name) for name in ("tolist", "shape", "dtype")):
            return self._array(value)
        raise _Problem(f"is {_kind(value)}, which cannot be recorded", "give numbers, strings, lists or dicts")

    def _array(self, value: Any) -> Any:
        """Scalars and arrays of any array library, known by their shape, so that none has to be imported."""
        size = math.prod(value.shape)
        if size > MAX_ARRAY:
            raise _Problem(f"is an array of {size} elements; at most {MAX_ARRAY} are allowed", "put it into a file")
        if getattr(value.dtype, "kind", "f") in "OMmV":
            raise _Problem(f"is an array of {value.dtype}", "convert it to numbers or strings first")
        try:
            found = value.tolist()
        except Exception as error:  # any array library may fail here in its own way; the cause is kept
            raise _Problem(f"is {_kind(value)}, which gave no values: {error}") from error
        if type(found) is type(value):  # numpy's long double has no plain counterpart and returns itself
            found = float(found)
        return self.plain(found)


def _integer(value: int) -> int | str:
    if -_INT_LIMIT <= value < _INT_LIMIT:
        return value
    try:
        return str(value)
    except ValueError as error:
        raise _Problem("is an integer of more than 4300 digits", "give it as a string") from error


def _is_fraction(value: Any) -> bool:
    """Nobody has one who has not loaded its module, which takes a while."""
    module = sys.modules.get("fractions")
    return module is not None and isinstance(value, module.Fraction)


def _text(value: str, what: str = "") -> str:
    if len(value) > MAX_TEXT:
        raise _Problem(f"has {len(value)} characters; at most {MAX_TEXT} are allowed", "put large texts into a file")
    if not value.isascii() and (found := _SURROGATE.search(value)):
        raise _Problem(f"has the lone surrogate U+{ord(found[0]):04X}{what}", "it is not text")
    return value


def _key(key: Any) -> str:
    if not isinstance(key, str):
        raise _Problem(f"has a key of type {_kind(key)}", "keys must be strings")
    name = str.__str__(key.value) if isinstance(key, Enum) else str.__str__(key)
    if not name:
        raise _Problem("has an empty key", "keys must not be empty")
    if len(name) > MAX_KEY:
        raise _Problem(f"has a key of {len(name)} characters; at most {MAX_KEY} are allowed")
    return _text(name, " in a key")


def _refuse_ambiguous(found: dict[str, Any]) -> None:
    seen: set[str] = set()
    for name in _dotted(found, ""):
        if name in seen:
            raise _Problem(f"has {name!r} both as a key and as nested keys", "choose one spelling")
        seen.add(name)


def _dotted(found: dict[str, Any], prefix: str) -> Iterator[str]:
    for key, item in found.items():
        yield prefix + key
        if isinstance(item, dict):
            yield from _dotted(item, f"{prefix}{key}.")


def _is_record(value: Any) -> bool:
    return is_dataclass(value) and not isinstance(value, type)


def _kind(value: Any) -> str:
    kind = type(value)
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
