"""Uploads whose bytes the catalog itself shall keep: in the bucket of its server, as if the SDK had logged them."""

import secrets
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from wabucketref.contracts.storage import Storage
from wabucketref.contracts.tracker_files import CopiedFile, Copies
from wabucketref.errors import AliasTaken, IntegrityError, LocalIOError
from wabucketref.model.artifact import LoggedArtifact
from wabucketref.model.run import RunKey
from wabucketref.trackers.embedded.engine import Catalog
from wabucketref.trackers.embedded.rows import require_run
from wabucketref.trackers.embedded.sdk import blobs, collections, drafts, naming, versions
from wabucketref.trackers.embedded.sdk.blobs import Blob
from wabucketref.trackers.embedded.sdk.drafts import Draft, Listing, NewDraft
from wabucketref.trackers.embedded.sdk.facts import File, Version

_CHUNK: Final = 1 << 20


def log(catalog: Catalog, key: RunKey, artifact: LoggedArtifact, copies: Copies, bucket: str) -> int:
    """Keep the files in `bucket` and record them as output of the run; the pk of the version. A replay goes on.

    Raises:
        AliasTaken: the alias names other content.
        CopiesGone: there is nothing to keep.
        LocalIOError: a copy cannot be read.
    """
    with catalog.write() as connection:
        _, project_pk = require_run(connection, key)
        collection = collections.ensure_collection(
            connection, project_pk, artifact.type, artifact.name, portfolio=False
        )
        taken = naming.find_in(connection, collection, artifact.alias)
        is_new = drafts.of_client(connection, _client(artifact)) is None
        if taken is not None and is_new and not artifact.overwrites:
            _check_same(versions.require(connection, taken.version_pk), artifact)
        draft = drafts.create(connection, project_pk, _new(key, artifact))
        if draft.version_pk is not None:
            return draft.version_pk
        files = copies.files(artifact.xid)
        found = blobs.reserve(connection, project_pk, draft.pk, [file.md5 for file in files], _fresh_key)
    _store(catalog, files, found, copies.open(bucket))
    with catalog.write() as connection:
        return drafts.commit(connection, draft, _listing(draft, artifact, files, found))


def _check_same(holder: Version, artifact: LoggedArtifact) -> None:
    if holder.digest != artifact.digest:
        raise AliasTaken(
            f"{artifact.ref} names other content already (v{holder.number})",
            hint="choose another alias, or move it with --overwrite",
        )


def _client(artifact: LoggedArtifact) -> str:
    return f"wabucket:{artifact.xid}"


def _new(key: RunKey, artifact: LoggedArtifact) -> NewDraft:
    return NewDraft(
        type=artifact.type,
        name=artifact.name,
        digest=artifact.digest,
        run=key,
        client_id=_client(artifact),
        metadata=artifact.metadata,
        aliases=[artifact.alias, "latest"],
    )


def _store(catalog: Catalog, files: Sequence[CopiedFile], found: Mapping[str, Blob], storage: Storage) -> None:
    """Bytes that the project has already are not stored again."""
    for file in {file.md5: file for file in files}.values():
        blob = found[file.md5]
        if blob.size is not None:
            continue
        storage.put_stream(blob.key, _pieces(file), file.size)
        with catalog.write() as connection:
            if not blobs.stored(connection, blob.pk, file.size):
                raise IntegrityError(f"the room for {file.path!r} was taken away meanwhile", hint="upload it again")


def _listing(draft: Draft, artifact: LoggedArtifact, files: Sequence[CopiedFile], found: Mapping[str, Blob]) -> Listing:
    kept = [
        File(file.path, file.md5, file.size, None, found[file.md5].pk, found[file.md5].draft_pk, {}) for file in files
    ]
    return Listing(artifact.digest, kept)


def _pieces(file: CopiedFile) -> Iterator[bytes]:
    try:
        with open(file.place, "rb") as copy:
            while piece := copy.read(_CHUNK):
                yield piece
    except OSError as error:
        raise LocalIOError(f"cannot read {file.place}: {error.strerror}", hint="check the disk") from error


def _fresh_key() -> str:
    name = secrets.token_hex(16)
    return f"artifacts/{name[:2]}/{name[2:]}"
