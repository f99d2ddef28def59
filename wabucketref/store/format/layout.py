"""Where the objects of one artifact lie in its bucket. Specified in ``docs/reference/layout.md``."""

from dataclasses import dataclass
from typing import Final

from wabucketref.model.names import RESERVED_DIRECTORY
from wabucketref.model.reference import ArtifactRef

MARKS: Final = f"{RESERVED_DIRECTORY}/links/"
"""Prefix of the marks at what links refer to; beside all artifacts, since beneath one they would change what it is."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Keys of one artifact, relative to the bucket."""

    directory: str
    """``type/name/alias``."""

    @classmethod
    def of(cls, ref: ArtifactRef) -> "Layout":
        return cls(ref.directory)

    @property
    def prefix(self) -> str:
        """Prefix of everything that belongs to the artifact."""
        return f"{self.directory}/"

    @property
    def control(self) -> str:
        """Prefix of what is ours, not the user's."""
        return f"{self.directory}/{RESERVED_DIRECTORY}/"

    @property
    def header(self) -> str:
        """The commit point."""
        return f"{self.control}manifest.json"

    @property
    def entries(self) -> str:
        return f"{self.control}entries.jsonl.zst"

    @property
    def claim(self) -> str:
        """The one claim, on stores with conditional writes."""
        return f"{self.control}claim.json"

    @property
    def claims(self) -> str:
        """Prefix of one claim a writer, on stores without."""
        return f"{self.control}claims/"

    def claim_of(self, xid: str) -> str:
        return f"{self.claims}{xid}.json"

    def token(self, xid: str) -> str:
        """A short-lived object whose time of change is read off the store's clock."""
        return f"{self.control}clock-{xid}"

    def file(self, path: str) -> str:
        """The key of a file of the artifact."""
        return f"{self.directory}/{path}"

    def path_of(self, key: str) -> str | None:
        """The path inside the artifact of one of its files, None for our own objects."""
        if key.startswith(self.control) or not key.startswith(self.prefix):
            return None
        return key[len(self.prefix) :]

    def is_ours(self, key: str) -> bool:
        """Whether an object is our own beside the artifact's files."""
        return key.startswith(self.control)


def base_prefix(base: str) -> str:
    """Prefix of the keys below a link's base, which is empty for the whole bucket."""
    return f"{base}/" if base else ""


def mark_of(base: str, xid: str) -> str:
    """The key of the mark of the link that the operation `xid` makes of the files below `base`."""
    return f"{MARKS}{base_prefix(base)}{RESERVED_DIRECTORY}/{xid}.json"


def mark_prefixes(directory: str) -> list[str]:
    """Prefixes of all marks of links that may have files below `directory`: at it, below it, and at each one above."""
    parts = directory.split("/")
    above = [base_prefix("/".join(parts[:count])) for count in range(len(parts))]
    return [*(f"{MARKS}{prefix}{RESERVED_DIRECTORY}/" for prefix in above), f"{MARKS}{directory}/"]


def marked_base(key: str) -> str:
    """The base in the key of a mark."""
    return f"/{key[len(MARKS) :]}".rpartition(f"/{RESERVED_DIRECTORY}/")[0][1:]


def is_control(path: str) -> bool:
    """Whether a path below some directory of the bucket is ours: it has a ``.wabucket`` component."""
    return RESERVED_DIRECTORY in path.split("/")
