"""What is done to the SDK's objects: artifacts logged, ended runs changed, runs given up."""

import logging
from collections.abc import Sequence
from typing import Any, Final

from wabucketref.contracts.tracker_files import FileReference
from wabucketref.model.artifact import LoggedArtifact
from wabucketref.model.jsonvalue import without_nan
from wabucketref.model.run import RunUpdate
from wabucketref.trackers.wandb.adopting import Predecessor
from wabucketref.trackers.wandb.entries import LEGACY_ENTRY, entry_fields
from wabucketref.trackers.wandb.facts import metadata_of
from wabucketref.trackers.wandb.live import LiveRun
from wabucketref.trackers.wandb.sdk import LOG_SECONDS, load

log = logging.getLogger(__name__)

_NONE: Final = Predecessor()


def log_references(
    live: LiveRun,
    artifact: LoggedArtifact,
    references: Sequence[FileReference],
    *,
    before: Predecessor = _NONE,
    as_input: bool = False,
) -> Any:
    """Log an upload as references to its files, and wait until the server has it; the SDK's artifact.

    `before`: whose names it takes. `as_input`: it becomes an input of the run, not an output.
    """
    wandb = load()
    from wandb.sdk.artifacts.artifact_manifest_entry import ArtifactManifestEntry

    metadata = metadata_of(artifact, live.said.job or {}, before.facts)
    made = wandb.Artifact(artifact.name, artifact.type, metadata=metadata)
    for reference in references:
        made.manifest.add_entry(ArtifactManifestEntry(**entry_fields(reference)))
    if as_input:
        live.sdk.use_artifact(made, aliases=[artifact.alias])
    else:
        live.sdk.log_artifact(made, aliases=[artifact.alias, *before.names])
    made.wait(timeout=LOG_SECONDS)
    return made


def whole(artifact: LoggedArtifact) -> FileReference:
    """An upload of an earlier release, as that recorded it: one reference to its directory."""
    return FileReference(LEGACY_ENTRY, artifact.uri, 0, "")


def change_ended(run: Any, update: RunUpdate) -> None:
    """Change a run that is not under way, by the public API's object of it."""
    if update.name is not None:
        run.name = update.name
    if update.notes is not None:
        run.notes = update.notes
    if update.tags is not None:
        run.tags = list(update.tags)
    if update.job_type is not None:
        run.job_type = update.job_type
    if update.group is not None:
        run.group = update.group
    run.config.update(without_nan(dict(update.config or {})))
    for name in update.config_removed:
        run.config.pop(name, None)
    if update.summary:
        run.summary.update(without_nan(dict(update.summary)))
    run.update()


def give_up(live: LiveRun) -> None:
    """Let the SDK forget a run without ending it on the server: its journal has it."""
    try:
        live.sdk._settings.x_update_finish_state = False
        live.sdk.finish(exit_code=1)
    except Exception as error:  # it is given up all the same
        log.info("run %s: %s", live.key.run_id, error)
