"""What a storage check works with."""

from collections.abc import Callable
from itertools import count
from types import TracebackType

from wabucketref.conformance.results import must, same
from wabucketref.contracts.storage import Storage

LIMIT = 1 << 26
CONNECTIONS = 3


class Bench:
    """Independent connections to one bucket and a prefix for one check. A context manager that cleans up."""

    def __init__(
        self, open_store: Callable[[], Storage], prefix: str, backdoor: Callable[[str], bytes | None] | None = None
    ) -> None:
        self._open_store = open_store
        self._backdoor = backdoor
        self.prefix = prefix
        self._opened: list[Storage] = []
        self._turn = count(1)
        self.store = self.fresh()
        """The first connection."""

    def fresh(self) -> Storage:
        """A new connection, closed at the end."""
        store = self._open_store()
        self._opened.append(store)
        return store

    def another(self) -> Storage:
        """A connection other than the first; they take turns, as opening one may be slow."""
        while len(self._opened) < CONNECTIONS:
            self.fresh()
        return self._opened[1 + next(self._turn) % (CONNECTIONS - 1)]

    def key(self, name: str) -> str:
        """A key of this check."""
        return self.prefix + name

    def holds(self, name: str, data: bytes | None) -> None:
        """A fresh look, over another connection and through the back door, must find `data` (None: no object)."""
        key, store = self.key(name), self.another()
        info = store.head(key)
        if data is None:
            must(info is None, f"{name!r} should not exist, but head finds it")
        else:
            must(info is not None, f"{name!r} should exist, but head finds nothing")
            same(store.read(key, limit=LIMIT)[0], data, f"bytes of {name!r}")
        if self._backdoor is not None:
            same(self._backdoor(key), data, f"bytes of {name!r} behind the storage's back")

    def names(self, under: str = "") -> set[str]:
        """What a listing over a fresh connection shows, without the prefix."""
        listed = [info.key for info in self.another().list(self.prefix + under)]
        must(len(listed) == len(set(listed)), f"the listing of {under!r} has duplicates")
        return {key.removeprefix(self.prefix) for key in listed}

    def __enter__(self) -> "Bench":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            for info in list(self.store.list(self.prefix)):
                self.store.delete(info.key)
        finally:
            for store in self._opened:
                store.close()
