"""A survey of a whole bucket: the uploads in it, those that nobody finishes, and objects of ours that nobody needs.

One listing; what the user keeps beside artifacts is passed over. Nothing is written, not even to read the store's
clock: whether a writer on another machine lives is judged by this machine's, which is good enough for a report.
"""

import time
from collections import defaultdict
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from wabucketref.contracts.storage import Storage
from wabucketref.contracts.transfer import Cancel
from wabucketref.errors import IntegrityError, UsageError
from wabucketref.model.names import RESERVED_DIRECTORY
from wabucketref.model.reference import ArtifactRef
from wabucketref.store.claims.body import Found
from wabucketref.store.claims.single import read_claim
from wabucketref.store.format.layout import MARKS, Layout
from wabucketref.store.header import read_header
from wabucketref.store.identity import Identity
from wabucketref.store.linked import read_mark

_PASSING: Final = f"{RESERVED_DIRECTORY}-"
"""How the names of objects begin that probes of ours put at the root for a moment."""


@dataclass(frozen=True, slots=True)
class Unfinished:
    """Something of ours below an alias, and no header."""

    ref: ArtifactRef
    since: str | None
    live: bool
    """A writer is at it, or may be."""


@dataclass(frozen=True, slots=True)
class Survey:
    """What lies in a bucket."""

    uploads: tuple[ArtifactRef, ...]
    """Those with a header, in order."""
    unfinished: tuple[Unfinished, ...]
    adopting: tuple[Unfinished, ...]
    """Uploads of earlier releases, whole and readable, that are being adopted or were until their writer died."""
    legacy: tuple[ArtifactRef, ...]
    """What may be uploads of earlier releases, in order: files in the place of an upload, and nothing of ours."""
    orphans: tuple[str, ...]
    """Keys of claims, tokens, marks and trial objects whose makers are gone."""


def survey(storage: Storage, me: Identity, cancel: Cancel) -> Survey:
    """Look at everything in `storage`."""
    controls: defaultdict[str, list[str]] = defaultdict(list)
    plain: dict[str, None] = {}
    marks, passing = [], []
    for info in storage.list(""):
        cancel.check()
        if info.key.startswith(MARKS):
            marks.append(info.key)
        elif info.key.startswith(_PASSING):
            passing.append(info.key)
        elif (directory := _directory(info.key)) is not None:
            controls[directory].append(info.key)
        elif (directory := _plain_directory(info.key)) is not None:
            plain[directory] = None
    looking = _Looking(storage, me)
    for directory in sorted(controls):
        cancel.check()
        looking.look(ArtifactRef(*directory.split("/")), controls[directory])
    looking.marks(marks)
    looking.passing(passing)
    return Survey(
        uploads=tuple(looking.uploads),
        unfinished=tuple(looking.unfinished),
        adopting=tuple(looking.adopting),
        legacy=tuple(ArtifactRef(*directory.split("/")) for directory in sorted(plain) if directory not in controls),
        orphans=tuple(sorted(looking.orphans)),
    )


def _directory(key: str) -> str | None:
    """The directory of the artifact whose control object `key` is."""
    parts = key.split("/")
    if len(parts) < 5 or parts[3] != RESERVED_DIRECTORY:
        return None
    try:
        return ArtifactRef(*parts[:3]).directory
    except UsageError:
        return None


def _plain_directory(key: str) -> str | None:
    """The directory of the artifact whose file `key` may be."""
    parts = key.split("/", 3)
    try:
        return ArtifactRef(*parts[:3]).directory if len(parts) == 4 else None
    except UsageError:
        return None


class _Looking:
    def __init__(self, storage: Storage, me: Identity) -> None:
        self._storage = storage
        self._me = me
        self.uploads: list[ArtifactRef] = []
        self.unfinished: list[Unfinished] = []
        self.adopting: list[Unfinished] = []
        self.orphans: list[str] = []

    def look(self, ref: ArtifactRef, keys: Iterable[str]) -> None:
        """`keys`: those of our own objects below `ref`."""
        layout, keys = Layout.of(ref), list(keys)
        claims = list(self._claims(layout, keys))
        live = [found for found in claims if self._is_live(found)]
        tokens = [key for key in keys if key.startswith(layout.token(""))]
        if layout.header in keys or self._is_there(layout.header):
            self.uploads.append(ref)
            dead = [found.info.key for found in claims if found not in live]
            self._orphaned(dead if live else [*dead, *tokens])
        elif claims or any(map(self._is_there, set(keys).difference(tokens))):
            since = min((found.body.since for found in claims if found.body), default=None)
            adopting = bool(claims) and all(found.adopts for found in claims)
            (self.adopting if adopting else self.unfinished).append(Unfinished(ref, since, bool(live)))
        else:
            self._orphaned(tokens)

    def _orphaned(self, keys: Iterable[str]) -> None:
        """Those that are still there: what was listed may have gone in the meantime."""
        self.orphans += filter(self._is_there, keys)

    def _is_there(self, key: str) -> bool:
        return self._storage.head(key) is not None

    def _claims(self, layout: Layout, keys: Iterable[str]) -> Iterator[Found]:
        for key in keys:
            if key == layout.claim or key.startswith(layout.claims):
                found = read_claim(self._storage, key)
                if found is not None:
                    yield found

    def _is_live(self, found: Found) -> bool:
        return found.is_live(self._me, "", time.time)

    def marks(self, keys: Iterable[str]) -> None:
        """Those of links that are not there and that nobody makes; damaged ones, which only stand in the way."""
        made = {one.ref for one in (*self.unfinished, *self.adopting) if one.live}
        self._orphaned(key for key in keys if self._is_dead_mark(key, made))

    def _is_dead_mark(self, key: str, made: Container[ArtifactRef]) -> bool:
        try:
            mark = read_mark(self._storage, key)
        except IntegrityError:
            return True
        if mark is None or mark.ref in made:
            return False
        try:
            found = read_header(self._storage, mark.ref)
        except IntegrityError:
            return False  # which is said of the link itself
        return found is None or found.header.write_id != mark.xid

    def passing(self, keys: Iterable[str]) -> None:
        """What probes put there for a moment."""
        self._orphaned(keys)
