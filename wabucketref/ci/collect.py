"""Merge what all contexts know into the facts of the job around a run."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from wabucketref.ci.facts import clean_tags, clean_values
from wabucketref.contracts.context import Context, Facts

_GENERAL: Final = ("git", "host")
"""Contexts that know less than a provider of jobs does; what they say counts last."""


@dataclass(frozen=True, slots=True)
class JobFacts:
    """Facts of the job around a run."""

    tags: tuple[str, ...] = ()
    """Ready for the run: at most 64 characters each, without control characters."""
    values: Mapping[str, str] = field(default_factory=dict)
    """For config under ``job``: OpenTelemetry names to text."""
    problems: tuple[str, ...] = ()
    """Contexts that failed, one line each."""


def collect(contexts: Iterable[Context], environ: Mapping[str, str], directory: Path) -> JobFacts:
    """Ask every context; the first to name a fact counts, providers of jobs before git and host. Never raises."""
    problems: list[str] = []
    found: list[Facts] = []
    for context in sorted(contexts, key=lambda one: one.name in _GENERAL):
        try:
            facts = context.detect(environ, directory)
        except Exception as error:  # a plugin broke its promise; facts are not worth an upload
            problems.append(f"context {context.name!r} failed: {type(error).__name__}: {error}")
            continue
        if facts is not None:
            found.append(facts)
    values: dict[str, str] = {}
    for facts in found:
        values = dict(facts.values) | values
    providers = [facts.provider for facts in found if facts.provider not in _GENERAL]
    if providers:
        values["cicd.provider"] = ",".join(providers)
    tags = clean_tags(tag for facts in found for tag in facts.tags)
    return JobFacts(tags, clean_values(values), tuple(problems))
