"""Upload: the files of a source become the objects of an artifact."""

from collections.abc import Callable, Iterator

from wabucketref.contracts.storage import ObjectInfo, Storage
from wabucketref.contracts.transfer import OpenUpload, StoredFile, TransferMemory
from wabucketref.errors import WaBucketError
from wabucketref.failpoints import hit
from wabucketref.model.manifest import Entry
from wabucketref.model.plan import Committed, UploadPlan
from wabucketref.store.cache.known import DigestCache
from wabucketref.store.engine.pool import Crew
from wabucketref.store.identity import Identity
from wabucketref.store.sending.committed import Moved
from wabucketref.store.sending.digests import Comparing, SourceDigests
from wabucketref.store.sending.file import FileSender, Sends, Sent
from wabucketref.store.sending.readback import digest_in_store
from wabucketref.store.sending.reuse import Reuse, looking_for_earlier, reusing
from wabucketref.store.sending.small import SmallFiles
from wabucketref.store.sending.unfinished import Unfinished
from wabucketref.store.sending.writing import Looked, Room, Writing
from wabucketref.store.source.read import Source
from wabucketref.store.source.tree import Found, Tree


def upload(
    storage: Storage,
    plan: UploadPlan,
    tree: Tree,
    me: Identity,
    crew: Crew,
    memory: TransferMemory,
    cache: DigestCache,
    sends: Callable[[FileSender], Sends] | None = None,
    there: Callable[[], Looked] | None = None,
) -> Committed:
    """Carry out `plan` with the files found by the scan; `sends` gives what sends them in the place of this process.
    `there`: as for :meth:`Writing.run`.

    See :meth:`DataPlane.upload` for the errors.
    """
    with (
        Source(tree.root) as source,
        cache.of(tree.root, tree.files) as known,
        looking_for_earlier(storage, plan, tree.files, crew) as earlier,
    ):
        digests = SourceDigests(source, crew, known)
        writing = Writing(storage, plan, me, crew, Comparing(digests, tree, plan).same)

        def fill(room: Room, moved: Moved) -> Iterator[Entry]:
            here = FileSender(source, room.guarded, crew, memory)
            sender = sends(here) if sends else here
            with reusing(room, plan, digests, earlier(), crew) as reuse:
                filling = _Filling(sender, digests, reuse, tree, crew, memory, room, moved)
                many = sender is here and storage.capabilities.many
                together = filling.together(source, here.failed) if many else None
                yield from filling.entries(together)

        crew.progress.start("upload", tree.files, tree.bytes)
        try:
            return writing.run(fill, there)
        finally:
            crew.progress.finish()


class _Filling:
    """Stores the files under the claim and yields their entries in order of path."""

    def __init__(
        self,
        sender: Sends,
        digests: SourceDigests,
        reuse: Reuse,
        tree: Tree,
        crew: Crew,
        memory: TransferMemory,
        room: Room,
        moved: Moved,
    ) -> None:
        self._digests = digests
        self._reuse = reuse
        self._tree = tree
        self._crew = crew
        self._memory = memory
        self._room = room
        self._moved = moved
        self._storage = room.guarded.storage
        self._unfinished = Unfinished(self._storage, memory, reusable=room.claim.reusable)
        self._sender = sender

    def together(self, source: Source, failed: dict[str, WaBucketError]) -> SmallFiles:
        """What stores many small files at a time; of what fails, `failed` is told."""
        room = self._room
        return SmallFiles(
            source, room.guarded, self._crew, failed, self._reuse, self._key_if_free, self._stored, self._reused
        )

    def entries(self, together: SmallFiles | None) -> Iterator[Entry]:
        try:
            large = self._tree.largest(self._crew.limits.multipart_threshold)
            for entry, moved in self._crew.in_order(self._store, self._tree, large, together=together):
                if entry.type == "file":
                    self._count(entry, moved)
                yield entry
            self._unfinished.give_rest_back()
        except WaBucketError as error:
            self._unfinished.failed(error)
            raise

    def _count(self, entry: Entry, moved: int | None) -> None:
        if moved is None:
            self._moved.files_reused += 1
        else:
            self._moved.files += 1
            self._moved.bytes += moved
        self._moved.bytes_reused += entry.size - (moved or 0)

    def _store(self, found: Found) -> tuple[Entry, int | None]:
        """Have the file in the bucket; with its entry, how many bytes were sent, None when it was all there."""
        if found.directory:
            return Entry(found.path, 0, "", "directory"), None
        key = self._room.layout.file(found.path)
        seen = self._room.seen.take(key)
        left = self._unfinished.take(found, key)
        kept = self._kept(found, seen) or self._reuse.in_place(found, seen) or self._completed(found, seen, left)
        if kept is None:
            kept, seen = self._reuse.copied(found, key, seen)
        if kept is not None:
            if left is not None:
                self._unfinished.give_back(left)
            return self._reused(found, kept)
        return self._stored(found, self._sender.send(found, key, seen, left))

    def _key_if_free(self, found: Found) -> str | None:
        """The key of a file of which nothing is there from an earlier try, or of what is replaced."""
        key = self._room.layout.file(found.path)
        return None if key in self._room.seen or self._unfinished.has(found) else key

    def _reused(self, found: Found, kept: Entry) -> tuple[Entry, int | None]:
        self._remember(found, kept)
        self._crew.progress.advance(files=1, bytes=found.size)
        return kept, None

    def _stored(self, found: Found, sent: Sent) -> tuple[Entry, int | None]:
        hit("upload.file_sent")
        self._digests.note(found, sent.digest)
        stored = _entry(found, sent.digest, sent.info)
        self._remember(found, stored)
        hit("upload.file_stored")
        self._crew.progress.advance(files=1)
        return stored, sent.moved

    def _remember(self, found: Found, stored: Entry) -> None:
        facts = (found.path, found.size, found.mtime_ns, found.ctime_ns, found.inode)
        self._memory.remember(StoredFile(*facts, stored.digest, stored.etag, stored.version))

    def _kept(self, found: Found, seen: ObjectInfo | None) -> Entry | None:
        """The entry when an earlier try stored the very bytes and nobody touched the object since.

        The source is hashed again, unless its digest is surely known: that costs less than sending, and equal times
        do not prove equal content. So is the object on a disk, where a power loss may have left the right size and
        times with other bytes.
        """
        if seen is None or seen.etag is None or not self._room.claim.reusable:
            return None
        known = self._memory.recall(found.path)
        hit("upload.recalled")
        if known is None or (known.size, known.etag) != (seen.size, seen.etag) or known.size != found.size:
            return None
        if (known.mtime_ns, known.ctime_ns, known.inode) != (found.mtime_ns, found.ctime_ns, found.inode):
            return None
        if self._digests.of(found) != known.digest:
            return None
        if self._storage.capabilities.local and digest_in_store(self._storage, seen, self._crew) != known.digest:
            return None
        return Entry(found.path, found.size, known.digest, "file", known.etag, known.version)

    def _completed(self, found: Found, seen: ObjectInfo | None, left: OpenUpload | None) -> Entry | None:
        """The entry when an earlier try died between putting all parts together and noting it: the object tells."""
        if seen is None or left is None or seen.size != found.size:
            return None
        if sum(part.size for part in self._memory.parts_of(left).values()) != found.size:
            return None
        digest = self._digests.of(found)
        if digest_in_store(self._storage, seen, self._crew) != digest:
            return None
        return _entry(found, digest, seen)


def _entry(found: Found, digest: str, info: ObjectInfo) -> Entry:
    return Entry(found.path, found.size, digest, "file", info.etag, info.version)
