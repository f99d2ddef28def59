"""Bodies that the kernel puts into a file: the same bytes, errors and pace as when they are handed over."""

import errno
import fcntl
import os
import socket
import struct
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from wabucketref.errors import LocalIOError
from wabucketref.store.disk.intofile import HashedIntoFile, IntoFile
from wabucketref.store.drivers.pace import Stalled
from wabucketref.store.engine.limits import Buffers
from wabucketref.store.format.digest import Digest, digest_of
from wabucketref.store.native.http import SinkRaised
from wabucketref.store.native.splicing import can_splice, splice
from wabucketref.store.native.wire import Connection, CutShort

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has splice")

BODY = os.urandom(150_000)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"


@pytest.fixture
def pair() -> Iterator[tuple[Connection, socket.socket]]:
    """A connection, and the server's end of it."""
    ours, theirs = socket.socketpair()
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", 0, 100_000))
    theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
    with ours, theirs:
        yield Connection(ours, 0.1), theirs


def place(path: Path, moved: list[int], flags: int = 0) -> IntoFile:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | flags, 0o600)
    return IntoFile(descriptor, 0, moved.append, f"write {path.name!r}")


@pytest.mark.parametrize("roomy", [True, False])
@pytest.mark.parametrize("flags", [0, os.O_APPEND])
def test_what_came_with_the_head_and_after_it(
    pair: tuple[Connection, socket.socket], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flags: int, roomy: bool
) -> None:
    """Into a file that does not take it (``O_APPEND``, as file systems exist that do not), too; by a pipe that may not
    grow, too."""

    def refused(*_: int) -> None:
        raise PermissionError

    if not roomy:
        monkeypatch.setattr(fcntl, "fcntl", refused)
    connection, server = pair
    moved: list[int] = []
    file = place(tmp_path / "a", moved, flags)
    for number in (1, 2):
        server.sendall(HEAD % len(BODY) + BODY)
        head = connection.receive()
        assert can_splice(connection, head)
        splice(connection, head, file)
        assert (file.at, sum(moved)) == (number * len(BODY), number * len(BODY))
    assert (tmp_path / "a").read_bytes() == 2 * BODY
    assert max(moved) <= 1 << (20 if roomy else 16)
    os.close(file.descriptor)


@pytest.mark.parametrize("flags", [0, os.O_APPEND])
def test_what_the_kernel_wrote_is_hashed_too(
    pair: tuple[Connection, socket.socket], tmp_path: Path, flags: int
) -> None:
    """In order: what came with the head is hashed out of memory, the rest out of the file."""
    connection, server = pair
    body, digest, moved = os.urandom(150_000), Digest(), list[int]()
    descriptor = os.open(tmp_path / "a", os.O_RDWR | os.O_CREAT | flags, 0o600)
    file = HashedIntoFile(descriptor, moved.append, "write 'a'", digest, Buffers(1 << 20))
    server.sendall(HEAD % len(body) + body[:1000])
    head = connection.receive()
    server.sendall(body[1000:])
    splice(connection, head, file)
    assert (digest.value(), sum(moved), moved[0]) == (digest_of(body), len(body), 1000)
    os.close(descriptor)


def test_who_writes_to_the_same_file_takes_turns(pair: tuple[Connection, socket.socket], tmp_path: Path) -> None:
    """Waiting for the kernel's lock on a file costs the processor as much as writing does."""
    connection, server = pair
    turn, moved = threading.Lock(), list[int]()
    descriptor = os.open(tmp_path / "a", os.O_RDWR | os.O_CREAT, 0o600)
    file = IntoFile(descriptor, 0, moved.append, "write 'a'", turn)
    server.sendall(HEAD % len(BODY) + BODY)
    head = connection.receive()
    writer = threading.Thread(target=splice, args=(connection, head, file))
    with turn:
        writer.start()
        writer.join(0.05)
        assert (moved, (tmp_path / "a").read_bytes()) == ([], b"")
    writer.join(10)
    assert (sum(moved), (tmp_path / "a").read_bytes()) == (len(BODY), BODY)
    os.close(descriptor)


def test_what_is_cut_off_meanwhile_has_another_digest(tmp_path: Path) -> None:
    digest = Digest()
    with (tmp_path / "a").open("w+b") as file:
        file.write(b"abc")
        file.flush()
        HashedIntoFile(file.fileno(), [].append, "write 'a'", digest, Buffers(1 << 20)).wrote(5)
    assert digest.value() == digest_of(b"abc")


def test_without_a_descriptor_for_a_pipe(
    pair: tuple[Connection, socket.socket], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused() -> tuple[int, int]:
        raise OSError(errno.EMFILE, "Too many open files")

    connection, server = pair
    file = place(tmp_path / "a", [])
    server.sendall(HEAD % len(BODY) + BODY)
    monkeypatch.setattr(os, "pipe", refused)
    splice(connection, connection.receive(), file)
    assert (tmp_path / "a").read_bytes() == BODY
    os.close(file.descriptor)


def test_chunks_are_not_for_the_kernel(pair: tuple[Connection, socket.socket]) -> None:
    connection, server = pair
    server.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
    assert not can_splice(connection, connection.receive())


@pytest.mark.parametrize("ends", [True, False])
def test_a_body_that_ends_or_stands_still(pair: tuple[Connection, socket.socket], tmp_path: Path, ends: bool) -> None:
    """How much of it is there is known, so that the rest can be asked for."""
    connection, server = pair
    file = place(tmp_path / "a", [])
    server.sendall(HEAD % len(BODY) + BODY[:100_000])
    head = connection.receive()
    if ends:
        server.close()
    with pytest.raises(CutShort if ends else Stalled):
        splice(connection, head, file)
    assert file.at == 100_000
    assert (tmp_path / "a").read_bytes() == BODY[:100_000]
    os.close(file.descriptor)


def test_a_full_disk_is_no_fault_of_the_network(pair: tuple[Connection, socket.socket]) -> None:
    connection, server = pair
    file = IntoFile(os.open("/dev/full", os.O_WRONLY), 0, lambda _: None, "write 'a'")
    server.sendall(HEAD % len(BODY) + BODY)
    with pytest.raises(SinkRaised) as raised:
        splice(connection, connection.receive(), file)
    assert isinstance(raised.value.error, LocalIOError)
    assert str(raised.value.error) == "cannot write 'a': no space left on device"
    os.close(file.descriptor)


def test_who_is_told_may_end_it(pair: tuple[Connection, socket.socket], tmp_path: Path) -> None:
    connection, server = pair
    stopped = RuntimeError("stop")

    def stop(count: int) -> None:
        raise stopped

    file = IntoFile(os.open(tmp_path / "a", os.O_WRONLY | os.O_CREAT), 0, stop, "write")
    server.sendall(HEAD % len(BODY) + BODY)
    with pytest.raises(SinkRaised) as raised:
        splice(connection, connection.receive(), file)
    assert raised.value.error is stopped
    os.close(file.descriptor)
