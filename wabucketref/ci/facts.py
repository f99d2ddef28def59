"""What all contexts share: picking allowed variables, and making foreign text harmless."""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from wabucketref.ci.secrets import without_tokens
from wabucketref.model.redact import MASK, public_url, redact
from wabucketref.model.run import COMMIT, JOB_ID, MAX_TAG

MAX_VALUE: Final = 1024
_MAX_READ: Final = 1 << 13

RUN_ID: Final = "cicd.pipeline.run.id"
TAGS: Final[Mapping[str, str]] = {
    JOB_ID: "job_id",
    "cicd.pipeline.task.name": "job_name",
    "cicd.pipeline.actor": "owner",
    RUN_ID: "run_id",
    "vcs.repository.name": "repository",
    "vcs.ref.head.name": "ref",
    COMMIT: "commit",
}
"""Facts that become tags, and the tag's label."""

_SCP_STYLE = re.compile(r"(?:[^@/\s]*@)?([^@:/\s]+:[^\s]+)")
# What Azure Pipelines and GitHub's runner take for a command; `::` is one at GitHub and Apolo.
_COMMANDS = (("::", "%3A%3A"), ("##vso[", "%23%23vso["), ("##[", "%23%23["))


def pick(environ: Mapping[str, str], names: Mapping[str, str | tuple[str, ...]]) -> dict[str, str]:
    """For each fact in `names` the first of its variables that is set and not empty."""
    found: dict[str, str] = {}
    for fact, variables in names.items():
        for variable in (variables,) if isinstance(variables, str) else variables:
            if environ.get(variable):
                found[fact] = environ[variable]
                break
    return found


def labelled(values: Mapping[str, str], labels: Mapping[str, str]) -> tuple[str, ...]:
    """Tags ``label:value`` for the facts in `labels` (fact to label) that are there."""
    return tuple(f"{label}:{values[fact]}" for fact, label in labels.items() if values.get(fact))


def public_remote(url: str) -> str:
    """A repository's URL, or its scp-like form, without user-info and query."""
    if "://" in url:
        return public_url(url)
    match = _SCP_STYLE.fullmatch(url)
    return match[1] if match else url


def one_line(text: str, limit: int, secrets: Iterable[str] = ()) -> str:
    """The printable characters of `text` without credentials, cut to `limit`.

    What a CI system would take for a command is escaped as in URLs.
    """
    # Redacted before it is cut, so that no half of a credential stays behind; bounded, as it may be megabytes.
    # No control characters, line separators or lone surrogates, nor what turns the direction of writing around.
    kept = "".join(one for one in text[:_MAX_READ] if one.isprintable())
    clean = without_tokens(redact(kept, secrets), MASK)
    for command, escaped in _COMMANDS:
        clean = clean.replace(command, escaped)
    return clean[:limit].strip()


def clean_tags(tags: Iterable[str], secrets: Iterable[str] = ()) -> tuple[str, ...]:
    """Tags as trackers take them: one line, at most 64 characters, none empty, none twice."""
    cleaned = (one_line(tag, MAX_TAG, secrets) for tag in tags)
    return tuple(dict.fromkeys(tag for tag in cleaned if tag))


def clean_values(values: Mapping[str, str], secrets: Iterable[str] = ()) -> dict[str, str]:
    """Facts on one line each, at most 1,024 characters."""
    cleaned = {name: one_line(value, MAX_VALUE, secrets) for name, value in values.items()}
    return {name: value for name, value in cleaned.items() if value}
