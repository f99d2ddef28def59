"""Small files of which nothing is in the bucket yet: sent many at a time by one thread, where the storage can."""

from collections import deque
from collections.abc import Callable, Generator, Iterator
from contextlib import closing

from wabucketref.contracts.many import Put
from wabucketref.errors import WaBucketError
from wabucketref.model.manifest import Entry
from wabucketref.store.digest import digest_of
from wabucketref.store.pool import Crew
from wabucketref.store.sending.file import Sent
from wabucketref.store.sending.guarded import Guarded
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
        key_of: Callable[[str], str],
        is_new: Callable[[Found, str], bool],
        stored: Callable[[Found, Sent], Result],
    ) -> None:
        """`failed` is told of errors, by path. `is_new`: whether nothing of the file is in the bucket, neither under
        the key nor elsewhere. `stored`: what is to be done once it is."""
        self._source = source
        self._guarded = guarded
        self._crew = crew
        self._failed = failed
        self._key_of = key_of
        self._is_new = is_new
        self._stored = stored
        self._create = guarded.storage.capabilities.create_if_absent

    def takes(self, found: Found) -> bool:
        """Implements Together."""
        return found.size <= self._crew.limits.small and not found.directory

    def run(self, files: Iterator[Found]) -> Generator[tuple[Found, Result | None]]:
        """Implements Together."""
        crew, known = self._crew, deque[Found]()
        under_way: dict[str, tuple[Found, str]] = {}

        def puts() -> Iterator[Put]:
            for found in files:
                key = self._key_of(found.path)
                if not self._is_new(found, key):
                    known.append(found)
                    continue
                with self._source.open(found) as file:
                    data = file.read(0, found.size)
                under_way[key] = found, digest_of(data)
                yield Put(key, data, self._create)

        with crew.many_small() as width, closing(self._guarded.put_many(puts(), width)) as outcomes:
            for put, outcome in outcomes:
                found, digest = under_way.pop(put.key)
                if isinstance(outcome, WaBucketError):
                    self._failed[found.path] = outcome
                    yield found, None
                else:
                    crew.progress.advance(bytes=found.size)
                    yield found, self._stored(found, Sent(digest, outcome, found.size))
                while known:
                    yield known.popleft(), None
        while known:
            yield known.popleft(), None
