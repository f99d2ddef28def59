"""Bounds how many requests are under way at once, whoever asks."""

import threading
from collections.abc import Callable
from typing import TypeVar

from wabucketref.contracts.storage import Storage
from wabucketref.store.wrappers.wrapper import Call, Wrapper

T = TypeVar("T")


class Limited(Wrapper):
    """At most `concurrency` calls at a time. Lies below the retry, so that nobody holds a slot while waiting."""

    def __init__(self, inner: Storage, concurrency: int) -> None:
        super().__init__(inner)
        self._slots = threading.BoundedSemaphore(concurrency)

    def around(self, call: Call, action: Callable[[], T]) -> T:
        if call.method == "put_stream":
            # It lasts as long as its producer, who may itself need a slot.
            return action()
        with self._slots:
            return action()
