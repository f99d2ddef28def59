"""The outputs contract: how later CI steps learn which artifact an upload or link made."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class OutputFacts:
    """What is handed on. Values hold only characters allowed in names, or are URLs and digests of ours."""

    artifact_name: str
    artifact_type: str
    artifact_alias: str
    version: str | None = None
    uri: str = ""
    digest: str = ""
    suffix: str | None = None
    """Appended to each output's name as ``_SUFFIX``."""

    def named(self) -> Mapping[str, str]:
        """Output name to value, with the suffix applied."""
        tail = f"_{self.suffix}" if self.suffix else ""
        return {
            f"artifact_name{tail}": self.artifact_name,
            f"artifact_type{tail}": self.artifact_type,
            f"artifact_alias{tail}": self.artifact_alias,
        }


class Outputs(Protocol):
    """One way to hand on. Detected by :meth:`detect`, or chosen by name."""

    name: str

    def detect(self, environ: Mapping[str, str]) -> bool:
        """Whether this process runs where these outputs are read."""

    def write(self, facts: OutputFacts, environ: Mapping[str, str], echo: Callable[[str], None] | None) -> None:
        """Hand the facts on. `echo` prints a line on stdout; None when stdout must hold one JSON document.

        Raises:
            LocalIOError: the file to write cannot be written.
        """
