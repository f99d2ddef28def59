"""What a bucket must hold: a dictionary of committed uploads, and the operations that a kill left in the journal."""

from dataclasses import dataclass, field
from itertools import permutations

from tests.faults.trees import Tree
from wabucketref.model.manifest import Entry
from wabucketref.model.reference import ArtifactRef
from wabucketref.store.format.digest import ManifestDigest, digest_of

CONTENTS: tuple[Tree, ...] = (
    {"a.txt": b"first\n", "deep/b.bin": bytes(range(256)) * 8},
    {"a.txt": b"second\n", "c": b""},
    {"a.txt": b"third\n", "deep/er/b.bin": bytes(100), "deep/z": b"z"},
)
UPLOADS = tuple(ArtifactRef("dataset", "cats", alias) for alias in ("one", "two"))
LINKS = {ArtifactRef("dataset", "linked", ref.alias): ref for ref in UPLOADS}
"""Each to what it links, if it is there."""
REFS = (*UPLOADS, *LINKS)

MISSING, REPLACED, CONFLICT = 3, 5, 6


@dataclass(frozen=True)
class Upload:
    """What an alias holds."""

    content: int
    asked: int
    """When its operation was asked for."""


@dataclass(frozen=True)
class Pending:
    """An operation that waits in a journal."""

    run: str
    ref: ArtifactRef
    content: int | None
    """None: that of what it links."""
    overwrite: bool
    asked: int
    seen: Upload | None = None
    """What was there when it was asked for."""


@dataclass
class Model:
    """See the module's text."""

    held: dict[ArtifactRef, Upload] = field(default_factory=dict)
    pending: list[Pending] = field(default_factory=list)
    removing: set[ArtifactRef] = field(default_factory=set)
    """Removals that were killed: the tracker may still have what is not there any more."""
    claimed: set[ArtifactRef] = field(default_factory=set)
    """Where something was killed that takes a claim and is not journaled: a dead claim may lie there."""
    unrecorded: set[ArtifactRef] = field(default_factory=set)
    """Where something was killed that is journaled: the tracker may not know yet what the bucket holds."""
    clock: int = 0

    def ask(self) -> int:
        """A later moment."""
        self.clock += 1
        return self.clock

    def content(self, ref: ArtifactRef) -> int | None:
        found = self.held.get(ref)
        return found.content if found else None

    def is_linked(self, ref: ArtifactRef) -> bool:
        return any(base == ref and link in self.held for link, base in LINKS.items())

    def code_of_upload(self, ref: ArtifactRef, content: int, *, overwrite: bool = False) -> int:
        """The exit code that an upload must have."""
        there = self.content(ref)
        if there in (None, content):
            return 0
        return CONFLICT if not overwrite or self.is_linked(ref) else 0

    def code_of_link(self, ref: ArtifactRef) -> int:
        base = self.content(LINKS[ref])
        if base is None:
            return MISSING
        return 0 if self.content(ref) in (None, base) else CONFLICT

    def uploaded(self, ref: ArtifactRef, content: int, asked: int) -> None:
        """It was done; the same content again changes nothing."""
        if self.content(ref) != content:
            self.held[ref] = Upload(content, asked)
        self.removing.discard(ref)

    def removed(self, ref: ArtifactRef) -> None:
        self.held.pop(ref, None)
        self.removing.discard(ref)

    def after_sync(self, ref: ArtifactRef) -> set[Upload | None]:
        """What `ref` may hold when all that waits was carried out, in whatever order."""
        mine = [one for one in self.pending if one.ref == ref]
        return set().union(*(self._in_order({self.held.get(ref)}, order) for order in permutations(mine)))

    def _in_order(self, there: set[Upload | None], order: tuple[Pending, ...]) -> set[Upload | None]:
        for one in order:
            there = set().union(*(self._after(one, found) for found in there))
        return there

    def _after(self, one: Pending, there: Upload | None) -> set[Upload | None]:
        """What may be there once `one` is carried out."""
        content = one.content if one.content is not None else self.content(LINKS[one.ref])
        if content is None or (there is not None and there.content == content):
            return {there}
        done = Upload(content, one.asked)
        if there is None:  # an overwrite goes on when it was it that withdrew the other, not when that was removed
            return {done} if not one.overwrite or one.seen is None else {done, None}
        return {done} if one.overwrite and one.seen == there and not self.is_linked(one.ref) else {there}


def digest(ref: ArtifactRef, content: int) -> str:
    """The manifest digest of an upload, computed from the description of the format."""
    found = ManifestDigest(ref.type, ref.name, ref.alias)
    for path, data in sorted(CONTENTS[content].items()):
        assert data is not None
        found.add(Entry(path, len(data), digest_of(data)))
    return found.value()
