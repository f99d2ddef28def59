"""The JSON Schemas of ``--json``, ready to check with."""

import json
from pathlib import Path
from typing import Any

import wabucketref.cli

DIRECTORY = Path(wabucketref.cli.__file__).parent / "schema"


def load() -> dict[str, dict[str, Any]]:
    """Name to schema."""
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(DIRECTORY.glob("*.json"))}


def strict(schema: Any) -> Any:
    """The schema as the tests check it: nothing but what is documented. (Readers shall ignore unknown fields.)"""
    if isinstance(schema, list):
        return [strict(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {"additionalProperties": False} if "properties" in schema else {}
    return closed | {key: strict(one) for key, one in schema.items()}


def check(name: str, document: Any) -> None:
    """Raise jsonschema's ValidationError when `document` is not what the schema `name` says."""
    from jsonschema import Draft202012Validator
    from referencing import Registry, Resource

    loaded = {name: strict(schema) for name, schema in load().items()}
    resources = [(f"{name}.json", Resource.from_contents(schema)) for name, schema in loaded.items()]
    registry: Registry[Any] = Registry().with_resources(resources)
    Draft202012Validator(loaded[name], registry=registry).validate(document)
