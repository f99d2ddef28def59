"""The digests of a source's files, which are read only where this machine does not know them already."""

from collections.abc import Iterable, Iterator
from itertools import islice

from wabucketref.model.manifest import Entry, Header
from wabucketref.model.plan import UploadPlan
from wabucketref.store.cache.known import KnownDigests
from wabucketref.store.engine.limits import SMALL_BYTES
from wabucketref.store.engine.pool import Crew
from wabucketref.store.format.digest import Digest, ManifestDigest
from wabucketref.store.source.read import Source
from wabucketref.store.source.tree import Found, Tree

_TOGETHER = 1024
_PIECE = 1 << 20


class SourceDigests:
    """Digests of files of one source. Thread-safe."""

    def __init__(self, source: Source, crew: Crew, known: KnownDigests) -> None:
        self._source = source
        self._crew = crew
        self._known = known
        self.known = known.get
        self.note = known.note

    def of(self, found: Found) -> str:
        """The digest of a file, of which nothing else is known than that it is still as `found`.

        Raises:
            SourceChanged: it changed while it was read.
        """
        return self._known.get(found) or self._hash(found)

    def of_all(self, tree: Iterable[Found]) -> Iterator[tuple[Found, str]]:
        """Each file and its digest, in order; directories have none. What is known costs no thread."""
        rest = iter(tree)
        while files := list(islice(rest, _TOGETHER)):
            known = {found.path: self._known.get(found) for found in files}
            unknown = [found for found in files if known[found.path] is None and not found.directory]
            hashed = zip(unknown, self._crew.in_order(self._hash, unknown), strict=True) if unknown else ()
            known.update({found.path: digest for found, digest in hashed})
            yield from ((found, known[found.path] or "") for found in files)

    def _hash(self, found: Found) -> str:
        digest, step = Digest(), min(found.size, _PIECE)
        # A small one is not waited for: who asks may hold memory for many of them.
        held = self._crew.budget.acquire(step, self._crew.check) if step > SMALL_BYTES else 0
        try:
            with self._source.open(found) as file, self._crew.buffers.of(step) as buffer:
                for start in range(0, found.size, _PIECE):
                    self._crew.check()
                    piece = buffer[: min(step, found.size - start)]
                    file.read_into(start, piece)
                    digest.update(piece)
        finally:
            self._crew.budget.release(held)
        self._known.note(found, digest.value())
        return digest.value()


class Comparing:
    """Whether a source has the content of a committed upload: hashed here if need be, nothing is sent."""

    def __init__(self, digests: SourceDigests, tree: Tree, plan: UploadPlan) -> None:
        self._digests = digests
        self._tree = tree
        self._plan = plan
        self._digest: str | None = None

    def same(self, header: Header) -> bool:
        if (header.files, header.bytes) != (self._tree.files, self._tree.bytes):
            return False
        if self._digest is None:
            manifest = ManifestDigest(self._plan.type, self._plan.name, self._plan.alias)
            for found, digest in self._digests.of_all(self._tree):
                manifest.add(Entry(found.path, found.size, digest, "directory" if found.directory else "file"))
            self._digest = manifest.value()
        return header.digest == self._digest
