"""Listings as iterators that live on after an error, so that a retry goes on where it stopped."""

from collections import deque
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

T = TypeVar("T")
Token = TypeVar("Token")


class PagedListing(Generic[T, Token]):
    """What a store lists in pages.

    `fetch` gets the token of a page (None: the first) and yields what is on it and the token of the next page, None
    after the last. When it raises, the same page is asked for again by the next call of ``next``.
    """

    resumable = True

    def __init__(self, fetch: Callable[[Token | None], tuple[Iterable[T], Token | None]]) -> None:
        self._fetch = fetch
        self._ready: deque[T] = deque()
        self._token: Token | None = None
        self._more = True

    def __iter__(self) -> "PagedListing[T, Token]":
        return self

    def __next__(self) -> T:
        while not self._ready:
            if not self._more:
                raise StopIteration
            objects, self._token = self._fetch(self._token)
            self._more = self._token is not None
            self._ready.extend(objects)
        return self._ready.popleft()
