"""How artifacts are named among the datasets of other tools."""

from dataclasses import dataclass

from wabucketref.model.artifact import ArtifactInfo


@dataclass(frozen=True, slots=True)
class Dataset:
    """One artifact that a run used or made; `info` is None where only its reference is known."""

    reference: str
    """``TYPE/NAME:ALIAS``."""
    bucket: str
    """URL of its bucket."""
    info: ArtifactInfo | None = None

    @classmethod
    def of(cls, info: ArtifactInfo) -> "Dataset":
        return cls(str(info.ref), info.bucket, info)

    @property
    def path(self) -> str:
        """``TYPE/NAME``: uploads of one artifact are versions of one dataset."""
        return self.reference.partition(":")[0]

    @property
    def alias(self) -> str:
        return self.reference.partition(":")[2]


def namespace_and_root(bucket: str) -> tuple[str, str]:
    """OpenLineage's namespace of a bucket, and what names in it begin with.

    ``s3://bucket`` and ``gs://bucket`` are namespaces, and names are keys; of local files the namespace is ``file``.
    """
    scheme, separator, rest = bucket.partition("://")
    if not separator:
        return bucket, ""
    place, _, path = rest.partition("/")
    if scheme == "file":
        return "file", f"/{path.rstrip('/')}/"
    return f"{scheme}://{place}", f"{path.strip('/')}/" if path.strip("/") else ""
