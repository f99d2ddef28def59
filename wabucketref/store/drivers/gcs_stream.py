"""Streams of known size to GCS: one request when small, else a resumable upload of blocks."""

import json
import logging
from collections.abc import Callable, Iterator

from wabucketref.errors import TransientError, WaBucketError
from wabucketref.store.drivers.chunks import blocks
from wabucketref.store.drivers.gcs_client import Answer, Checksum, GcsClient
from wabucketref.store.drivers.gcs_errors import GcsRequest

BLOCK_BYTES = 8 << 20
"""A multiple of the 256 KiB that the protocol asks for."""
GOES_ON = frozenset({308})
CANCELLED = frozenset({404, 405, 410, 499, 501})
"""Answers to giving an upload up: it is over, or (emulators) nobody keeps it anyway."""
_log = logging.getLogger(__name__)


def upload_blocks(
    client: GcsClient, request: GcsRequest, start: Callable[[], str], chunks: Iterator[bytes], size: int
) -> Answer:
    """Send all blocks to the session that `start` begins; the final answer. Nothing shows if `chunks` raises."""
    session = start()
    offset, sent = 0, Checksum()
    try:
        for block in blocks(chunks, BLOCK_BYTES, size, request.what):
            answer = _send_block(client, request, session, block, offset, size)
            offset += len(block)
            sent.update(block)
        answer.check(sent)
        return answer
    except BaseException:
        _cancel(client, request, session)
        raise


def _send_block(client: GcsClient, request: GcsRequest, session: str, block: bytes, offset: int, size: int) -> Answer:
    """Send one block, and again what of it the store did not keep."""
    end = offset + len(block)
    while True:
        headers = {"Content-Range": f"bytes {offset}-{end - 1}/{size}"}
        answer = client.send(request, "PUT", session, headers=headers, body=block, also=GOES_ON)
        if answer.status not in GOES_ON:
            return answer
        kept = kept_bytes(answer)
        if kept == end:
            return answer
        if not offset < kept < end:
            raise TransientError(f"{request.what}: the store kept {kept} bytes, {end} were sent", hint="try again")
        block, offset = block[kept - offset :], kept


def kept_bytes(answer: Answer) -> int:
    """How many bytes the store has so far, by its ``Range`` (``bytes=0-N``)."""
    last = answer.headers.get("Range", "").rpartition("-")[2]
    return int(last) + 1 if last.isdigit() else 0


def empty_object(name: str) -> tuple[dict[str, str], bytes]:
    """Headers and body of a multipart request, which unlike a plain one may carry no bytes everywhere."""
    mark = "wabucket-boundary"
    body = (
        f"--{mark}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n{json.dumps({'name': name})}\r\n"
        f"--{mark}\r\nContent-Type: application/octet-stream\r\n\r\n\r\n--{mark}--\r\n"
    )
    return {"Content-Type": f"multipart/related; boundary={mark}"}, body.encode()


def _cancel(client: GcsClient, request: GcsRequest, session: str) -> None:
    """On the way out of another error, which matters more than one met here. A session left over shows nowhere."""
    try:
        client.send(request, "DELETE", session, also=CANCELLED)
    except WaBucketError as error:
        _log.debug("%s: the upload session was left to expire: %s", request.what, error)
