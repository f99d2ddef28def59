"""The context contract: what surrounds this process (a CI job, git, the host) as facts.

Facts come from an allow-list; a context never copies the whole environment, and cuts user-info and query from URLs.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Facts:
    """What one context found."""

    provider: str
    values: Mapping[str, str] = field(default_factory=dict)
    """OpenTelemetry names (``cicd.pipeline.run.id``, ``vcs.ref.head.revision``, …) to text."""
    tags: tuple[str, ...] = ()
    """Tags for the run, at most 64 characters each."""


class Context(Protocol):
    """One provider. `environ` and `directory` are given, so every context is testable from a dict."""

    name: str

    def detect(self, environ: Mapping[str, str], directory: Path) -> Facts | None:
        """The facts, or None when this process does not run there.

        Never raises, never blocks over five seconds.

        What is foreign text (names of branches and jobs) may be given as it is: it is made harmless where facts meet.
        """
