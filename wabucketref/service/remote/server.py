"""The service's side of gRPC's socket. One event loop: a client that waits costs no thread."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any, Final, TypeVar

import grpc.aio

from wabucketref.errors import NotFound, WaBucketError
from wabucketref.service import answers, failures
from wabucketref.service.remote.clients import Client
from wabucketref.service.remote.host import Host, answer_for_all
from wabucketref.service.remote.place import PROTOCOL
from wabucketref.service.remote.records import RecordServer
from wabucketref.service.tickets import TicketTable
from wabucketref.service.wabucket_pb2 import Envelope, Greeting, Response, Welcome
from wabucketref.service.wabucket_pb2_grpc import WabucketServicer
from wabucketref.threads import Pool

log = logging.getLogger(__name__)

T = TypeVar("T")

_CALLS: Final = 128
"""Threads for calls that wait for a disk, a tracker or the end of a run; made as needed."""
_FIRST_CALLS: Final = 16
"""Threads kept free of those: for who greets, looks, interrupts or stops."""
_LOOK_AGAIN: Final = 0.2
"""Seconds between two looks at a transfer's progress."""


class Servicer(WabucketServicer):
    """Implements the calls of ``wabucket.proto``."""

    def __init__(self, host: Host, welcome: Welcome, stop: Callable[[bool], None]) -> None:
        self._host = host
        self._welcome = welcome
        self._stop = stop
        self._calls = Pool(_CALLS, thread_name_prefix="call")
        self._first_calls = Pool(_FIRST_CALLS, thread_name_prefix="first-call")
        self.records = RecordServer(host, self._off)

    async def Hello(self, request: Greeting, context: Any) -> Welcome:
        answer = Welcome()
        answer.CopyFrom(self._welcome)
        if request.looking or (request.version, request.protocol) != (answer.version, PROTOCOL):
            return answer
        try:
            await self._off(partial(self._host.greet, request), self._first_calls)
        except WaBucketError as error:
            answer.error.CopyFrom(failures.to_message(error))
        return answer

    async def Ask(self, request: Envelope, context: Any) -> Envelope:
        kind = request.request.WhichOneof("kind")
        if kind in ("overview", "shutdown"):
            return await self._off(partial(answer_for_all, self._host, request, self._stop), self._first_calls)
        if kind == "artifact_poll":
            return await self._poll(await self._client_or_none(context), request)
        client = await self._client(context)
        pool = self._first_calls if kind in ("cancel", "status") else None
        return await self._off(partial(self._host.handle, client, request), pool)

    async def Watch(self, request: Envelope, context: Any) -> AsyncIterator[Envelope]:
        client = await self._client_or_none(context)
        before: Envelope | None = None
        while True:
            request.request.artifact_poll.timeout = 0 if before is None else _LOOK_AGAIN
            answer = await self._poll(client, request)
            if answer != before:
                yield answer
            if answer.response.artifact_polled.finished or answer.response.HasField("error"):
                return
            before = answer

    def close(self) -> None:
        for pool in (self._calls, self._first_calls):
            pool.shutdown(wait=False, cancel_futures=True)

    async def _poll(self, client: Client | None, envelope: Envelope) -> Envelope:
        answer = Envelope(uuid=envelope.uuid, stream=envelope.stream)
        asked = envelope.request.artifact_poll
        try:
            table = self._host.table(client, envelope)
            timeout = min(asked.timeout, answers.LONGEST_POLL)
            if timeout > 0 and not asked.acknowledge:
                await _published(table, asked.xid, timeout)
            asked.timeout = 0
            if asked.acknowledge and not envelope.stream and self._host.is_attached(asked.xid):
                asked.acknowledge = False  # its own client has not heard of it yet
            answer.response.CopyFrom(answers.artifact_poll(table, asked))
        except WaBucketError as error:
            answer.response.CopyFrom(Response(error=failures.to_message(error)))
        return answer

    async def _client(self, context: Any) -> Client:
        """The client that calls; the call ends here when it is unknown, or greeted a service that was here before."""
        try:
            if _said(context, "instance") not in ("", self._welcome.instance):
                raise NotFound("the client asks another service", hint="greet this one")
            return self._host.client(_said(context, "client"))
        except WaBucketError as error:
            await context.abort(grpc.StatusCode.UNAVAILABLE, str(error))
            raise

    async def _client_or_none(self, context: Any) -> Client | None:
        """Polls by xid are also asked by who only looks."""
        return await self._client(context) if _said(context, "client") else None

    async def _off(self, work: Callable[[], T], pool: Pool | None = None) -> T:
        """Do what may take long off the loop."""
        return await asyncio.get_running_loop().run_in_executor(pool or self._calls, work)


async def _published(table: TicketTable, xid: str, timeout: float) -> None:
    """Return when the operation has ended or `timeout` seconds have passed."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    unsubscribe = table.subscribe(xid, lambda: _soon(loop, ended))
    try:
        await asyncio.wait_for(ended.wait(), timeout)
    except TimeoutError:
        return
    finally:
        unsubscribe()


def _soon(loop: asyncio.AbstractEventLoop, event: asyncio.Event) -> None:
    with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile, and with it who waited
        loop.call_soon_threadsafe(event.set)


def _said(context: Any, name: str) -> str:
    """What a call says of who makes it, beside its message."""
    return str(dict(context.invocation_metadata() or ()).get(name, ""))
