"""Files of this machine that need not be fetched: in the destination already, or kept from an earlier download."""

import os

from wabucketref.model.manifest import Entry
from wabucketref.store.cache.content import Contents
from wabucketref.store.cache.known import KnownDigests, tick
from wabucketref.store.disk.localio import local
from wabucketref.store.engine.pool import Crew
from wabucketref.store.format.digest import digest_like
from wabucketref.store.receiving.safetree import SafeTree
from wabucketref.store.source.tree import Found


class LocalFiles:
    """What one download finds here, and what it leaves for later ones. Thread-safe.

    `known`: the digests of files of the destination. `deep`: they are read all the same.
    """

    def __init__(
        self, crew: Crew, known: KnownDigests | None = None, contents: Contents | None = None, *, deep: bool = False
    ) -> None:
        self._known = known or KnownDigests(None, "")
        self._contents = contents or Contents(None, 0)
        self._crew = crew
        self._deep = deep
        self._wrote = False

    @property
    def keeps_content(self) -> bool:
        """Whether earlier downloads left, or this one leaves, the content of files."""
        return self._contents.holds_any

    def is_in_place(self, there: SafeTree, entry: Entry) -> bool:
        """Whether the destination has the file; it is read unless its digest is known."""
        facts = there.look(entry.path)
        if not entry.digest or facts is None or facts.st_size != entry.size:
            return False
        found = _found(entry.path, facts)
        known = None if self._deep else self._known.get(found)
        if known is not None:
            return known == entry.digest
        if not self._has(there, entry, found):
            return False
        self._known.note(found, entry.digest)
        return True

    def is_equal(self, staged: SafeTree, entry: Entry) -> bool:
        """Whether an earlier try left the file whole in the staging directory."""
        facts = staged.look(entry.path)
        equal = bool(entry.digest) and facts is not None and self._has(staged, entry, _found(entry.path, facts))
        self._wrote |= equal
        return equal

    def from_cache(self, staged: SafeTree, entry: Entry) -> bool:
        """Bring the file into the staging directory from what earlier downloads kept, verified."""
        if not self._contents.holds_any or not entry.digest:
            return False
        descriptor = staged.create(entry.path)
        try:
            with local(f"write {entry.path!r}"):
                if os.fstat(descriptor).st_size:
                    return False  # the beginning of it: the bucket goes on from there
                if not self._contents.put_into(entry, descriptor):
                    os.ftruncate(descriptor, 0)
                    return False
            if hash_descriptor(descriptor, entry, self._crew) == entry.digest:
                self._wrote = True
                return True
            self._contents.drop(entry)
            with local(f"write {entry.path!r}"):
                os.ftruncate(descriptor, 0)
            return False
        finally:
            os.close(descriptor)

    def keep(self, staged: SafeTree, entry: Entry) -> None:
        """Leave the fetched file for later downloads."""
        self._wrote = True
        if self._contents.holds_any and entry.digest:
            descriptor = staged.open_read(entry.path)
            try:
                self._contents.add(entry, descriptor)
            finally:
                os.close(descriptor)

    def settle(self) -> None:
        """Before files are placed, and when all are: so that any change from then on shows in their times."""
        if self._wrote:
            tick()

    def note_placed(self, there: SafeTree, entry: Entry) -> None:
        """The file, verified and written by us alone, has just got its name in the destination."""
        facts = there.look(entry.path) if entry.digest else None
        if facts is not None and facts.st_size == entry.size:
            self._known.note_own(_found(entry.path, facts), entry.digest)

    def _has(self, tree: SafeTree, entry: Entry, found: Found) -> bool:
        """Whether the file has the content, and was as `found` before and after it was read."""
        if found.size != entry.size:
            return False
        descriptor = tree.open_read(entry.path)
        try:
            digest = hash_descriptor(descriptor, entry, self._crew)
            return digest == entry.digest and _found(entry.path, os.fstat(descriptor)) == found
        finally:
            os.close(descriptor)


def _found(path: str, facts: os.stat_result) -> Found:
    return Found(path, path, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns, facts.st_ino, facts.st_dev)


def hash_descriptor(descriptor: int, entry: Entry, crew: Crew) -> str:
    """The digest of an open file of about the size of `entry`."""
    digest, step, start = digest_like(entry.digest), crew.limits.part_size, 0
    held = crew.budget.acquire(min(step, entry.size), crew.check)
    try:
        with local(f"read {entry.path!r}"):
            while piece := os.pread(descriptor, step, start):
                crew.check()
                digest.update(piece)
                start += len(piece)
    finally:
        crew.budget.release(held)
    return digest.value()
