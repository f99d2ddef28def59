"""What the stores of this plane that carry out many requests at a time have in common."""

from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from typing import NoReturn, TypeAlias, TypeVar

from wabucketref.contracts.many import Copy, Put, Read
from wabucketref.errors import WaBucketError
from wabucketref.store.native.width import Width

A = TypeVar("A")
C = TypeVar("C")
R = TypeVar("R")
T = TypeVar("T")
Carrier: TypeAlias = Callable[
    [Iterator[T], Callable[[T], C], Width, Callable[[], None]], Generator[tuple[T, A | WaBucketError]]
]
"""As ``client.Client.many``."""


class Together:
    """The part of contracts.many.Many that is the same for each: nothing is tried twice, and what was learnt of the
    network helps the next batch."""

    _width: Width | None = None

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
    def learning(self, most: int) -> Iterator[Width]:
        """How many requests to have under way, at most so many; begins with what the last batch showed."""
        width = Width(most) if self._width is None else self._width.again(most)
        try:
            yield width
        finally:
            self._width = width

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
        with self.learning(width) as learnt, closing(many(todo, call_for, learnt, check)) as answers:
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
