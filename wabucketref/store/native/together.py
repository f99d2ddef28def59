"""What the stores of this plane that carry out many requests at a time have in common."""

from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from typing import Final, NoReturn, TypeAlias, TypeVar

from wabucketref.contracts.many import Copy, Put, Read
from wabucketref.errors import WaBucketError
from wabucketref.store.climb import Climb

A = TypeVar("A")
C = TypeVar("C")
R = TypeVar("R")
T = TypeVar("T")
_FIRST: Final = 8
"""Requests at once before anything is known of the network."""
Carrier: TypeAlias = Callable[
    [Iterator[T], Callable[[T], C], Climb, Callable[[], None]], Generator[tuple[T, A | WaBucketError]]
]
"""As ``client.Client.many``."""


class Together:
    """The part of contracts.many.Many that is the same for each: nothing is tried twice, and what was learnt of the
    network helps the next batch."""

    _at_once = _FIRST

    def put_again(self, put: Put, failed: WaBucketError) -> NoReturn:
        """Implements contracts.many.Many: here nothing is tried twice."""
        raise failed

    def copy_again(self, copy: Copy, failed: WaBucketError) -> NoReturn:
        """As :meth:`put_again`."""
        raise failed

    def read_again(self, read: Read, failed: WaBucketError) -> NoReturn:
        """As :meth:`put_again`."""
        raise failed

    @contextmanager
    def climbing(self, width: int) -> Iterator[Climb]:
        """How many requests to have under way, at most `width`; begins with what was good for the last batch."""
        climb = Climb(width, first=self._at_once)
        try:
            yield climb
        finally:
            self._at_once = climb.wanted

    def carried(
        self,
        many: "Carrier[T, C, A]",
        todo: Iterator[T],
        call_for: Callable[[T], C],
        told: Callable[[T, A], R],
        width: int,
        check: Callable[[], None],
    ) -> Iterator[tuple[T, R | WaBucketError]]:
        """Where each is one request, which `call_for` makes and `many` sends: what `told` makes of the answers. Either
        may raise WaBucketError."""
        with self.climbing(width) as climb, closing(many(todo, call_for, climb, check)) as answers:
            yield from outcomes(answers, told)


def outcomes(
    answers: Iterator[tuple[T, A | WaBucketError]], finish: Callable[[T, A], R]
) -> Iterator[tuple[T, R | WaBucketError]]:
    """What `finish` makes of each answer, or the error that it was or raises."""
    for asked, answer in answers:
        outcome: R | WaBucketError
        try:
            outcome = answer if isinstance(answer, WaBucketError) else finish(asked, answer)
        except WaBucketError as error:
            outcome = error
        yield asked, outcome
