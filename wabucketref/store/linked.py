"""Marks at what a link refers to, so that nobody removes linked bytes. Specified in ``docs/reference/layout.md``.

A mark is put before the linked files are listed for good; whoever is about to remove or replace an upload looks for
marks after taking the claim on it. So of a link and a removal at the same time at least one sees the other.
"""

import json
import logging
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from wabucketref.contracts.storage import ObjectInfo, Storage
from wabucketref.contracts.transfer import Cancel
from wabucketref.errors import Conflict, IntegrityError, NotFound, UnfinishedUpload, UploadInProgress, UsageError
from wabucketref.model.manifest import Header
from wabucketref.model.reference import ArtifactRef
from wabucketref.store.claims.take import take_claim
from wabucketref.store.format.layout import MARKS, Layout, base_prefix, mark_of, mark_prefixes, marked_base
from wabucketref.store.header import Absent, entries_of, look, read_header
from wabucketref.store.identity import Identity

_log = logging.getLogger(__name__)
_MAX_BYTES = 64 << 10
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Mark:
    """Says that the link `ref`, written by the operation `xid`, refers to files below `base`."""

    base: str
    xid: str
    ref: ArtifactRef

    @property
    def key(self) -> str:
        return mark_of(self.base, self.xid)

    def put(self, storage: Storage) -> None:
        """Safe to repeat."""
        found = {
            "format": "1.0",
            "xid": self.xid,
            "type": self.ref.type,
            "name": self.ref.name,
            "alias": self.ref.alias,
        }
        storage.put(self.key, json.dumps(found, indent=2).encode() + b"\n")


def mark_again(storage: Storage, ref: ArtifactRef, header: Header) -> None:
    """Put the mark of the link `header` if it is missing or damaged."""
    if header.base is None:
        return
    wanted = Mark(header.base, header.write_id, ref)
    try:
        if read_mark(storage, wanted.key) == wanted:
            return
    except IntegrityError as error:
        _log.info("%s; it is written anew", error)
    wanted.put(storage)


def unmark(storage: Storage, header: Header) -> None:
    """Remove the mark of a link whose header is gone."""
    if header.base is not None:
        storage.delete(mark_of(header.base, header.write_id))


def unmark_all(storage: Storage, ref: ArtifactRef) -> bool:
    """Under the claim on `ref`, whose header is gone or tells nothing: remove the marks of links that were there, by
    one listing of all marks; whether there were any. Damaged ones stay."""
    keys = [info.key for info in storage.list(MARKS)]
    dead = [key for key in keys if _is_of(storage, key, ref)]
    for key in dead:
        storage.delete(key)
    return bool(dead)


def _is_of(storage: Storage, key: str, ref: ArtifactRef) -> bool:
    try:
        mark = read_mark(storage, key)
    except IntegrityError:
        return False
    return mark is not None and mark.ref == ref


def check_sources(storage: Storage, base: str, objects: Iterable[ObjectInfo], me: Identity, cancel: Cancel) -> None:
    """Once the mark is there: pass if nobody who did not see it removes or replaces uploads that hold `objects`.

    Raises:
        UnfinishedUpload: files are those of an upload that did not commit.
        UploadInProgress: an upload is being replaced or removed.
    """
    holding = {_directory(info.key) for info in objects}
    for directory in sorted(_directories_of_ours(storage, base) & holding):
        cancel.check()
        ref = ArtifactRef(*directory.split("/"))
        if read_header(storage, ref) is None:
            raise _unsettled(storage, ref)
        with take_claim(storage, ref, me, f"link-{uuid.uuid4()}", cancel) as claim:
            if read_header(storage, ref) is None:
                raise _unsettled(storage, ref)
            claim.untouched()


def check_unlinked(storage: Storage, ref: ArtifactRef, me: Identity, cancel: Cancel) -> None:
    """Under the claim on `ref`: refuse when links refer to its files; marks of links that are gone are removed.

    Raises:
        Conflict: naming the links.
        IntegrityError: a mark, or a link's manifest, is damaged.
    """
    links = [str(mark.ref) for mark in _marks(storage, ref) if _is_live(storage, mark, ref, me, cancel)]
    if links:
        more = f" and {len(links) - _SHOWN} more" if len(links) > _SHOWN else ""
        raise Conflict(
            f"{ref} holds the files of {', '.join(links[:_SHOWN])}{more}, linked there without a copy",
            hint=f"remove the link first: wabucket rm {links[0]}",
        )


def _marks(storage: Storage, ref: ArtifactRef) -> Iterator[Mark]:
    """The marks of other artifacts at `ref`, above it and below it."""
    for prefix in mark_prefixes(ref.directory):
        for info in list(storage.list(prefix)):
            mark = read_mark(storage, info.key)
            # No link refers to files in its own directory.
            if mark is not None and mark.ref != ref:
                yield mark


def read_mark(storage: Storage, key: str) -> Mark | None:
    """The mark under `key`, None when there is none. Raises IntegrityError."""
    try:
        data, _ = storage.read(key, limit=_MAX_BYTES)
    except NotFound:
        return None
    try:
        found = json.loads(data)
        ref = ArtifactRef(found["type"], found["name"], found["alias"])
        return Mark(marked_base(key), str(found["xid"]), ref)
    except (ValueError, TypeError, KeyError, RecursionError, UsageError) as error:
        raise IntegrityError(
            f"{key} in {storage.url} should say which link refers to the files, but is damaged",
            hint="repeat that link: wabucket link …; of one that is gone `wabucket gc` removes it",
        ) from error


def _is_live(storage: Storage, mark: Mark, ref: ArtifactRef, me: Identity, cancel: Cancel) -> bool:
    """Whether the link is there or being made, and has files of `ref`."""
    try:
        link = settle_mark(storage, mark, me, cancel)
    except UploadInProgress:
        return True
    return link is not None and covers(storage, mark, link, ref.directory)


def settle_mark(storage: Storage, mark: Mark, me: Identity, cancel: Cancel) -> Header | None:
    """The header of the link; None when there is none, and then the mark is gone, too.

    Raises:
        UploadInProgress: the link is being made, or removed.
        IntegrityError: the header of what is at the link's alias is damaged.
    """
    found = read_header(storage, mark.ref)
    if found is None:
        # Nobody makes the link while the claim on it can be taken.
        with take_claim(storage, mark.ref, me, f"rm-{uuid.uuid4()}", cancel):
            found = read_header(storage, mark.ref)
            if found is None:
                storage.delete(mark.key)
                return None
    if found.header.write_id != mark.xid:
        storage.delete(mark.key)
        return None
    return found.header


def covers(storage: Storage, mark: Mark, header: Header, directory: str) -> bool:
    """Whether the link has files below `directory`, at or above or below which its base is: a link of something above
    has only what was there when it was made."""
    above = base_prefix(mark.base)
    if not f"{directory}/".startswith(above) or above == f"{directory}/":
        return True
    inside = f"{directory}/"[len(above) :]
    return any(entry.path.startswith(inside) for entry in entries_of(storage, mark.ref, header))


def _directories_of_ours(storage: Storage, base: str) -> set[str]:
    """Directories of artifacts, in which or above which `base` is, that have objects of ours."""
    parts = base.split("/")
    prefix = Layout("/".join(parts[:3])).control if len(parts) > 2 else base_prefix(base)
    found = {_directory(info.key) for info in storage.list(prefix) if Layout(_directory(info.key)).is_ours(info.key)}
    return {directory for directory in found if _is_artifact(directory)}


def _directory(key: str) -> str:
    """What would be the artifact's directory if `key` is a file of one."""
    return "/".join(key.split("/")[:3])


def _is_artifact(directory: str) -> bool:
    try:
        ArtifactRef(*directory.split("/"))
    except (UsageError, TypeError):
        return False
    return True


def _unsettled(storage: Storage, ref: ArtifactRef) -> UnfinishedUpload | UploadInProgress:
    there = look(storage, ref)
    if isinstance(there, Absent) and there.reason == "legacy":
        hint = f"wait for it, or finish it: wabucket adopt {ref}; then link again"
        return UploadInProgress(f"{ref}, of an earlier release, is being adopted", hint=hint)
    return UnfinishedUpload(
        f"files below {ref.directory} are those of an upload that is not finished or is being removed",
        hint=f"wait for it, repeat it, or remove it: wabucket rm {ref}; then link again",
    )
