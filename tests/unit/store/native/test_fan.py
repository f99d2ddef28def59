"""Many requests at once from one thread: against a server that does to each connection what a test wants."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from itertools import chain, count, repeat

import pytest

from wabucketref.store.climb import Climb
from wabucketref.store.drivers.pace import Stalled
from wabucketref.store.native.fan import Fan, Message
from wabucketref.store.native.flight import Flight
from wabucketref.store.native.http import Origin, Pool, trust_of
from wabucketref.store.native.wire import CutShort

Play = Callable[[socket.socket, int], object]
"""What is done with the request of this number, whose head was read from the connection."""


@dataclass
class Stage:
    """A server on which each request is answered by a thread of its own connection."""

    play: Play
    port: int = 0
    connections: int = 0
    most: int = 0
    """Requests that were under way at once."""
    _now: int = 0
    _numbers: Iterator[int] = field(default_factory=count)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def serve(self, listening: socket.socket) -> None:
        with suppress(OSError):
            while True:
                connection, _ = listening.accept()
                self.connections += 1
                threading.Thread(target=self._attend, args=(connection,), daemon=True).start()

    def _attend(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            while _head_of(connection):
                with self._lock:
                    self._now += 1
                    self.most = max(self.most, self._now)
                try:
                    self.play(connection, next(self._numbers))
                finally:
                    with self._lock:
                        self._now -= 1


def _head_of(connection: socket.socket) -> bytes:
    """The request's head, one byte at a time, so that nothing of a body is taken; empty at the end."""
    data = b""
    while not data.endswith(b"\r\n\r\n"):
        byte = connection.recv(1)
        if not byte:
            return b""
        data += byte
    return data


@pytest.fixture
def stage() -> Iterator[Callable[[Play], Stage]]:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def make(play: Play) -> Stage:
            made = Stage(play, listening.getsockname()[1])
            threading.Thread(target=made.serve, args=(listening,), daemon=True).start()
            return made

        yield make
        listening.shutdown(socket.SHUT_RDWR)


def pool_at(port: int, stall: float = 5.0) -> Pool:
    return Pool(Origin("http", "127.0.0.1", port), lambda: trust_of(None), stall)


def messages(number: int, body: bytes = b"") -> Iterator[Message[int]]:
    return (Message(n, b"PUT / HTTP/1.1\r\n\r\n" + body, 1 << 16) for n in range(number))


def outcomes(
    pool: Pool, number: int, width: int = 4, body: bytes = b"", check: Callable[[], None] = lambda: None
) -> dict[int, Flight | Exception]:
    with Fan(pool, Climb(width, first=width), check) as fan:
        came = list(fan.carry(messages(number, body)))
    assert len(came) == len(dict(came))
    return dict(came)


def text(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def say(connection: socket.socket, number: int) -> None:
    connection.sendall(text(b"number %d" % number))


def bodies(came: dict[int, Flight | Exception]) -> set[bytes | None]:
    return {one.body for one in came.values() if isinstance(one, Flight)}


def test_each_gets_its_answer_over_few_connections(stage: Callable[[Play], Stage]) -> None:
    server = stage(say)
    assert bodies(outcomes(pool_at(server.port), 300)) == {b"number %d" % n for n in range(300)}
    assert 1 <= server.connections <= 4
    assert server.most <= 4


def test_where_each_answer_takes_its_time_many_are_under_way(stage: Callable[[Play], Stage]) -> None:
    def slowly(connection: socket.socket, number: int) -> None:
        time.sleep(0.05)
        say(connection, number)

    server = stage(slowly)
    assert len(bodies(outcomes(pool_at(server.port), 60, width=20))) == 60
    assert 15 <= server.most <= 20


def test_connections_are_used_again_by_the_next(stage: Callable[[Play], Stage]) -> None:
    server = stage(say)
    with closing(pool_at(server.port)) as pool:
        outcomes(pool, 50)
        opened = server.connections
        outcomes(pool, 1)
        connection = pool.take()
        assert connection.sock.getblocking()
        connection.close()
    assert server.connections == opened


def test_what_is_hung_up_on_fails_alone(stage: Callable[[Play], Stage]) -> None:
    def sometimes(connection: socket.socket, number: int) -> None:
        if number % 10 == 5:
            connection.close()
        else:
            say(connection, number)

    came = outcomes(pool_at(stage(sometimes).port), 100)
    lost = [one for one in came.values() if isinstance(one, Exception)]
    assert len(came) == 100
    assert len(lost) == 10
    assert all(isinstance(one, CutShort | ConnectionError) for one in lost)


def test_answers_in_chunks_pieces_and_after_a_continue(stage: Callable[[Play], Stage]) -> None:
    def oddly(connection: socket.socket, number: int) -> None:
        whole = [
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n",
            text(b"abcd"),
            b"HTTP/1.1 100 Continue\r\n\r\n" + text(b"abcd"),
        ][number % 3]
        for at in range(0, len(whole), 7):
            connection.sendall(whole[at : at + 7])
            time.sleep(0.0005)

    came = outcomes(pool_at(stage(oddly).port), 30)
    assert bodies(came) == {b"abcd"}
    assert not any(isinstance(one, Exception) for one in came.values())


def test_a_body_that_is_too_long_is_not_taken(stage: Callable[[Play], Stage]) -> None:
    server = stage(lambda connection, number: connection.sendall(text(b"x" * (1 << 17))))
    assert bodies(outcomes(pool_at(server.port), 3)) == {None}


def test_more_than_the_kernel_takes_at_once_is_sent(stage: Callable[[Play], Stage]) -> None:
    body = b"y" * (8 << 20)

    def hear(connection: socket.socket, number: int) -> None:
        time.sleep(0.02)
        heard = 0
        while heard < len(body):
            heard += len(connection.recv(1 << 16))
        connection.sendall(text(b"%d" % heard))

    assert bodies(outcomes(pool_at(stage(hear).port), 4, body=body)) == {b"%d" % len(body)}


def test_a_refusal_before_the_body_is_heard(stage: Callable[[Play], Stage]) -> None:
    def refuse(connection: socket.socket, number: int) -> None:
        connection.sendall(text(b"no", "Connection: close", status="403 Forbidden"))
        time.sleep(0.05)

    came = outcomes(pool_at(stage(refuse).port), 3, body=b"z" * (8 << 20))
    assert {one.head.status for one in came.values() if isinstance(one, Flight) and one.head} == {403}


@pytest.mark.parametrize("drip", [False, True])
def test_what_makes_no_progress_is_given_up(stage: Callable[[Play], Stage], drip: bool) -> None:
    over = threading.Event()

    def never(connection: socket.socket, number: int) -> None:
        for byte in chain(b"HTTP/1.1 200 OK\r\nX: ", repeat(ord("x"))):
            if over.wait(0.02):
                break
            if drip:
                connection.sendall(bytes([byte]))

    began = time.monotonic()
    try:
        came = outcomes(pool_at(stage(never).port, stall=0.3), 2)
    finally:
        over.set()
    assert time.monotonic() - began < 3
    assert [type(one) for one in came.values()] == [Stalled, Stalled]


def test_no_connection_fails_one_and_asks_for_no_more() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    assert list(outcomes(pool_at(port), 100)) == [0]


def test_leaving_early_waits_for_what_is_under_way(stage: Callable[[Play], Stage]) -> None:
    answered: list[int] = []

    def note(connection: socket.socket, number: int) -> None:
        time.sleep(0.02)
        answered.append(number)
        say(connection, number)

    pool = pool_at(stage(note).port)
    begun: list[int] = []

    def noted() -> Iterator[Message[int]]:
        for message in messages(1000):
            begun.append(message.tag)
            yield message

    with Fan(pool, Climb(4, first=4), lambda: None) as fan:
        next(fan.carry(noted()))
    assert 1 <= len(begun) <= 6
    assert len(answered) >= len(begun) - 1  # the last may have been asked for and not been sent


def test_whoever_asks_to_stop_is_heard_while_nothing_is_answered(stage: Callable[[Play], Stage]) -> None:
    over = threading.Event()

    def stop() -> None:
        over.set()
        raise KeyboardInterrupt

    server = stage(lambda connection, number: over.wait(5) and say(connection, number))
    with pytest.raises(KeyboardInterrupt):
        outcomes(pool_at(server.port), 3, check=stop)
