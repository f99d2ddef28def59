"""Small files of which nothing is here yet: fetched many at a time by one thread, where the storage can."""

from collections import deque
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from typing import Generic, TypeVar, cast

from wabucketref.contracts.many import Content, Many, Read
from wabucketref.contracts.storage import ObjectInfo
from wabucketref.errors import WaBucketError
from wabucketref.model.manifest import Entry
from wabucketref.store.format.digest import digest_of
from wabucketref.store.receiving.fetch import Fetcher, problem_of

R = TypeVar("R")


class SmallFiles(Generic[R]):
    """Implements pool.Together. Whatever does not go well at once is left to be fetched by itself, as large files are:
    there it is tried again, and the bucket blamed.
    """

    def __init__(self, fetcher: Fetcher, is_new: Callable[[Entry], bool], fetched: Callable[[Entry], R]) -> None:
        """`is_new`: whether nothing of the file is on this machine. `fetched`: what is to be done once it is there."""
        self._fetcher = fetcher
        self._is_new = is_new
        self._fetched = fetched

    def takes(self, entry: Entry) -> bool:
        """Implements Together."""
        return entry.size <= self._fetcher.crew.limits.small and bool(entry.digest) and entry.type == "file"

    def run(self, entries: Iterator[Entry]) -> Generator[tuple[Entry, R | None]]:
        """Implements Together."""
        origin, crew = self._fetcher.origin, self._fetcher.crew
        under_way: dict[str, Entry] = {}
        known = deque[Entry]()

        def reads() -> Iterator[Read]:
            for entry in entries:
                if self._is_new(entry):
                    key = origin.key_of(entry.path)
                    under_way[key] = entry
                    yield Read(key, entry.size)
                else:
                    known.append(entry)

        with crew.many_small() as width:
            answers = cast(Generator[Content], cast(Many, origin.storage).read_many(reads(), width, crew.check))
            with closing(answers):
                for read, outcome in answers:
                    entry = under_way.pop(read.key)
                    yield entry, self._fetched(entry) if self._take(entry, outcome) else None
                    while known:
                        yield known.popleft(), None
        while known:
            yield known.popleft(), None

    def _take(self, entry: Entry, outcome: tuple[bytes, ObjectInfo] | WaBucketError) -> bool:
        """Store what was read, if it is what it must be."""
        if isinstance(outcome, WaBucketError):
            self._fetcher.failed[entry.path] = outcome
            return False
        data, _ = outcome
        if problem := problem_of(entry, len(data), digest_of(data)):
            self._fetcher.failed[entry.path] = problem
            return False
        self._fetcher.store(entry, data)
        return True
