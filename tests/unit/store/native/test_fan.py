"""Many requests at once from one thread: against a server that does to each connection what a test wants."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import chain, repeat

import pytest

from tests.unit.store.native.stage import Play, Stage, text
from wabucketref.store.drivers.pace import Stalled
from wabucketref.store.native import fan as module
from wabucketref.store.native import openings
from wabucketref.store.native.fan import Fan, Message
from wabucketref.store.native.flight import Flight
from wabucketref.store.native.http import Origin, Pool, trust_of
from wabucketref.store.native.width import Width
from wabucketref.store.native.wire import Connection, CutShort


def pool_at(port: int, stall: float = 5.0) -> Pool:
    return Pool(Origin("http", "127.0.0.1", port), lambda: trust_of(None), stall)


def messages(number: int, body: bytes = b"") -> Iterator[Message[int]]:
    return (Message(n, b"PUT / HTTP/1.1\r\n\r\n" + body, 1 << 16) for n in range(number))


def outcomes(
    pool: Pool, number: int, width: int = 4, body: bytes = b"", check: Callable[[], None] = lambda: None
) -> dict[int, Flight | Exception]:
    with Fan(pool, Width(width), check) as fan:
        came = list(fan.carry(messages(number, body)))
    assert len(came) == len(dict(came))
    return dict(came)


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


def test_over_a_long_way_all_connections_are_there_in_the_second_round(stage: Callable[[Play], Stage]) -> None:
    wide = 48
    seen = list[int]()

    def from_afar(connection: socket.socket, number: int) -> None:
        if number == 2 * wide:
            seen.append(server.most)
        time.sleep(0.03)
        say(connection, number)

    server = stage(from_afar)
    pool = pool_at(server.port)
    pool.latency = 0.03  # as those before have shown that went one by one
    assert len(bodies(outcomes(pool, 4 * wide, width=wide))) == 4 * wide
    assert seen[0] >= wide - 4
    assert wide - 4 <= server.connections <= wide


def test_no_more_connections_than_a_slow_server_has_use_for(stage: Callable[[Play], Stage]) -> None:
    one_by_one = threading.Lock()

    def at_leisure(connection: socket.socket, number: int) -> None:
        with one_by_one:
            time.sleep(0.002)
        say(connection, number)

    connections = []
    for _ in range(6):  # other work on the machine makes answers late, too, which looks like a network
        server = stage(at_leisure)
        assert len(bodies(outcomes(pool_at(server.port), 200, width=112))) == 200
        connections.append(server.connections)
        if server.connections <= 40:
            break
    assert min(connections) <= 40


def test_each_exchange_tells_how_long_the_way_is(
    stage: Callable[[Play], Stage], monkeypatch: pytest.MonkeyPatch
) -> None:
    def from_afar(connection: socket.socket, number: int) -> None:
        time.sleep(0.1 if number == 0 else 0.02)
        say(connection, number)

    def send(connection: Connection, head: bytes, body: bytes) -> None:
        sent(connection, head, body)
        time.sleep(0.03)  # as where other threads have the processor just then

    sent = Connection.send
    monkeypatch.setattr(Connection, "send", send)
    pool = pool_at(stage(from_afar).port)
    for _ in range(2):
        pool.exchange(b"GET / HTTP/1.1\r\n\r\n", b"", lambda connection, head: connection.body(head, 99))
    pool.close()
    assert pool.latency is not None
    assert 0.02 <= pool.latency < 0.1


def test_connections_are_used_again_by_the_next(stage: Callable[[Play], Stage]) -> None:
    server = stage(say)
    with closing(pool_at(server.port)) as pool:
        for _ in range(20):
            outcomes(pool, 10)
        connection = pool.take()
        assert connection.sock.getblocking()
        connection.close()
    assert server.connections <= 8  # one that is opened when a batch ends may come late


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

    with Fan(pool, Width(4), lambda: None) as fan:
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


def test_where_answers_take_their_time_connections_are_used_again_too(stage: Callable[[Play], Stage]) -> None:
    """A million files are sent in hundreds of batches, none of which may leave its connections behind."""

    def slowly(connection: socket.socket, number: int) -> None:
        time.sleep(0.01)
        say(connection, number)

    server = stage(slowly)
    with closing(pool_at(server.port)) as pool:
        for _ in range(5):
            assert len(bodies(outcomes(pool, 40, width=8))) == 40
    assert server.connections <= 10


def test_after_a_refusal_the_connection_is_not_used_again(stage: Callable[[Play], Stage]) -> None:
    """The server need not have heard the body, and may take it for the next request."""

    refused: set[socket.socket] = set()

    def refuse(connection: socket.socket, number: int) -> None:
        if connection in refused:
            time.sleep(0.01)
            say(connection, number)
        else:
            refused.add(connection)
            connection.sendall(text(b"no", status="503 Slow Down"))

    server = stage(refuse)
    came = outcomes(pool_at(server.port), 6, width=1, body=b"a body that nobody heard\r\n\r\n")
    assert [one.head.status for one in came.values() if isinstance(one, Flight) and one.head].count(503) == 6
    assert server.connections == 6


def test_why_it_was_refused_is_heard_however_little_was_asked_for(stage: Callable[[Play], Stage]) -> None:
    why = b"x" * 3000
    server = stage(lambda connection, number: connection.sendall(text(why, status="400 Bad Request")))
    with Fan(pool_at(server.port), Width(1), lambda: None) as fan:
        ((_, came),) = fan.carry(iter([Message(0, b"GET / HTTP/1.1\r\n\r\n", 7)]))
    assert isinstance(came, Flight)
    assert came.body == why


def test_after_an_answer_in_chunks_nobody_is_waited_for(stage: Callable[[Play], Stage]) -> None:
    over = threading.Event()

    def stop() -> None:
        over.set()
        raise KeyboardInterrupt

    def play(connection: socket.socket, number: int) -> None:
        if number == 0:
            connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n")
        else:
            connection.sendall(b"HTTP/1.1 200 OK\r\n")
            over.wait(5)
            connection.close()

    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        outcomes(pool_at(stage(play).port, stall=2), 2, width=1, check=stop)
    assert time.monotonic() - began < 1.5


def test_what_comes_slowly_but_surely_is_waited_for(stage: Callable[[Play], Stage]) -> None:
    """Four times as fast as what counts as no progress, in pieces of a packet each."""

    def slowly(connection: socket.socket, number: int) -> None:
        whole = text(b"x" * 1600)
        for at in range(0, len(whole), 80):
            connection.sendall(whole[at : at + 80])
            time.sleep(0.02)

    assert bodies(outcomes(pool_at(stage(slowly).port, stall=0.2), 1)) == {b"x" * 1600}


def test_connections_that_ended_while_nothing_was_asked_are_left(
    stage: Callable[[Play], Stage], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_IDLE_SECONDS", 0.02)

    def once(connection: socket.socket, number: int) -> None:
        say(connection, number)
        connection.shutdown(socket.SHUT_WR)

    def rarely() -> Iterator[Message[int]]:
        for message in messages(5):
            yield message
            time.sleep(0.05)

    with Fan(pool_at(stage(once).port), Width(1), lambda: None) as fan:
        assert len(bodies(dict(fan.carry(rarely())))) == 5


def test_as_many_as_are_wanted_now(stage: Callable[[Play], Stage]) -> None:
    """What is too many is not used any more."""

    def slowly(connection: socket.socket, number: int) -> None:
        time.sleep(0.01)
        say(connection, number)

    server, width = stage(slowly), Width(8)
    with Fan(pool_at(server.port), width, lambda: None) as fan:
        came = fan.carry(messages(100))
        while server.most < 8:
            next(came)
        width.landed = lambda size, seconds: None  # type: ignore[method-assign]
        width.wanted = 2
        for _ in range(8):
            next(came)
        server.most = 0
        assert len(list(came)) > 20
    assert server.most <= 2


def test_it_makes_do_without_descriptors_for_more(
    stage: Callable[[Play], Stage], monkeypatch: pytest.MonkeyPatch
) -> None:
    def none() -> tuple[int, int]:
        raise OSError(24, "Too many open files")

    def slowly(connection: socket.socket, number: int) -> None:
        time.sleep(0.005)
        say(connection, number)

    monkeypatch.setattr(openings.os, "pipe", none)
    assert len(bodies(outcomes(pool_at(stage(slowly).port), 10))) == 10


def test_connections_that_fail_in_whatever_way_are_not_waited_for(stage: Callable[[Play], Stage]) -> None:
    class Failing(Pool):
        def open(self) -> Connection:
            if threading.current_thread().name == "wabucket-connect":
                raise ValueError("no name")
            return super().open()

    def slowly(connection: socket.socket, number: int) -> None:
        time.sleep(0.005)
        if number == 5:
            connection.close()
        else:
            say(connection, number)

    pool = Failing(Origin("http", "127.0.0.1", stage(slowly).port), lambda: trust_of(None), 5.0)
    assert len(outcomes(pool, 10)) == 10


def test_of_a_server_that_hangs_up_after_each_answer_hardly_anything_is_asked(stage: Callable[[Play], Stage]) -> None:
    def last(connection: socket.socket, number: int) -> None:
        connection.sendall(text(b"bye", "Connection: close"))
        connection.close()

    server = stage(last)
    asked = messages(100)
    with Fan(pool_at(server.port), Width(8), lambda: None) as fan:
        came = list(fan.carry(asked))
    assert {one.body for _, one in came if isinstance(one, Flight)} == {b"bye"}
    assert len(came) <= 2
    assert len(came) + len(list(asked)) == 100
    assert server.connections == len(came)
