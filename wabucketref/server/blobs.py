"""Bytes that come and go by signed links: ``PUT`` and ``GET /blobs/TOKEN``.

They lie in the bucket under random keys. What a link says decides all: the path of a request holds no name.
"""

import base64
import hashlib
import secrets
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import IO, Final
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from wabucketref.errors import IntegrityError, NotFound, UsageError
from wabucketref.server.access import site_of
from wabucketref.server.area import Stored, Uploaded
from wabucketref.server.bodies import chunks
from wabucketref.server.links import Grant
from wabucketref.server.ranges import part_of
from wabucketref.server.site import Site

_CHUNK: Final = 1 << 20
_SPOOL: Final = 4 << 20
"""Bytes of an upload that are held in memory; more goes to a temporary file."""


def new_key(folder: str) -> str:
    """A key that nothing has had before; `folder` is a word of ours."""
    name = secrets.token_hex(16)
    return f"{folder}/{name[:2]}/{name[2:]}"


def routes(uploaded: Mapping[str, Uploaded]) -> list[Route]:
    """The routes; `uploaded` by kind of link."""

    async def put(request: Request) -> Response:
        site = site_of(request)
        grant = site.links.check(request.path_params["token"], "put")
        stored = await _receive(request, site, grant)

        def note() -> None:
            with site.write() as connection:
                discarded = uploaded[grant.kind](connection, grant.subject, stored)
            site.discard(discarded or ())

        await run_in_threadpool(note)
        return Response(status_code=200, headers={"ETag": f'"{base64.b64decode(stored.md5).hex()}"'})

    async def get(request: Request) -> Response:
        site = site_of(request)
        grant = site.links.check(request.path_params["token"], "get")
        return await send_object(site, grant, request.headers.get("range"))

    return [
        Route("/blobs/{token}", put, methods=["PUT"]),
        Route("/blobs/{token}", get, methods=["GET"]),
    ]


async def send_object(site: Site, grant: Grant, wanted: str | None = None) -> Response:
    """The object as a download: never shown in the page's own context; `wanted` is the header Range.

    Raises:
        NotFound: it is not in the bucket.
    """
    info = await run_in_threadpool(site.storage.head, grant.key)
    if info is None:
        raise NotFound("the file is gone")
    try:
        part = part_of(wanted, info.size)
    except ValueError:
        return Response(status_code=416, headers={"Content-Range": f"bytes */{info.size}"})
    start, stop = part or (0, info.size)
    headers = {
        "Accept-Ranges": "bytes",
        "Content-Length": str(stop - start),
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(grant.name.rpartition('/')[2], safe='')}",
    }
    if part is not None:
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{info.size}"
    status = 200 if part is None else 206
    return StreamingResponse(_bytes(site, grant.key, start, stop), status, headers, "application/octet-stream")


async def _bytes(site: Site, key: str, start: int, stop: int) -> AsyncIterator[bytes]:
    while start < stop:
        wanted = min(_CHUNK, stop - start)
        data = await run_in_threadpool(site.storage.read_range, key, start, wanted)
        if len(data) != wanted:
            raise IntegrityError("the file became shorter while it was sent")
        start += wanted
        yield data


async def _receive(request: Request, site: Site, grant: Grant) -> Stored:
    """Take the body into the bucket.

    Raises:
        UsageError: it is not what Content-MD5 says.
    """
    md5, size = hashlib.md5(usedforsecurity=False), 0
    with tempfile.SpooledTemporaryFile(_SPOOL, dir=site.scratch) as spool:
        async for chunk in chunks(request, site.options.limits.upload):
            md5.update(chunk)
            size += len(chunk)
            await _write(spool, chunk)
        found = base64.b64encode(md5.digest()).decode()
        if request.headers.get("content-md5", found) != found:
            raise UsageError("the body is not what Content-MD5 says")
        if grant.md5 and grant.md5 != found:
            raise UsageError("the body is not the one that this link is for")
        spool.seek(0)
        await run_in_threadpool(site.storage.put_stream, grant.key, _pieces(spool), size)
    return Stored(grant.key, size, found)


async def _write(spool: "tempfile.SpooledTemporaryFile[bytes]", chunk: bytes) -> None:
    if spool.tell() + len(chunk) <= _SPOOL:
        spool.write(chunk)
    else:
        await run_in_threadpool(spool.write, chunk)


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    while piece := file.read(_CHUNK):
        yield piece
