"""The executor contract: where the pieces of a transfer are carried out (this process, or many machines)."""

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class Executor(Protocol):
    """Runs independent pieces of work."""

    def map_unordered(self, work: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        """Results as they end. Items are taken lazily; the first error stops taking, waits for what runs, is raised."""

    def close(self) -> None:
        """Idempotent; waits for what runs."""
