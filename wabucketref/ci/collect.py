"""Merge what all contexts know into the facts of the job around a run."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from wabucketref.ci.facts import clean_tags, clean_values
from wabucketref.ci.secrets import secrets_of
from wabucketref.contracts.context import Context, Facts

_GENERAL: Final = ("container", "git", "host")
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
    """Ask every context, in the order given but git, container and host last. Never raises.

    The first to name a fact counts; what another provider of jobs says of it instead (a SLURM job inside a GitLab job
    has an id of its own) is kept as ``PROVIDER.FACT``. Tags are those of all.
    """
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
    secrets = secrets_of(environ)
    tags = clean_tags((tag for facts in found for tag in facts.tags), secrets)
    return JobFacts(tags, clean_values(_merged(found), secrets), tuple(problems))


def _merged(found: Sequence[Facts]) -> dict[str, str]:
    values: dict[str, str] = {}
    for facts in found:
        for name, value in facts.values.items():
            if values.setdefault(name, value) != value and facts.provider not in _GENERAL:
                values[f"{facts.provider}.{name}"] = value
    providers = [facts.provider for facts in found if facts.provider not in _GENERAL]
    if providers:
        values["cicd.provider"] = ",".join(providers)
    return values
