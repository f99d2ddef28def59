"""Requests that one thread has under way at once, over as many connections as are of use."""

import select
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Final, Generic, NamedTuple, TypeVar

from wabucketref.store.drivers.pace import Stalled
from wabucketref.store.native.failures import ERRORS
from wabucketref.store.native.flight import Flight
from wabucketref.store.native.http import Pool
from wabucketref.store.native.openings import Openings
from wabucketref.store.native.width import Width
from wabucketref.store.native.wire import Connection

T = TypeVar("T")
_PATIENCE_MS: Final = 1
"""If nothing is answered for so long the network is what is waited for, and more at once would wait together."""
_JUDGED: Final = 16
"""After so many answers it is judged how much time was spent waiting."""
_IDLE: Final = 0.25
"""Of the time; less is not worth another connection."""
_LOOK_MS: Final = 200
"""After so long a wait somebody may have asked to stop."""
_IDLE_SECONDS: Final = 1.0
"""Servers end connections on which nothing is asked, some after few seconds."""


class Message(NamedTuple, Generic[T]):
    """A request as it is sent."""

    tag: T
    """What it is called in the answer."""
    data: bytes
    limit: int
    """Bytes of the body of the answer that are taken, at most."""


class Refused(NamedTuple, Generic[T]):
    """A request that cannot be sent."""

    tag: T
    error: Exception


class Fan:
    """Use as a context manager; leaving waits for what is under way and gives the connections back.

    It begins with one connection. Where a quarter of the time is spent waiting, there are twice as many; where there
    is nothing to do for a millisecond, as many as `width` wants. On a loopback one or two are enough, over a network
    there will soon be very many. Threads open them.
    """

    def __init__(self, pool: Pool, width: Width, check: Callable[[], None]) -> None:
        self._pool = pool
        self._width = width
        if pool.latency is not None:
            width.expect(pool.latency)
        self._check = check
        self._free: list[tuple[Connection, float]] = []
        """Those on which nothing is asked, and when something last was."""
        self._flying: dict[int, Flight] = {}
        self._poll = select.poll()
        self._openings = Openings(pool, self._poll)
        self._stall = pool.stall
        self._hangs_up = False
        self._look = 0.0
        """When to look for what has stalled."""
        self._since, self._idle, self._landed_since = time.monotonic(), 0.0, 0

    def __enter__(self) -> "Fan":
        return self

    def __exit__(self, *_: object) -> None:
        try:
            while self._flying:
                deque(self._land(_LOOK_MS), maxlen=0)
        finally:
            for flight in self._flying.values():
                flight.connection.close()
            for connection, _since in self._free:
                connection.sock.setblocking(True)
                self._pool.give_back(connection)
            self._openings.close()

    def carry(self, messages: Iterator[Message[T] | Refused[T]]) -> Iterator[tuple[T, Flight | Exception]]:
        """Each request's answer, or what it failed with: its own error, or one of ``failures.ERRORS``. Without any
        connection no more than one is asked for, and of a server that hangs up after each answer no more than two: to
        open many takes threads, and some such servers hear one at a time."""
        while not self._hangs_up and (message := next(messages, None)) is not None:
            if isinstance(message, Refused):
                yield message
                continue
            while (connection := self._next_free()) is None:
                if not self._flying and not self._openings.running:
                    try:
                        self._admit(self._pool.take())
                    except ERRORS as error:
                        yield message.tag, error
                        return
                else:
                    yield from self._waited()
            self._launch(connection, message)
        while self._flying:
            yield from self._waited()

    def _waited(self) -> Iterator[tuple[T, Flight | Exception]]:
        """What has landed after a while; with nothing, and nothing to be opened, more may be under way."""
        may_grow = self._may_grow()
        landed: list[tuple[T, Flight | Exception]] = list(self._land(_PATIENCE_MS if may_grow else _LOOK_MS))
        yield from landed
        if landed:
            self._grow_if_idle()
        else:
            self._check()
            if may_grow and not self._free:
                self._grow(self._width.wanted - self._count())

    def _grow(self, missing: int) -> None:
        """Have so many more; those that are left from before are there at once."""
        while missing > 0 and (connection := self._pool.idle()) is not None:
            self._admit(connection)
            missing -= 1
        if missing > 0:
            self._openings.open(missing)

    def _grow_if_idle(self) -> None:
        if self._landed_since < _JUDGED:
            return
        now = time.monotonic()
        idle = self._idle > _IDLE * (now - self._since)
        self._since, self._idle, self._landed_since = now, 0.0, 0
        if idle and self._may_grow():
            self._grow(min(self._count(), self._width.wanted - self._count()))

    def _count(self) -> int:
        return len(self._flying) + len(self._free) + self._openings.running

    def _may_grow(self) -> bool:
        openings = self._openings
        room = self._count() < self._width.wanted
        return room and self._pool.keeps and not openings.running and not openings.failed

    def _admit(self, connection: Connection) -> None:
        connection.sock.setblocking(False)
        self._free.append((connection, time.monotonic()))

    def _next_free(self) -> Connection | None:
        """One for another request, if there is any and so many are wanted at once."""
        while self._free and len(self._flying) < self._width.wanted:
            connection, since = self._free.pop()
            if time.monotonic() - since < _IDLE_SECONDS or not connection.was_closed():
                return connection
            connection.close()
        return None

    def _launch(self, connection: Connection, message: Message[T]) -> None:
        flight = Flight(connection, message.tag, message.data, message.limit)
        self._flying[connection.sock.fileno()] = flight
        with suppress(OSError):  # it shows when the answer is read: a server may have said why before it hung up
            flight.send()
        self._poll.register(connection.sock, select.POLLIN | (select.POLLOUT if flight.sending else 0))

    def _land(self, milliseconds: int) -> Iterator[tuple[T, Flight | Exception]]:
        """What is answered or has failed by now, or after some time."""
        begun = time.monotonic()
        ready = self._poll.poll(milliseconds)
        self._idle += time.monotonic() - begun
        for descriptor, events in ready:
            if descriptor == self._openings.bell:
                for connection in self._openings.opened():
                    self._admit(connection)
                continue
            flight = self._flying[descriptor]
            try:
                if events & select.POLLOUT:
                    self._send_on(flight)
                whole = bool(events & ~select.POLLOUT) and flight.receive()
            except ERRORS as error:
                yield self._lost(descriptor, flight, error)
            else:
                if whole:
                    yield self._landed(descriptor, flight)
        if time.monotonic() >= self._look:
            yield from self._stalled()

    def _send_on(self, flight: Flight) -> None:
        with suppress(OSError):
            flight.send()
        if not flight.sending:
            self._poll.modify(flight.connection.sock, select.POLLIN)

    def _landed(self, descriptor: int, flight: Flight) -> tuple[T, Flight]:
        del self._flying[descriptor]
        self._poll.unregister(descriptor)
        self._width.landed(flight.size + len(flight.body or b""), time.monotonic() - flight.begun)
        self._landed_since += 1
        connection, head = flight.connection, flight.head
        self._pool.keeps = self._pool.keeps or connection.lasting
        self._hangs_up = not self._pool.keeps
        if connection.lasting and head is not None and head.status < 300:
            self._free.append((connection, flight.moved))
        else:
            connection.close()  # a server that refuses need not have heard all, and may take the rest for a request
        return flight.tag, flight  # type: ignore[return-value]

    def _lost(self, descriptor: int, flight: Flight, error: Exception) -> tuple[T, Exception]:
        del self._flying[descriptor]
        self._poll.unregister(descriptor)
        flight.connection.close()
        return flight.tag, error  # type: ignore[return-value]

    def _stalled(self) -> Iterator[tuple[T, Exception]]:
        self._look = time.monotonic() + _LOOK_MS / 1000
        for descriptor, flight in list(self._flying.items()):
            if flight.is_stalled(self._stall):
                yield self._lost(descriptor, flight, Stalled(f"no progress for {self._stall:g} s"))
