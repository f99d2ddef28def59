"""Where the objects of one artifact lie in its bucket. Specified in ``docs/reference/layout.md``."""

from dataclasses import dataclass

from wabucketref.model.names import RESERVED_DIRECTORY
from wabucketref.model.reference import ArtifactRef


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


def is_control(path: str) -> bool:
    """Whether a path below some directory of the bucket is ours: it has a ``.wabucket`` component."""
    return RESERVED_DIRECTORY in path.split("/")
