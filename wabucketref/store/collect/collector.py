"""Collecting garbage, for whoever has a bucket and a crew."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from math import isfinite

from wabucketref.contracts.storage import Storage
from wabucketref.model.garbage import Garbage
from wabucketref.model.reference import ArtifactRef
from wabucketref.store.collect.age import Clock
from wabucketref.store.collect.carrying_out import carry_out
from wabucketref.store.collect.finding import Findings, Item, find_garbage, reaches
from wabucketref.store.engine.pool import Crew
from wabucketref.store.identity import Identity


class Collector:
    """Finds garbage once, then removes it."""

    def __init__(self, storage: Storage, me: Identity, crew: Crew) -> None:
        self._storage = storage
        self._me = me
        self._crew = crew
        self._clock = Clock(storage)
        self._found = Findings()

    def find(self, prefix: str = "") -> Findings:
        """What lies below `prefix`: empty, or ``TYPE/`` or ``TYPE/NAME/``. Raises as the storage contract does."""
        self._crew.progress.start("look", None, None)
        try:
            self._found = find_garbage(self._storage, self._me, self._crew, self._clock, prefix)
        finally:
            self._crew.progress.finish()
        return self._found

    def in_use(self, ref: ArtifactRef) -> str | None:
        """Why an upload may not go, as far as the bucket says what was found tells."""
        if ref.directory in self._found.live:
            return "a writer is at it"
        link = next((mark.ref for mark in self._found.marks if reaches(self._storage, mark, ref)), None)
        return f"{link} refers to its files" if link else None

    def remove(self, items: Sequence[Item]) -> Iterator[Garbage]:
        """Remove what was found, each looked at again; it stays when it is not what it was any more.

        Raises:
            WaBucketError: the store does not allow or cannot do it; doing it again goes on from there.
        """
        self._crew.progress.start("remove", len(items), None)
        try:
            for item, kept in carry_out(self._storage, self._me, self._crew, self._clock, items):
                yield replace(told(item), state="kept" if kept else "removed", explanation=kept)
        finally:
            self._crew.progress.finish()


def told(item: Item) -> Garbage:
    """What people and programs are told of an item."""
    since = datetime.fromtimestamp(item.newest, UTC) if isfinite(item.newest) else None
    return Garbage(item.kind, item.what, item.objects, item.bytes, since)
