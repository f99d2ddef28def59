"""Bodies of requests, bounded in size, in silence and in what they unpack to."""

import asyncio
import time
import zlib
from collections.abc import AsyncIterator

from starlette.requests import ClientDisconnect, Request

from wabucketref.errors import UsageError
from wabucketref.server.access import site_of
from wabucketref.server.answers import Stalled, TooLarge


async def chunks(request: Request, limit: int) -> AsyncIterator[bytes]:
    """The body as it comes.

    Raises:
        TooLarge: more than `limit` bytes come, or are announced.
        Stalled: nothing comes for too long, all comes too slowly, or the client goes.
    """
    _check_announced(request, limit)
    limits, seen, began = site_of(request).options.limits, 0, time.monotonic()
    stream = request.stream().__aiter__()
    while True:
        try:
            async with asyncio.timeout(limits.stall):
                chunk = await anext(stream)
        except StopAsyncIteration:
            return
        except (TimeoutError, ClientDisconnect) as error:
            raise Stalled("the body ended in its middle") from error
        seen += len(chunk)
        if seen > limit:
            raise TooLarge(f"the body has more than {limit} bytes")
        if time.monotonic() - began > 10 * limits.stall + seen / limits.slowest:
            raise Stalled("the body comes too slowly")
        if chunk:
            yield chunk


async def read_body(request: Request, limit: int) -> bytes:
    """The whole body, unpacked when it is gzipped; `limit` counts what it unpacks to. Raises as :func:`chunks`.

    Raises:
        UsageError: it is packed in another way, or damaged.
    """
    body = b"".join([chunk async for chunk in chunks(request, limit)])
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding == "identity":
        return body
    if encoding != "gzip":
        raise UsageError(f"the body is packed as {encoding[:20]!r}", hint="send it plain or gzipped")
    return unpack(body, limit)


def unpack(body: bytes, limit: int) -> bytes:
    """Gunzip at most `limit` bytes.

    Raises:
        TooLarge: it unpacks to more.
        UsageError: it is damaged.
    """
    machine = zlib.decompressobj(wbits=31)
    try:
        found = machine.decompress(body, limit + 1)
    except zlib.error as error:
        raise UsageError("the gzipped body is damaged") from error
    if len(found) > limit:
        raise TooLarge(f"the body unpacks to more than {limit} bytes")
    if not machine.eof:
        raise UsageError("the gzipped body is cut")
    return found


def _check_announced(request: Request, limit: int) -> None:
    announced = request.headers.get("content-length", "")
    if announced.isascii() and announced.isdigit() and (len(announced) > 18 or int(announced) > limit):
        raise TooLarge(f"the body has {announced[:30]} bytes, at most {limit} may be")
