"""Scalars of W&B's schema beyond GraphQL's own."""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from graphql import GraphQLError, GraphQLScalarType


def _to_json(value: Any) -> str:
    """Text is JSON already."""
    return value if isinstance(value, str) else dump(value)


def dump(value: Any) -> str:
    """JSON as W&B's SDK reads it: NaN and infinities bare, as Python writes them."""
    return json.dumps(value, separators=(",", ":"))


def finite(value: Any) -> Any:
    """`value` with NaN and infinities as texts: inside an answer the SDK's core takes JSON by the letter."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, Mapping):
        return {key: finite(one) for key, one in value.items()}
    return [finite(one) for one in value] if isinstance(value, list | tuple) else value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise GraphQLError(f"a JSON string is text, not {type(value).__name__}")
    return value


def _to_moment(value: Any) -> str:
    if not isinstance(value, datetime):
        raise GraphQLError(f"no moment: {type(value).__name__}")
    return value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def _integer(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float) or int(value) != value or abs(value) >= 1 << 63:
        raise GraphQLError("no integer of 64 bits")
    return int(value)


@dataclass(frozen=True, slots=True)
class _Scalar:
    serialize: Callable[[Any], Any]
    parse: Callable[[Any], Any] | None = None


SCALARS: Final[Mapping[str, _Scalar]] = {
    "JSON": _Scalar(finite),
    "JSONString": _Scalar(_to_json, _text),
    "DateTime": _Scalar(_to_moment),
    "Int64": _Scalar(int, _integer),
}


def adapt(kind: GraphQLScalarType) -> None:
    """Give a scalar that an SDL file declares its behaviour."""
    known = SCALARS[kind.name]
    setattr(kind, "coerce_output_value", known.serialize)  # noqa: B010 - methods to the type checker
    if known.parse is not None:
        setattr(kind, "coerce_input_value", known.parse)  # noqa: B010
