"""Files that need not be sent: they lie in the bucket, under an earlier alias, or where an upload is replaced.

Whatever cannot be reused is sent; nothing here makes an upload fail that would succeed without it.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from wabucketref.contracts.storage import ObjectInfo, Storage
from wabucketref.errors import (
    IntegrityError,
    NotAuthorised,
    NotFound,
    PreconditionFailed,
    TransientError,
    UsageError,
    WaBucketError,
)
from wabucketref.failpoints import hit
from wabucketref.model.manifest import Entry
from wabucketref.model.plan import UploadPlan
from wabucketref.store.drivers.probe import prove_copies
from wabucketref.store.engine.pool import Crew
from wabucketref.store.format.etags import tell_equal_bytes
from wabucketref.store.sending.digests import SourceDigests
from wabucketref.store.sending.earlier import Earlier, Original
from wabucketref.store.sending.entryindex import EntryIndex
from wabucketref.store.sending.guarded import SourceGone
from wabucketref.store.sending.readback import digest_in_store
from wabucketref.store.sending.writing import Room
from wabucketref.store.source.tree import Found
from wabucketref.store.wrappers.wrapper import unproven
from wabucketref.threads import Beside

_NO_COPY = (NotFound, PreconditionFailed, NotAuthorised, UsageError, TransientError, IntegrityError)
"""Why a copy may fail where sending may not. A claim that was lost is none of them."""
_log = logging.getLogger(__name__)


@contextmanager
def reusing(room: Room, plan: UploadPlan, digests: SourceDigests, earlier: Earlier, crew: Crew) -> Iterator["Reuse"]:
    """What can be reused for `plan`."""
    replaced = earlier.read(plan.ref, room.replaced) if room.replaced is not None else None
    try:
        yield Reuse(room, digests, earlier, replaced, crew)
    finally:
        if replaced is not None:
            replaced.close()


@contextmanager
def looking_for_earlier(storage: Storage, plan: UploadPlan, files: int, crew: Crew) -> Iterator[Callable[[], Earlier]]:
    """Earlier uploads of the artifact of `plan`, whose source has so many `files`; to be called for once they are
    needed. Where there may be some, they are looked at until then, and so is how the store copies."""
    with Earlier(storage, plan.ref, plan.earlier, files, crew) as earlier:
        if not unproven(storage).server_side_copy or plan.earlier == ():
            yield lambda: earlier
            return

        def prepared() -> Earlier:
            if earlier.prepare():
                prove_copies(storage)
            return earlier

        with Beside(prepared) as ahead:
            yield ahead.result


class Reuse:
    """What can be reused for one upload. Thread-safe.

    `replaced`: the entries of the upload that is being replaced, whose objects are still in place.
    """

    def __init__(
        self, room: Room, digests: SourceDigests, earlier: Earlier, replaced: EntryIndex | None, crew: Crew
    ) -> None:
        self._guarded = room.guarded
        self._storage = room.guarded.storage
        self._file = room.layout.file
        self._digests = digests
        self._earlier = earlier
        self._replaced = replaced
        self._crew = crew
        self._copies = self._storage.capabilities.server_side_copy
        self._tried: dict[str, ObjectInfo | WaBucketError] = {}
        """By path, what became of a first try to copy a file with many others."""

    def in_place(self, found: Found, seen: ObjectInfo | None) -> Entry | None:
        """The entry of the file when the object `seen` in its place is the one of the replaced upload, and equal.

        On a disk it is read, as overwriting is also how damage is mended; a store vouches for its bytes by the etag.
        """
        old = self._replaced.at(found.path) if self._replaced is not None and seen is not None else None
        if old is None or seen is None or (old.size, old.size, old.etag) != (found.size, seen.size, seen.etag):
            return None
        if self._digests.of(found) != old.digest:
            return None
        if self._storage.capabilities.local and digest_in_store(self._storage, seen, self._crew) != old.digest:
            return None
        return old

    def copied(self, found: Found, key: str, seen: ObjectInfo | None) -> tuple[Entry | None, ObjectInfo | None]:
        """The entry of the file once a copy of an equal one is under `key`, in the place of `seen`.

        None: it has to be sent, in the place of what is returned beside.
        """
        original = self.original(found)
        if original is None:
            return None, seen
        try:
            entry = self._copy(found, original, key, seen)
            if entry is not None:
                return entry, None
            _log.info("%r is sent: the equal file %s changed while it was copied", found.path, original.key)
        except SourceGone as error:
            _log.info("%r is sent: %s", found.path, error.__cause__)
        except _NO_COPY as error:
            if isinstance(error, NotAuthorised | UsageError) or (isinstance(error, TransientError) and error.exhausted):
                self._copies = False  # the next copy would fail as well, or be as long in vain
            _log.info("%r is sent, as it could not be copied within the bucket: %s", found.path, error)
        return None, self._storage.head(key)

    def original(self, found: Found) -> Original | None:
        """An equal file in the bucket, of which a copy can be made."""
        if not self._copies:
            return None
        digest = self._digests.known(found)
        if digest is None and self._might_be_there(found.size):
            digest = self._digests.of(found)
        if digest is None:
            return None
        moved = self._replaced.with_digest(digest) if self._replaced is not None else None
        if moved is not None and moved.size == found.size:
            return Original.of(moved, self._file(moved.path))
        return self._earlier.find(found.size, digest)

    def _might_be_there(self, size: int) -> bool:
        return (self._replaced is not None and self._replaced.may_have(size)) or self._earlier.may_have(size)

    def _copy(self, found: Found, original: Original, key: str, seen: ObjectInfo | None) -> Entry | None:
        """Copy, then look whether it is what the manifest of the original says."""
        tried = self._tried.pop(found.path, None)
        hit("upload.copying")
        if isinstance(tried, ObjectInfo):
            made = tried
        else:
            made = self._guarded.copy(original.seen, key, seen, tried)
        hit("upload.copied")
        checked = self._checked(made, original.seen, original.entry.digest)
        if checked is None:
            self._guarded.delete(made)
            return None
        return _entry(found, original, checked)

    def copied_at_once(
        self, found: Found, original: Original, outcome: ObjectInfo | WaBucketError | None
    ) -> Entry | None:
        """The entry of the file if the `outcome` of a copy says that it is right. Else :meth:`copied` goes on with it.
        None: no copy was begun."""
        if isinstance(outcome, ObjectInfo) and _says_equal(outcome, original.seen):
            hit("upload.copied")
            return _entry(found, original, outcome)
        if outcome is not None:
            self._tried[found.path] = outcome
        return None

    def _checked(self, made: ObjectInfo, meant: ObjectInfo, digest: str) -> ObjectInfo | None:
        """The facts of a copy that has the right bytes.

        A store that surely made it of the very original is believed. Else an etag that changes whenever the bytes do
        vouches for them: the copy's own, where the store gives equal bytes equal etags, or the original's, which is
        still the same after the copy was made. On a disk they are read.
        """
        if self._storage.capabilities.local:
            return made if digest_in_store(self._storage, made, self._crew) == digest else None
        if _says_equal(made, meant):
            return made
        original, copy = self._storage.head(meant.key), self._storage.head(made.key)
        if original is None or (original.etag, original.size) != (meant.etag, meant.size):
            return None
        return copy if copy is not None and copy.size == meant.size else None


def _says_equal(made: ObjectInfo, meant: ObjectInfo) -> bool:
    """Whether the answer to a copy says that its bytes are those that were meant."""
    return made.size == meant.size and (made.as_seen or tell_equal_bytes(made.etag, meant.etag))


def _entry(found: Found, original: Original, made: ObjectInfo) -> Entry:
    entry = original.entry
    return Entry(found.path, entry.size, entry.digest, "file", made.etag, made.version)
