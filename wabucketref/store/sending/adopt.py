"""Adopt: an upload of an earlier release gets its manifest. The files are read once where they lie; nothing is copied.

The claim says that the files stay as they are, so that readers take them for what they were until the header is there,
also when this process dies.
"""

from collections.abc import Iterator, Sequence

from wabucketref.contracts.storage import Storage
from wabucketref.errors import NotFound, SourceChanged
from wabucketref.failpoints import hit
from wabucketref.model.manifest import Entry
from wabucketref.model.plan import AdoptPlan, Committed
from wabucketref.store.engine.pool import Crew
from wabucketref.store.format.layout import Layout
from wabucketref.store.header import Absent, look
from wabucketref.store.identity import Identity
from wabucketref.store.legacy import check_legacy, legacy_entries
from wabucketref.store.sending.committed import Moved
from wabucketref.store.sending.readback import hash_object
from wabucketref.store.sending.writing import Room, Writing


def adopt(storage: Storage, plan: AdoptPlan, me: Identity, crew: Crew) -> Committed:
    """Carry out `plan`. See :meth:`DataPlane.adopt` for the errors."""
    try:
        return Writing(storage, plan, me, crew, lambda header: True).run(_Adopting(storage, plan, crew).fill)
    finally:
        crew.progress.finish()


class _Adopting:
    def __init__(self, storage: Storage, plan: AdoptPlan, crew: Crew) -> None:
        self._storage = storage
        self._ref = plan.ref
        self._layout = Layout.of(plan.ref)
        self._crew = crew

    def fill(self, room: Room, moved: Moved) -> Iterator[Entry]:
        """The entries; nothing is stored."""
        there = look(self._storage, self._ref)  # as the claim found it
        if isinstance(there, Absent):
            check_legacy(self._storage, self._ref, there)
        found = legacy_entries(self._storage, self._ref)
        files = [entry for entry in found if entry.type == "file"]
        if not files:
            raise NotFound(f"{self._ref} in {self._storage.url} has no files", hint="`wabucket ls` shows what is there")
        self._crew.progress.start("adopt", len(files), sum(entry.size for entry in files))
        for entry in self._crew.in_order(self._entry, found):
            if entry.type == "file":
                moved.files_reused += 1
                moved.bytes_reused += entry.size
            yield entry
        if _facts(legacy_entries(self._storage, self._ref)) != _facts(found):
            raise SourceChanged(f"files of {self._ref} changed in the bucket meanwhile", hint="adopt it again")

    def _entry(self, entry: Entry) -> Entry:
        if entry.type == "directory":
            return entry
        key = self._layout.file(entry.path)
        digest, now = hash_object(self._storage, key, entry.size, entry.etag, self._crew)
        hit("adopt.file_hashed")
        return Entry(entry.path, entry.size, digest, "file", now.etag, now.version)


def _facts(entries: Sequence[Entry]) -> list[tuple[str, int, str | None]]:
    return [(entry.path, entry.size, entry.etag) for entry in entries]
