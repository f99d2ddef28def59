"""What all contexts share: picking allowed variables, and making foreign text harmless."""

import unicodedata
from collections.abc import Iterable, Mapping
from typing import Final

from wabucketref.model.redact import redact

MAX_TAG: Final = 64
MAX_VALUE: Final = 1024
_MAX_READ: Final = 1 << 16


def pick(environ: Mapping[str, str], names: Mapping[str, str]) -> dict[str, str]:
    """The values of the variables in `names` (fact to variable) that are set and not empty."""
    return {fact: environ[variable] for fact, variable in names.items() if environ.get(variable)}


def labelled(values: Mapping[str, str], labels: Mapping[str, str]) -> tuple[str, ...]:
    """Tags ``label:value`` for the facts in `labels` (fact to label) that are there."""
    return tuple(f"{label}:{values[fact]}" for fact, label in labels.items() if values.get(fact))


def one_line(text: str, limit: int) -> str:
    """`text` without control characters, line separators, lone surrogates and credentials, cut to `limit`."""
    # Redacted before it is cut, so that no half of a credential stays behind; bounded, as it may be megabytes.
    kept = "".join(one for one in text[:_MAX_READ] if unicodedata.category(one) not in ("Cc", "Cs", "Zl", "Zp"))
    return redact(kept)[:limit].strip()


def clean_tags(tags: Iterable[str]) -> tuple[str, ...]:
    """Tags as trackers take them: one line, at most 64 characters, none empty, none twice."""
    cleaned = (one_line(tag, MAX_TAG) for tag in tags)
    return tuple(dict.fromkeys(tag for tag in cleaned if tag))


def clean_values(values: Mapping[str, str]) -> dict[str, str]:
    """Facts on one line each, at most 1,024 characters."""
    cleaned = {name: one_line(value, MAX_VALUE) for name, value in values.items()}
    return {name: value for name, value in cleaned.items() if value}
