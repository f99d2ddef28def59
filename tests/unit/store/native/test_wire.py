"""Answers of HTTP servers, whole and broken, however the network cuts them into pieces."""

import socket
import struct
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wabucketref.store.drivers.pace import Stalled
from wabucketref.store.native.heads import NotHttp
from wabucketref.store.native.wire import PIECE, Connection, CutShort


class Arriving:
    """As much of a socket as a connection reads from: gives the pieces, then the end."""

    def __init__(self, *pieces: bytes) -> None:
        self._pieces = [piece for piece in pieces if piece]

    def recv_into(self, view: memoryview, size: int) -> int:
        if not self._pieces:
            return 0
        piece = self._pieces.pop(0)
        count = min(len(piece), size)
        view[:count] = piece[:count]
        if count < len(piece):
            self._pieces.insert(0, piece[count:])
        return count


def connection(*pieces: bytes) -> Connection:
    return Connection(Arriving(*pieces), 5.0)  # type: ignore[arg-type]


def answer(*pieces: bytes, bodiless: bool = False, limit: int = 1 << 20) -> tuple[int, bytes | None, bool]:
    """Status, body, and whether the connection may be used again."""
    made = connection(*pieces)
    head = made.receive(bodiless=bodiless)
    return head.status, made.body(head, limit), made.lasting


WHOLE: dict[str, tuple[bytes, tuple[int, bytes | None, bool]]] = {
    "length": (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", (200, b"abc", True)),
    "empty": (b"HTTP/1.1 200 OK\r\ncontent-length:0\r\n\r\n", (200, b"", True)),
    "chunks": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n1\r\nd\r\n0\r\nT: 1\r\n\r\n",
        (200, b"abcd", True),
    ),
    "chunks win over a length": (
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
        (200, b"a", True),
    ),
    "to the end": (b"HTTP/1.1 200 OK\r\n\r\nabc", (200, b"abc", False)),
    "no content": (b"HTTP/1.1 204 No Content\r\n\r\n", (204, b"", True)),
    "continue first": (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na",
        (200, b"a", True),
    ),
    "closing": (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\na", (200, b"a", False)),
    "old": (b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na", (200, b"a", False)),
    "no reason": (b"HTTP/1.1 503 \r\nContent-Length: 0\r\n\r\n", (503, b"", True)),
}


@pytest.mark.parametrize("kind", WHOLE)
@given(st.data())
def test_an_answer_is_the_same_in_any_pieces(kind: str, data: st.DataObject) -> None:
    sent, expected = WHOLE[kind]
    cuts = sorted(data.draw(st.sets(st.integers(1, len(sent) - 1))))
    assert answer(*[sent[a:b] for a, b in zip([0, *cuts], [*cuts, len(sent)], strict=True)]) == expected


@given(st.sampled_from([sent for sent, _ in WHOLE.values() if sent[-7:] != b"\r\n\r\nabc"]), st.data())
def test_an_answer_that_ends_early_is_never_taken_for_whole(sent: bytes, data: st.DataObject) -> None:
    with pytest.raises((CutShort, NotHttp)):
        answer(sent[: data.draw(st.integers(0, len(sent) - 1))])


@pytest.mark.parametrize(
    "sent",
    [
        b"\x15\x03\x01\x00\x02\x02\x46",  # TLS's word for "what?"
        b"<html>The plain HTTP request was sent to HTTPS port</html>",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 20x OK\r\n\r\n",
        b"HTTP/1.1 2\xb20 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: many\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nnonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1e3\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * (1 << 17),
    ],
)
def test_what_is_no_answer_is_refused(sent: bytes) -> None:
    with pytest.raises(NotHttp):
        answer(sent)


def test_no_body_follows_where_none_may() -> None:
    assert answer(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", bodiless=True) == (200, b"", True)


def test_a_body_that_is_too_long_is_not_read() -> None:
    for sent in (
        b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabcd",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\n\r\n",
    ):
        assert answer(sent, limit=3) == (200, None, False)
        assert answer(sent, limit=4) == (200, b"abcd", True)


def test_answers_follow_each_other() -> None:
    """Also when the second is there with the first, and when a large body was between."""
    body = bytes(range(256)) * 3000
    large = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    small = b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno"
    made = connection(small + small + large + small)
    for status, expected in ((404, b"no"), (404, b"no"), (200, body), (404, b"no")):
        head = made.receive()
        assert (head.status, made.body(head, 1 << 20)) == (status, expected)


def test_a_body_is_poured_in_pieces_that_are_used_again() -> None:
    body = bytes(range(256)) * 4000
    made, seen, got = connection(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body), [], bytearray()

    def sink(piece: memoryview) -> None:
        seen.append(len(piece))
        got.extend(piece)

    made.pour(made.receive(), sink)
    assert got == body
    assert max(seen) == PIECE


@pytest.fixture
def pair() -> Iterator[tuple[Connection, socket.socket]]:
    """A connection whose kernel waits for a fifth of a second, and its other end."""
    ours, theirs = socket.socketpair()
    for side in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
        ours.setsockopt(socket.SOL_SOCKET, side, struct.pack("ll", 0, 200_000))
    with ours, theirs:
        yield Connection(ours, 0.2), theirs


@pytest.mark.row("W2")
def test_silence_is_given_up(pair: tuple[Connection, socket.socket]) -> None:
    ours, theirs = pair
    for said in (b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"):
        theirs.sendall(said)
        with pytest.raises(Stalled, match=r"no progress for 0\.2 s"):
            ours.body(ours.receive(), 9)


@pytest.mark.row("W2")
def test_a_peer_that_takes_nothing_is_given_up(pair: tuple[Connection, socket.socket]) -> None:
    with pytest.raises(Stalled, match=r"no progress for 0\.2 s"):
        pair[0].send(b"PUT / HTTP/1.1\r\n\r\n", bytes(8 << 20))


def test_an_idle_connection_that_ended_is_noticed(pair: tuple[Connection, socket.socket]) -> None:
    ours, theirs = pair
    assert not ours.was_closed()
    theirs.close()
    assert ours.was_closed()
