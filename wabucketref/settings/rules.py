"""What each setting may be: a schema for pydantic's validator.

Only the validator is loaded (`pydantic_core`), and the schema is written out: pydantic itself would make the same of a
model, but its import and the making take a fifth of the time of a small upload.
"""

import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, Final

from pydantic_core import PydanticCustomError, SchemaValidator

from wabucketref.settings import checks

Schema = dict[str, Any]
Check = Callable[[Any], Any]


class Secret:
    """Text that is never shown by accident."""

    def __init__(self, text: str) -> None:
        self._text = text

    def get_secret_value(self) -> str:
        """The text itself."""
        return self._text

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __repr__(self) -> str:
        return f"Secret({str(self)!r})"

    def __str__(self) -> str:
        return "**********" if self._text else ""


def _before(check: Check, schema: Schema) -> Schema:
    return {"type": "function-before", "function": {"type": "no-info", "function": check}, "schema": schema}


def _after(check: Check, schema: Schema) -> Schema:
    return {"type": "function-after", "function": {"type": "no-info", "function": check}, "schema": schema}


def _plain(make: Check) -> Schema:
    return {"type": "function-plain", "function": {"type": "no-info", "function": make}}


def _one_of(*words: str) -> Schema:
    return {"type": "literal", "expected": list(words)}


def _or_none(schema: Schema) -> Schema:
    return {"type": "nullable", "schema": schema}


def _seconds(least: float, most: float) -> Schema:
    return {"type": "float", "ge": least, "le": most, "allow_inf_nan": False}


def _path(value: Any) -> Path:
    if not isinstance(value, str | os.PathLike):
        raise PydanticCustomError("path_type", "Input is not a valid path")
    return Path(value)


def _secret(value: Any) -> Secret:
    if hasattr(value, "get_secret_value"):
        value = value.get_secret_value()
    if not isinstance(value, str):
        raise PydanticCustomError("string_type", "Input should be a valid string")
    return Secret(value)


_TEXT: Final = {"type": "str"}
_LINE: Final = _after(checks.check_line, {"type": "str", "max_length": 1000})
_PATH: Final = _plain(_path)
_SECRET: Final = _or_none(_plain(_secret))
_TABLE: Final = {"type": "dict", "keys_schema": _TEXT, "values_schema": {"type": "any"}}
_TAGS: Final = {"type": "tuple", "items_schema": [_TEXT], "variadic_item_index": 0}
_LONG: Final = 30 * 86400

RULES: Final[dict[str, Schema]] = {
    "project_name": _or_none(_after(checks.check_project_name, _TEXT)),
    "entity": _or_none(_after(checks.check_entity, _TEXT)),
    "bucket": _or_none(_TEXT),
    "storage": _or_none(_TEXT),
    "run_name": _or_none(_LINE),
    "job_type": _or_none(_LINE),
    "tracker": _after(checks.check_tracker, _TEXT),
    "mode": _before(checks.check_mode, _one_of("online", "offline", "disabled")),
    "home": _PATH,
    "catalog": _or_none(_after(checks.check_catalog, _TEXT)),
    "base_url": _or_none(_after(checks.check_base_url, _TEXT)),
    "api_key": _SECRET,
    "tags": _before(checks.split_tags, _after(checks.check_tags, _TAGS)),
    "run_id": _or_none(_after(checks.check_run_id, _TEXT)),
    "run_group": _or_none(_LINE),
    "notes": _or_none({"type": "str", "max_length": 100_000}),
    "wandb_dir": _or_none(_PATH),
    "concurrency": {"type": "int", "ge": 1, "le": 1024},
    "memory": _before(checks.check_memory, {"type": "int"}),
    "deadline": _seconds(1, _LONG),
    "stall_timeout": _seconds(0.1, 3600),
    "data_plane": _one_of("auto", "native", "fsspec"),
    "finish_timeout": _seconds(1, _LONG),
    "executor": _after(checks.check_plugin_name, _TEXT),
    "journal_sync": _one_of("full", "normal"),
    "stat_cache": _one_of("on", "off"),
    "content_cache": _before(checks.check_size, {"type": "int"}),
    "service_idle": _seconds(0, 366 * 86400),
    "console": _one_of("off", "on"),
    "log": _one_of("debug", "info", "warning", "error"),
    "trace": _or_none(_PATH),
    "openlineage_url": _or_none(_after(checks.check_lineage_url, _TEXT)),
    "openlineage_api_key": _SECRET,
    "openlineage_endpoint": _LINE,
    "openlineage_namespace": _or_none(_LINE),
    "plugins": {"type": "dict", "keys_schema": _TEXT, "values_schema": _TABLE},
}
"""Every setting by name."""


@cache
def validator() -> SchemaValidator:
    """Checks a table of settings: what is not in it is not in its answer. Its errors repeat no value."""
    fields = {name: {"type": "typed-dict-field", "schema": schema, "required": False} for name, schema in RULES.items()}
    schema: Any = {"type": "typed-dict", "fields": fields, "extra_behavior": "forbid", "total": False}
    return SchemaValidator(schema, {"title": "Settings", "hide_input_in_errors": True})
