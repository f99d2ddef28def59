"""W&B's own rules, checked before a byte is sent: nothing may wait for a tracker that will never accept it."""

from typing import Final

from wabucketref.errors import UsageError
from wabucketref.model.names import check_component, check_new_alias, version_number

METADATA_KEY: Final = "wabucket"
"""Under which our facts lie in an artifact's metadata."""
MAX_METADATA_KEYS: Final = 99
"""W&B takes 100; one is ours."""

_RESERVED_PREFIX: Final = "wandb-"
_RESERVED_NAMES: Final = {"job": "", "run_table": "run-", "code": "source-"}
"""Type to the start of names that are W&B's own there; empty: all."""


def check_names(type: str, name: str, alias: str) -> None:
    """Refuse names that W&B keeps for itself or reads otherwise.

    Raises:
        UsageError: naming the rule.
    """
    check_component(type, "type")
    check_component(name, "name")
    check_new_alias(alias)
    if type.startswith(_RESERVED_PREFIX):
        raise UsageError(f"type {type!r} is reserved by W&B", hint=f"choose one that does not start with {type[:6]!r}")
    start = _RESERVED_NAMES.get(type)
    if start is not None and name.startswith(start):
        what = f"names that start with {start!r}" if start else "all names"
        raise UsageError(f"of type {type!r}, {what} are reserved by W&B", hint="choose another type")
    if version_number(alias) is not None:
        raise UsageError(
            f"alias {alias!r} means a version number to W&B", hint="choose an alias that is not of the form vN"
        )
