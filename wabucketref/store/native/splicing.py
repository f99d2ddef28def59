"""Bodies that go from a connection to a file inside the kernel: copied once instead of twice, and never seen here."""

import errno
import fcntl
import os
from contextlib import suppress
from typing import Final

from wabucketref.store.disk.intofile import IntoFile
from wabucketref.store.native.heads import Head
from wabucketref.store.native.http import SinkRaised, guarded
from wabucketref.store.native.wire import Connection

_PIPE: Final = 1 << 20
"""Bytes on their way, at most: as much as a user may have in a pipe by default."""


def can_splice(connection: Connection, head: Head) -> bool:
    """Whether the body is one that needs nothing done to it on the way."""
    return connection.in_clear and head.length is not None and hasattr(os, "splice")


def splice(connection: Connection, head: Head, file: IntoFile) -> None:
    """As :meth:`Connection.pour`. What `file` raises comes as SinkRaised."""
    try:
        outlet, inlet = os.pipe()
    except OSError:  # too many open files: it takes the longer way
        connection.pour(head, guarded(file))
        return

    def drain(count: int) -> None:
        try:
            _drain(outlet, file, count)
        except BaseException as error:
            raise SinkRaised(error) from error

    try:
        with suppress(OSError):  # the user has many large ones already: a small one does it, too
            fcntl.fcntl(inlet, fcntl.F_SETPIPE_SZ, _PIPE)
        connection.splice(head, guarded(file), inlet, _PIPE, drain)
    finally:
        os.close(outlet)
        os.close(inlet)


def _drain(outlet: int, file: IntoFile, count: int) -> None:
    while count:
        try:
            with file.turn:
                moved = os.splice(outlet, file.descriptor, count, offset_dst=file.at)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise file.failed(error) from error
            piece = os.read(outlet, count)  # the file system knows no such thing
            moved = len(piece)
            file(memoryview(piece))
        else:
            file.wrote(moved)
        count -= moved
