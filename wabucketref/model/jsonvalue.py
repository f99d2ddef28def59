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
import fractions
import json
import math
import os
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
MAX_METADATA_BYTES: Final = 512 * 1024
"""The manifest header, which carries the metadata, is capped at 1 MiB."""

_INT_LIMIT: Final = 1 << 63
_SHORT: Final = 256
_EXACT_AS_TEXT = (decimal.Decimal, fractions.Fraction, uuid.UUID)
_DATES = (datetime.date, datetime.time)  # a datetime is a date


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
    try:
        return _Walk(allow_nan).plain(value, where)
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


class _Walk:
    """One normalization: its budget and the containers it is inside of."""

    def __init__(self, allow_nan: bool) -> None:
        self.allow_nan = allow_nan
        self.keys = 0
        self.items = 0
        self.inside: set[int] = set()

    def plain(self, value: Any, path: str) -> Any:
        if value is None or value is True or value is False:
            return value
        if isinstance(value, Enum):
            return self.plain(value.value, path)
        if isinstance(value, str):
            return _text(str.__str__(value), path)
        if isinstance(value, int):
            return _integer(int(value), path)
        if isinstance(value, float):
            return self._float(float(value), path)
        if isinstance(value, (Mapping, list, tuple, set, frozenset)) or _is_record(value):
            return self._container(value, path)
        return self._other(value, path)

    def _float(self, value: float, path: str) -> float:
        if not self.allow_nan and not math.isfinite(value):
            raise InvalidValue(f"{path} is {value}", hint="only finite numbers are allowed here")
        return value

    def _container(self, value: Any, path: str) -> Any:
        if id(value) in self.inside:
            raise InvalidValue(f"{path} contains itself", hint="break the cycle")
        if len(self.inside) >= MAX_DEPTH:
            raise InvalidValue(f"{path} is nested more than {MAX_DEPTH} deep", hint="flatten it")
        self.inside.add(id(value))
        try:
            if isinstance(value, Mapping):
                return self._mapping(list(value.items()), path)
            if isinstance(value, (set, frozenset)):
                return sorted(self._list(value, path), key=to_json)
            if is_dataclass(value):
                return self._mapping([(one.name, getattr(value, one.name)) for one in fields(value)], path)
            return self._list(value, path)
        finally:
            self.inside.discard(id(value))

    def _mapping(self, pairs: list[tuple[Any, Any]], path: str) -> dict[str, Any]:
        self.keys += len(pairs)
        self._spend(len(pairs), path)
        if self.keys > MAX_KEYS:
            raise InvalidValue(f"{path} has more than {MAX_KEYS} keys", hint="put large tables into a file")
        found: dict[str, Any] = {}
        for key, item in pairs:
            name = _key(key, path)
            if name in found:
                raise InvalidValue(f"{path} has the key {name!r} twice")
            found[name] = self.plain(item, f"{path}.{name[:80]}")
        if any("." in name for name in found):
            _refuse_ambiguous(found, path)
        return found

    def _list(self, values: Iterable[Any], path: str) -> list[Any]:
        items = list(values)
        self._spend(len(items), path)
        return [self.plain(item, f"{path}[{index}]") for index, item in enumerate(items)]

    def _spend(self, count: int, path: str) -> None:
        self.items += count
        if self.items > MAX_ITEMS:
            raise InvalidValue(f"{path} has more than {MAX_ITEMS} values", hint="put large data into a file")

    def _other(self, value: Any, path: str) -> Any:
        if isinstance(value, _EXACT_AS_TEXT):
            return _text(str(value), path)
        if isinstance(value, _DATES):
            return value.isoformat()
        if isinstance(value, datetime.timedelta):
            return value.total_seconds()
        if isinstance(value, os.PathLike) and isinstance(name := os.fspath(value), str):
            return _text(name, path)
        if all(hasattr(value, name) for name in ("tolist", "shape", "dtype")):
            return self._array(value, path)
        raise InvalidValue(f"{path} is {_kind(value)}, which cannot be recorded", hint=_advice(value))

    def _array(self, value: Any, path: str) -> Any:
        """Scalars and arrays of any array library, known by their shape, so that none has to be imported."""
        size = math.prod(value.shape)
        if size > MAX_ARRAY:
            raise InvalidValue(
                f"{path} is an array of {size} elements; at most {MAX_ARRAY} are allowed", hint="put it into a file"
            )
        if getattr(value.dtype, "kind", "f") in "OMmV":
            raise InvalidValue(f"{path} is an array of {value.dtype}", hint="convert it to numbers or strings first")
        try:
            found = value.tolist()
        except Exception as error:  # any array library may fail here in its own way; the cause is kept
            raise InvalidValue(f"{path} is {_kind(value)}, which gave no values: {error}") from error
        if type(found) is type(value):  # numpy's long double has no plain counterpart and returns itself
            found = float(found)
        return self.plain(found, path)


def _integer(value: int, path: str) -> int | str:
    if -_INT_LIMIT <= value < _INT_LIMIT:
        return value
    try:
        return str(value)
    except ValueError as error:
        raise InvalidValue(f"{path} is an integer of more than 4300 digits", hint="give it as a string") from error


def _text(value: str, path: str) -> str:
    if len(value) > MAX_TEXT:
        raise InvalidValue(
            f"{path} has {len(value)} characters; at most {MAX_TEXT} are allowed", hint="put large texts into a file"
        )
    if not value.isascii():
        for character in value:
            if "\ud800" <= character <= "\udfff":
                raise InvalidValue(f"{path} has the lone surrogate U+{ord(character):04X}", hint="it is not text")
    return value


def _key(key: Any, path: str) -> str:
    if not isinstance(key, str):
        raise InvalidValue(f"{path} has a key of type {_kind(key)}", hint="keys must be strings")
    name = str.__str__(key.value) if isinstance(key, Enum) else str.__str__(key)
    if not name:
        raise InvalidValue(f"{path} has an empty key", hint="keys must not be empty")
    if len(name) > MAX_KEY:
        raise InvalidValue(f"{path} has a key of {len(name)} characters; at most {MAX_KEY} are allowed")
    return _text(name, f"{path}, key {name[:80]!r}")


def _refuse_ambiguous(found: dict[str, Any], path: str) -> None:
    seen: set[str] = set()
    for name in _dotted(found, ""):
        if name in seen:
            raise InvalidValue(f"{path} has {name!r} both as a key and as nested keys", hint="choose one spelling")
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


def _advice(value: Any) -> str:
    if isinstance(value, (bytes, bytearray, memoryview)):
        return "decode it to text, or put it into a file of an artifact"
    return "give numbers, strings, lists or dicts"
