"""The outputs contract: how later CI steps learn which artifact an upload or link made."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class OutputFacts:
    """What is handed on. Names, type and alias hold only characters that are allowed in names."""

    artifact_name: str
    artifact_type: str
    artifact_alias: str
    version: str | None = None
    uri: str = ""
    digest: str = ""
    suffix: str | None = None
    """Appended to each output's name as ``_SUFFIX``."""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    """The user's, for showing: any text may be in it."""
    run: str = ""
    """Name of the run that made the artifact, for showing."""
    inputs: tuple[str, ...] = ()
    """References of what that run used so far, for showing."""

    @property
    def ref(self) -> str:
        """``TYPE/NAME:ALIAS``."""
        return f"{self.artifact_type}/{self.artifact_name}:{self.artifact_alias}"

    def further(self) -> Mapping[str, str | None]:
        """What files with room for more hold beside :meth:`named`."""
        tail = f"_{self.suffix}" if self.suffix else ""
        return {
            f"artifact_version{tail}": self.version,
            f"artifact_uri{tail}": self.uri,
            f"artifact_digest{tail}": self.digest,
        }

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
            LocalIOError: the file to write cannot be written, or the program that takes the facts fails.
            UsageError: what names the file is not set, or the system has no way to write down such a value.
        """
