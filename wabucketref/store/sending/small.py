"""Small files under whose keys nothing lies yet: copied or sent many at a time by one thread, where the storage can."""

from collections import deque
from collections.abc import Callable, Generator, Iterator
from contextlib import closing

from wabucketref.contracts.many import Copy, Put
from wabucketref.errors import WaBucketError
from wabucketref.failpoints import hit
from wabucketref.model.manifest import Entry
from wabucketref.store.engine.pool import Crew
from wabucketref.store.format.digest import digest_of
from wabucketref.store.sending.earlier import Original
from wabucketref.store.sending.file import Sent
from wabucketref.store.sending.guarded import Guarded
from wabucketref.store.sending.reuse import Reuse
from wabucketref.store.source.read import Source
from wabucketref.store.source.tree import Found

Result = tuple[Entry, int | None]


class SmallFiles:
    """Implements pool.Together. Whatever does not go well at once is left to be sent by itself, as large files are:
    there it is tried again, and what became of the first try is looked at.
    """

    def __init__(
        self,
        source: Source,
        guarded: Guarded,
        crew: Crew,
        failed: dict[str, WaBucketError],
        reuse: Reuse,
        free: Callable[[Found], str | None],
        stored: Callable[[Found, Sent], Result],
        reused: Callable[[Found, Entry], Result],
    ) -> None:
        """`failed` is told of errors, by path. `free`: the key of a file, if nothing lies there. `stored`, `reused`:
        what is to be done once a file was sent or copied."""
        self._source = source
        self._guarded = guarded
        self._crew = crew
        self._failed = failed
        self._reuse = reuse
        self._free = free
        self._stored = stored
        self._reused = reused
        self._create = guarded.storage.capabilities.create_if_absent

    def takes(self, found: Found) -> bool:
        """Implements Together."""
        return found.size <= self._crew.limits.small and not found.directory

    def run(self, files: Iterator[Found]) -> Generator[tuple[Found, Result | None]]:
        """Implements Together. What need not be sent comes first."""
        new = list[tuple[Found, str]]()
        with self._crew.many_small() as width:
            yield from self._copy(files, width, new)
            left = iter(new)
            yield from self._send(left, width)
        yield from ((found, None) for found, _ in left)  # the store wants no more at once

    def _copy(
        self, files: Iterator[Found], width: int, new: list[tuple[Found, str]]
    ) -> Generator[tuple[Found, Result | None]]:
        """Copies those of which the bucket has equal ones; the others are `new`, each with its key."""
        taken, under_way = deque[Found](), dict[str, tuple[Found, Original]]()

        def copies() -> Iterator[Copy]:
            for found in files:
                key = self._free(found)
                if key is None:
                    taken.append(found)
                elif (original := self._reuse.original(found)) is None:
                    new.append((found, key))
                else:
                    under_way[key] = found, original
                    hit("upload.copying")
                    yield Copy(key, original.seen, self._create)

        with closing(self._guarded.copy_many(copies(), width)) as outcomes:
            for copy, outcome in outcomes:
                found, original = under_way.pop(copy.key)
                entry = self._reuse.copied_at_once(found, original, outcome)
                yield found, None if entry is None else self._reused(found, entry)
                while taken:
                    yield taken.popleft(), None
        while taken:
            yield taken.popleft(), None

    def _send(self, new: Iterator[tuple[Found, str]], width: int) -> Generator[tuple[Found, Result | None]]:
        under_way = dict[str, tuple[Found, str]]()

        def puts() -> Iterator[Put]:
            for found, key in new:
                with self._source.open(found) as file:
                    data = file.read(0, found.size)
                under_way[key] = found, digest_of(data)
                yield Put(key, data, self._create)

        with closing(self._guarded.put_many(puts(), width)) as outcomes:
            for put, outcome in outcomes:
                found, digest = under_way.pop(put.key)
                if isinstance(outcome, WaBucketError):
                    self._failed[found.path] = outcome
                    yield found, None
                else:
                    self._crew.progress.advance(bytes=found.size)
                    yield found, self._stored(found, Sent(digest, outcome, found.size))
