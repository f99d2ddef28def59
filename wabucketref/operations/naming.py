"""What the user wants to call a new artifact, checked before anything is recorded or sent."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wabucketref.errors import UsageError
from wabucketref.model.canonical import resolve_alias
from wabucketref.model.jsonvalue import check_metadata
from wabucketref.model.names import check_component, version_number
from wabucketref.model.run import RunKey
from wabucketref.operations.workspace import Workspace

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class NewArtifact:
    """Names and metadata of an upload or link."""

    type: str
    name: str
    alias: str
    metadata: Mapping[str, Any]
    suffix: str | None


def new_artifact(
    ws: Workspace,
    name: str,
    type: str,
    alias: str | None,
    metadata: Mapping[str, Any] | None,
    suffix: str | None,
) -> NewArtifact:
    """The names, with the alias made up or derived from the run's config where the user left it open.

    Raises:
        UsageError: by our rules or the tracker's.
        Conflict: the tracker allows one type a name, and the name has another.
    """
    (entity, project), run = ws.project, ws.run
    config = run.config.as_dict() if run is not None else {}
    found = NewArtifact(
        check_component(type, "type"),
        check_component(name, "name"),
        resolve_alias(alias, config),
        check_metadata(metadata or {}),
        check_component(suffix, "suffix") if suffix is not None else None,
    )
    check_metadata_keys(ws, found.metadata)
    if version_number(found.alias) is not None:
        if ws.tracker.capabilities.refuses_version_aliases:
            raise UsageError(
                f"alias {found.alias!r} means a version number to the tracker {ws.tracker.name}",
                hint="choose an alias that is not of the form vN",
            )
        log.warning("alias %r looks like a version number; references to it mean this alias", found.alias)
    if not ws.offline:
        run_id = run.id if run is not None else ""
        ws.tracker.check_artifact(RunKey(entity, project, run_id), found.type, found.name, found.alias)
    return found


def check_metadata_keys(ws: Workspace, metadata: Mapping[str, Any]) -> None:
    """Refuse metadata that the tracker would not take. Raises UsageError."""
    able, name = ws.tracker.capabilities, ws.tracker.name
    if able.max_metadata_keys is not None and len(metadata) > able.max_metadata_keys:
        raise UsageError(
            f"metadata has {len(metadata)} keys; the tracker {name} takes at most {able.max_metadata_keys}",
            hint="nest values, or put them into a file of the artifact",
        )
    if able.reserved_metadata and able.reserved_metadata in metadata:
        raise UsageError(f"the metadata key {able.reserved_metadata!r} is the tracker's own", hint="choose another key")
