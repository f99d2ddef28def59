"""Writes ``docs/reference/json.md`` from the JSON Schemas: ``python -m tests.tools.json_reference [--check]``."""

import sys
from collections.abc import Iterator
from typing import Any

from tests.tools.generate import run
from tests.unit.cli.schemas import load

PAGE = "reference/json.md"
HEAD = """\
# JSON documents

Written from the schemas in `wabucketref/cli/schema/` by `python -m tests.tools.json_reference`; do not edit.

With `--json` a command prints one JSON document on stdout, in ASCII. Field names are stable from release 1.0 on; new
fields may be added, so readers ignore what they do not know. Numbers that JSON lacks are the strings `"NaN"`,
`"Infinity"` and `"-Infinity"`. Times are RFC 3339. Each document has a JSON Schema (2020-12); the tests check every
document against it.
"""


def page() -> str:
    """The whole page: documents by command first, then the objects in them."""
    loaded = load()
    documents = [name for name, schema in loaded.items() if schema["title"].startswith("wabucket ")]
    rest = [name for name in loaded if name not in documents]
    return "\n".join([HEAD, *(section(name, loaded[name]) for name in documents + rest)])


def section(name: str, schema: dict[str, Any]) -> str:
    """One schema as a table of its fields."""
    title = schema["title"]
    heading = f"`{title}`" if title.startswith("wabucket ") else title
    lines = [f"## {heading}", "", f"{schema['description']} Schema: `{name}.json`.", ""]
    lines += ["| field | type | meaning |", "| --- | --- | --- |"]
    lines += [f"| `{path}` | {kind} | {meaning} |" for path, kind, meaning in fields(schema, "")]
    return "\n".join(lines) + "\n"


def fields(schema: dict[str, Any], prefix: str) -> Iterator[tuple[str, str, str]]:
    """Path, type and meaning of every field; objects written out in place follow their field."""
    for name, field in schema.get("properties", {}).items():
        optional = "" if name in schema.get("required", ()) else " (optional)"
        yield prefix + name, kind(field) + optional, field.get("description", "")
        inner = field.get("items", field)
        suffix = "[]." if "items" in field else "."
        yield from fields(inner, f"{prefix}{name}{suffix}")


def kind(field: dict[str, Any]) -> str:
    """A field's type in words."""
    if "$ref" in field:
        title = load()[field["$ref"].removesuffix(".json")]["title"]
        return f"[{title.lower()}](#{title.lower().replace(' ', '-')})"
    if "anyOf" in field:
        return " or ".join(kind(one) for one in field["anyOf"])
    if "const" in field:
        return f"`{field['const']}`".lower()
    if "enum" in field:
        return ", ".join(f"`{one}`" for one in field["enum"])
    types = field.get("type", "any")
    words = " or ".join(types) if isinstance(types, list) else types
    return f"{words} of {kind(field['items'])}" if "items" in field and "properties" not in field["items"] else words


if __name__ == "__main__":
    sys.exit(run(PAGE, page()))
