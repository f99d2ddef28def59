"""Numbers that JSON lacks."""

import math
from collections.abc import Mapping
from typing import Any


def finite(value: Any) -> Any:
    """`value` with the strings ``NaN``, ``Infinity`` and ``-Infinity`` in place of such numbers, however deep."""
    if isinstance(value, Mapping):
        return {key: finite(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value
