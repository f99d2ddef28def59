"""Rules for single values. Each function returns the value to keep or raises ValueError with a readable message."""

import re
import unicodedata
from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import urlsplit

from wabucketref.model.names import check_project

MAX_TAG: Final = 64
MIN_MEMORY: Final = 16 << 20
MAX_MEMORY: Final = 64 << 30

_SIZE = re.compile(r"(\d{1,15})\s*(?:([kmgt])(i?)b?|b)?", re.IGNORECASE)
_MODES: Final = {
    "online": "online",
    "run": "online",
    "shared": "online",
    "offline": "offline",
    "dryrun": "offline",
    "disabled": "disabled",
}


def check_mode(value: Any) -> Any:
    """W&B's own words for the three modes."""
    if not isinstance(value, str) or value.strip().lower() not in _MODES:
        raise ValueError(f"must be one of {', '.join(_MODES)}")
    return _MODES[value.strip().lower()]


def check_size(value: Any) -> Any:
    """Bytes, or text such as ``256MiB``."""
    if isinstance(value, str):
        match = _SIZE.fullmatch(value.strip())
        if match is None:
            raise ValueError("must be a number of bytes, such as 134217728 or 128MiB")
        power = " kmgt".index((match[2] or " ").lower())
        value = int(match[1]) * (1024 if match[3] else 1000) ** power
    if isinstance(value, int) and not 0 <= value < 1 << 60:
        raise ValueError("must be from 0 to less than 1024PiB")
    return value


def check_memory(value: Any) -> Any:
    """As :func:`check_size`, and enough to work with."""
    value = check_size(value)
    if isinstance(value, int) and not MIN_MEMORY <= value <= MAX_MEMORY:
        raise ValueError("must be from 16MiB to 64GiB")
    return value


def split_tags(value: Any) -> Any:
    """A tuple out of W&B's comma-separated text; empty tags count as none."""
    if isinstance(value, str):
        value = value.split(",")
    if isinstance(value, (list, tuple)) and all(isinstance(tag, str) for tag in value):
        return tuple(dict.fromkeys(tag.strip() for tag in value if tag.strip()))
    return value


def check_tags(tags: tuple[str, ...]) -> tuple[str, ...]:
    """At most 64 characters each, as in W&B, without control characters."""
    for tag in tags:
        if len(tag) > MAX_TAG:
            raise ValueError(f"has the tag {tag[:80]!r} of {len(tag)} characters; at most {MAX_TAG} are allowed")
        _refuse_control(tag)
    return tags


def check_line(value: str) -> str:
    """Text on one line."""
    _refuse_control(value)
    return value


def check_project_name(value: str) -> str:
    return check_project(value, "project")


def check_entity(value: str) -> str:
    return check_project(value, "entity")


def check_run_id(value: str) -> str:
    return check_project(value, "run id")


def check_tracker(value: str) -> str:
    """A tracker's name is lower case, whatever the user's spelling."""
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]{0,63}", value):
        raise ValueError("must be auto, embedded, wandb, disabled or a plugin's name")
    return value.lower()


def check_catalog(text: str) -> str:
    """URL of a database; what it names is checked by who opens it. It may hold a password, so it is not repeated."""
    if "://" not in check_line(text):
        raise ValueError("it is not a URL such as sqlite:////path/catalog.sqlite or postgresql://user@host/database")
    return text


def check_plugin_name(value: str) -> str:
    """A plugin's name is lower case, whatever the user's spelling."""
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]{0,63}", value):
        raise ValueError("must be local or a plugin's name")
    return value.lower()


def check_base_url(value: str) -> str:
    """An http or https URL with a host; credentials belong into WANDB_API_KEY."""
    return _check_server(value, "https://wandb.example.org", "WANDB_API_KEY")


def check_lineage_url(value: str) -> str:
    """An http or https URL with a host; credentials belong into OPENLINEAGE_API_KEY."""
    return _check_server(value, "https://lineage.example.org", "OPENLINEAGE_API_KEY")


def _check_server(value: str, example: str, key: str) -> str:
    try:
        parts = urlsplit(value)
        port_is_valid = parts.port is None or parts.port > 0
    except ValueError as error:
        raise ValueError(f"must be a URL such as {example}") from error
    if parts.scheme not in ("http", "https") or not parts.hostname or not port_is_valid:
        raise ValueError(f"must be a URL such as {example}")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError(f"must be a URL without user, query and fragment; give the key in {key}")
    _refuse_control(value)
    return value.rstrip("/")


def _refuse_control(text: Iterable[str]) -> None:
    for character in text:
        if unicodedata.category(character) in ("Cc", "Cs"):
            raise ValueError(f"has the character U+{ord(character):04X}")
