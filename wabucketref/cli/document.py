"""The one JSON document that ``--json`` prints."""

import json
from collections.abc import Iterable, Iterator, Mapping
from textwrap import indent
from typing import Any

from wabucketref.model.finite import finite


def encode(document: Mapping[str, Any]) -> str:
    """Strict JSON in ASCII, two spaces of indentation; NaN and infinities become their names as strings.

    ASCII, so that no locale or terminal can damage a name.
    """
    try:
        return json.dumps(document, indent=2, allow_nan=False)
    except ValueError:
        return json.dumps(finite(document), indent=2, allow_nan=False)


def encode_long(document: Mapping[str, Any], name: str, items: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """The lines of :func:`encode` for `document` with the list `items` under `name` as its last field, one by one."""
    before = encode({**document, name: []}).removesuffix("]\n}")
    first = True
    for item in items:
        yield before if first else f"{before},"
        before, first = indent(encode(item), "    "), False
    yield f"{before}]\n}}" if first else f"{before}\n  ]\n}}"
