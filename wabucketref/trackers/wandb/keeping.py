"""Uploads whose bytes W&B itself shall keep: real files, sent by the SDK from the copies in the home."""

from collections.abc import Sequence
from typing import Any, Final

from wabucketref.contracts.tracker_files import CopiedFile
from wabucketref.errors import AliasTaken, NotFound
from wabucketref.model.artifact import LoggedArtifact
from wabucketref.trackers.wandb.live import LiveRun
from wabucketref.trackers.wandb.queries import Queries
from wabucketref.trackers.wandb.sdk import LOG_SECONDS, load, mapped

_SLOWEST: Final = 256 << 10
"""Bytes a second, below which the server counts as away."""


def holder(queries: Queries, place: str, artifact: LoggedArtifact) -> Any | None:
    """The version that the alias names, if there is one."""
    try:
        return queries.artifact(place, artifact.name, artifact.alias)
    except NotFound:
        return None


def check_alias(found: Any | None, artifact: LoggedArtifact) -> None:
    """An alias is given once, unless it is asked to be replaced.

    Raises:
        AliasTaken: it names other content.
    """
    if found is not None and found.digest != artifact.digest and not artifact.overwrites:
        raise AliasTaken(
            f"{artifact.ref} names other content already ({found.version})",
            hint="choose another alias, or move it with --overwrite",
        )


def log_files(live: LiveRun, artifact: LoggedArtifact, files: Sequence[CopiedFile]) -> Any:
    """Log the files, and wait until the server has them; the SDK's artifact."""
    wandb = load()
    from wandb.sdk.artifacts.artifact_manifest_entry import ArtifactManifestEntry

    with mapped(f"logging {artifact.ref}"):
        made = wandb.Artifact(artifact.name, artifact.type, metadata=dict(artifact.metadata))
        for file in files:
            facts: dict[str, Any] = {"path": file.path, "digest": file.md5, "size": file.size, "local_path": file.place}
            made.manifest.add_entry(ArtifactManifestEntry(**facts, skip_cache=True))
        live.sdk.log_artifact(made, aliases=[artifact.alias])
        made.wait(timeout=LOG_SECONDS + artifact.bytes // _SLOWEST)
    return made
