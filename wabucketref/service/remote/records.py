"""The service's side of the lines of records. On the event loop: a client that is silent costs no thread."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from wabucketref.errors import LocalIOError, WaBucketError
from wabucketref.service.remote.clients import Client
from wabucketref.service.remote.host import Host
from wabucketref.service.remote.line import LineBroken, framed, receive
from wabucketref.service.wabucket_pb2 import Envelope

log = logging.getLogger(__name__)

_QUICK: Final = frozenset({"history", "output"})
"""Records that need no sync of the disk: accepted on the loop, which is quicker than handing them to a thread."""

Off = Callable[[Callable[[], Envelope]], Awaitable[Envelope]]
"""Does what may take long off the loop."""


class RecordServer:
    """Takes the records of each client in their order, and answers each. A line is its client's lease too."""

    def __init__(self, host: Host, off: Off) -> None:
        self._host = host
        self._off = off
        self._server: asyncio.Server | None = None
        self._lines: set[asyncio.Task[None]] = set()

    async def start(self, path: Path) -> None:
        """Accept on `path`, where nobody else listens: what lies there is removed.

        Raises:
            LocalIOError: the socket cannot be made.
        """
        path.unlink(missing_ok=True)
        try:
            self._server = await asyncio.start_unix_server(self._serve, path)
            path.chmod(0o600)
        except OSError as error:
            raise LocalIOError(f"cannot listen on {path}", hint="can its directory be used?") from error

    async def stop(self) -> None:
        """Hang up."""
        if self._server is not None:
            self._server.close()
        for line in self._lines:
            line.cancel()
        await asyncio.gather(*self._lines, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = asyncio.current_task()
        assert line is not None
        self._lines.add(line)
        try:
            first = await receive(reader)
            if first is not None:
                await self._take(self._host.client(first.uuid), reader, writer)
        except (WaBucketError, LineBroken, OSError) as error:
            log.info("a line of records ends: %s", error)
        finally:
            self._lines.discard(line)
            writer.transport.abort()

    async def _take(self, client: Client, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._host.line_opened(client)
        try:
            while (envelope := await receive(reader)) is not None:
                if envelope.record.WhichOneof("kind") in _QUICK:
                    answer = self._host.handle(client, envelope)
                else:
                    answer = await self._off(lambda one=envelope: self._host.handle(client, one))  # type: ignore[misc]
                writer.write(framed(answer))
                await writer.drain()
        finally:
            self._host.line_closed(client)
