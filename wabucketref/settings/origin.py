"""Where a setting's value came from."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wabucketref.model.redact import MASK, public_place, redact
from wabucketref.settings.fields import PLACES, is_secret

BUILT_IN = "built-in"


@dataclass(frozen=True, slots=True)
class Given:
    """A value as a source gives it, before any check."""

    raw: Any
    source: str
    """Such as ``environment WANDB_PROJECT``, ``argument --project-name`` or ``/path/wabucket.toml:3``."""


Layer = Mapping[str, Given]


@dataclass(frozen=True, slots=True)
class Overridden:
    """A value that lost to one of higher precedence."""

    source: str
    shown: str


@dataclass(frozen=True, slots=True)
class Origin:
    """One setting with its source, for ``config list --show-origin``."""

    name: str
    shown: str
    """The value as text; secrets masked, empty when there is none."""
    source: str
    overrode: tuple[Overridden, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "value": self.shown,
            "source": self.source,
            "overrode": [{"source": one.source, "value": one.shown} for one in self.overrode],
        }


def shown(name: str, value: Any) -> str:
    """`value` of the setting `name` as it may be printed."""
    if value is None:
        return ""
    if is_secret(name):
        return MASK
    if isinstance(value, (list, tuple)):
        value = ",".join(str(item) for item in value)
    # A bucket may be mistyped, so that it is no URL but has its secret.
    return redact(public_place(str(value)) if name in PLACES else str(value))
