"""Resolvers that make artifacts: draft, manifests, files, commit, use. Each may be repeated."""

import base64
import binascii
import json
from collections.abc import Sequence
from functools import partial
from typing import Any, Final

from sqlalchemy import Connection

from wabucketref.errors import InvalidValue, UsageError
from wabucketref.model.run import RunKey
from wabucketref.server.area import Stored
from wabucketref.server.artifacts import committing
from wabucketref.server.artifacts.files import ManifestView, UploadView
from wabucketref.server.artifacts.reader import ensure_project, place_of, reader_of
from wabucketref.server.artifacts.reading import by_id
from wabucketref.server.blobs import new_key
from wabucketref.server.call import Info
from wabucketref.server.paging import listed
from wabucketref.trackers.embedded.sdk import blobs, collections, drafts, dropping, ids, manifests, uses, versions
from wabucketref.trackers.embedded.sdk.drafts import NewDraft

BLOB: Final = "artifact-file"
MANIFEST: Final = "artifact-manifest"

_fresh_key = partial(new_key, "artifacts")

Input = dict[str, Any]


def create(source: Any, info: Info, input: Input) -> dict[str, Any]:
    """A new artifact, or the one that is there already with this content."""
    reader = reader_of(info)
    name = _collection_name(input)
    collections.check_collection_name(name)
    collections.check_type_name(input["artifact_type_name"])
    committing.check_region(input.get("storage_region"), reader.call.site.options)
    place = place_of(reader.call, input["entity_name"], input["project_name"])
    project_pk = ensure_project(reader.connection, *place)
    found = drafts.create(reader.connection, project_pk, _new(input, place, name))
    return {"artifact": by_id(reader, drafts.public_id(reader.connection, found.pk))}


def create_manifest(source: Any, info: Info, input: Input) -> dict[str, Any]:
    """Room for a manifest of a draft."""
    reader = reader_of(info)
    draft = drafts.of_id(reader.connection, input["artifact_id"])
    kind, base = input.get("type") or "FULL", input.get("base_artifact_id")
    made = manifests.add(reader.connection, draft.pk, kind, base, _fresh_key)
    return {"artifact_manifest": ManifestView(reader, made)}


def update_manifest(source: Any, info: Info, input: Input) -> dict[str, Any]:
    """The room that was made for a manifest, to be filled."""
    reader = reader_of(info)
    pk = ids.number(ids.MANIFEST, input["artifact_manifest_id"])
    if input.get("base_artifact_id") is not None and pk is not None:
        manifests.rebase(reader.connection, pk, input["base_artifact_id"])
    return {"artifact_manifest": ManifestView(reader, manifests.require(reader.connection, pk))}


def create_files(source: Any, info: Info, input: Input) -> dict[str, Any]:
    """Where to send the bytes of files; nowhere for those that the project has."""
    reader = reader_of(info)
    wanted = input["artifact_files"]
    made: dict[tuple[str, str], UploadView] = {}
    for artifact_id in dict.fromkeys(spec["artifact_id"] for spec in wanted):
        draft = drafts.of_id(reader.connection, artifact_id)
        digests = [_md5(spec["md5"]) for spec in wanted if spec["artifact_id"] == artifact_id]
        found = blobs.reserve(reader.connection, draft.collection.project.pk, draft.pk, digests, _fresh_key)
        made |= {(artifact_id, digest): UploadView(reader, digest, blob) for digest, blob in found.items()}
    return {"files": listed([made[spec["artifact_id"], spec["md5"]].called(spec["name"]) for spec in wanted])}


def commit(source: Any, info: Info, input: Input) -> dict[str, Any]:
    """Make the draft a version."""
    reader = reader_of(info)
    draft = drafts.of_id(reader.connection, input["artifact_id"])
    if draft.version_pk is None:
        listing = committing.listing(reader.connection, reader.call.site, draft)
        drafts.commit(reader.connection, draft, listing)
        reader.call.discarded.extend(manifests.forget(reader.connection, draft.pk))
    return {"artifact": by_id(reader, drafts.public_id(reader.connection, draft.pk))}


def use(source: Any, info: Info, input: Input) -> dict[str, Any]:
    """Record an artifact as input of a run."""
    reader = reader_of(info)
    found = versions.require(reader.connection, versions.key_of(reader.connection, input["artifact_id"]))
    place = place_of(reader.call, input["entity_name"], input["project_name"])
    uses.use(reader.connection, RunKey(*place, input["run_name"]), found.pk)
    return {"artifact": by_id(reader, found.id)}


def blob_stored(connection: Connection, subject: str, stored: Stored) -> Sequence[str]:
    """The bytes of a file are in the bucket; they may go again when nobody waits for them any more."""
    return () if blobs.stored(connection, int(subject), stored.size) else [stored.key]


def manifest_stored(connection: Connection, subject: str, stored: Stored) -> Sequence[str]:
    """As :func:`blob_stored`, for a manifest."""
    return () if manifests.mark_stored(connection, int(subject)) else [stored.key]


def run_deleted(connection: Connection, run_pk: int, with_artifacts: bool) -> Sequence[str]:
    """A run goes; its artifacts too, if they shall."""
    keys = dropping.of_run(connection, run_pk) if with_artifacts else ()
    drafts.without_run(connection, run_pk)
    return keys


def metadata_of(text: str | None) -> dict[str, Any]:
    """Metadata as sent.

    Raises:
        InvalidValue: it is no JSON object.
    """
    try:
        found = json.loads(text) if text else {}
    except (ValueError, RecursionError) as error:
        raise InvalidValue("the metadata is not JSON") from error
    if not isinstance(found, dict):
        raise InvalidValue("the metadata is no JSON object")
    return found


def _new(input: Input, place: tuple[str, str], name: str) -> NewDraft:
    run_name = input.get("run_name")
    return NewDraft(
        type=input["artifact_type_name"],
        name=name,
        digest=input["digest"],
        run=RunKey(*place, run_name) if run_name else None,
        client_id=input.get("client_id") or None,
        distributed_id=input.get("distributed_id") or None,
        unique=input.get("enable_digest_deduplication") is not False,
        description=input.get("description"),
        metadata=metadata_of(input.get("metadata")),
        aliases=[given["alias"] for given in input.get("aliases") or ()],
        tags=[given["tag_name"] for given in input.get("tags") or ()],
        ttl_seconds=input.get("ttl_duration_seconds"),
        history_step=input.get("history_step"),
        region=input.get("storage_region"),
    )


def _collection_name(input: Input) -> str:
    """Older clients give a list of one."""
    given = {input.get("artifact_collection_name"), *(input.get("artifact_collection_names") or ())} - {None, ""}
    if len(given) != 1:
        raise UsageError("give the name of one artifact collection")
    return str(given.pop())


def _md5(digest: str) -> str:
    try:
        if len(base64.b64decode(digest, validate=True)) == 16:
            return digest
    except (binascii.Error, ValueError):
        pass
    raise UsageError(f"{digest[:100]!r} is not the base64 of an MD5")
