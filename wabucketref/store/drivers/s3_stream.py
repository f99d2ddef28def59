"""Streams of known size to S3: one put when small, else a multipart upload with a few parts under way."""

import logging
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future

from wabucketref.contracts.storage import MAX_PARTS, ObjectInfo, Part
from wabucketref.errors import UsageError, WaBucketError
from wabucketref.store.drivers.chunks import blocks
from wabucketref.store.drivers.s3_multipart import S3Multipart
from wabucketref.store.drivers.s3_objects import S3Objects
from wabucketref.threads import Pool

PART_BYTES = 8 << 20
MAX_PART_BYTES = 5 << 30
_UNDER_WAY = 4
_log = logging.getLogger(__name__)


def part_bytes(size: int) -> int:
    """Bytes a part for an object of `size`, so that it has at most 10,000 parts.

    Raises:
        UsageError: the object is larger than S3 takes.
    """
    needed = max(PART_BYTES, -(-size // MAX_PARTS))
    if needed > MAX_PART_BYTES:
        raise UsageError(f"an object of {size} bytes is larger than the store takes", hint="split the file")
    return needed


def put_stream(objects: S3Objects, key: str, chunks: Iterator[bytes], size: int, *, if_absent: bool) -> ObjectInfo:
    """As ``Storage.put_stream``; holds a handful of parts in memory."""
    what = f"bucket {objects.url}, object {key!r}"
    part = part_bytes(size)
    if size <= part:
        return objects.put(key, b"".join(blocks(chunks, part, size, what)), if_absent=if_absent)
    upload = S3Multipart(objects, key, objects.start_upload(key), if_absent=if_absent)
    try:
        _send(upload, blocks(chunks, part, size, what))
        return upload.complete()
    except BaseException:
        _give_back(upload, what)
        raise


def _send(upload: S3Multipart, parts: Iterator[bytes]) -> None:
    with Pool(_UNDER_WAY, thread_name_prefix="s3-parts") as pool:
        under_way: deque[Future[Part]] = deque()
        for number, data in enumerate(parts, 1):
            under_way.append(pool.submit(upload.put_part, number, data))
            if len(under_way) > _UNDER_WAY:
                under_way.popleft().result()
        while under_way:
            under_way.popleft().result()


def _give_back(upload: S3Multipart, what: str) -> None:
    """Abort on the way out of another error, which matters more than one met here."""
    try:
        upload.abort()
    except WaBucketError as error:
        _log.warning("%s: an unfinished multipart upload may be left behind: %s", what, error)
