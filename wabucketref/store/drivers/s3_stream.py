"""Streams of known size to S3: one put when small, else a multipart upload with a few parts under way."""

from collections.abc import Iterator

from wabucketref.contracts.storage import MAX_PARTS, ObjectInfo
from wabucketref.errors import UsageError
from wabucketref.store.drivers.chunks import blocks
from wabucketref.store.drivers.parts import send_parts
from wabucketref.store.drivers.s3_multipart import Open, S3Multipart, S3Uploads

PART_BYTES = 8 << 20
MAX_PART_BYTES = 5 << 30


def part_bytes(size: int) -> int:
    """Bytes a part for an object of `size`, so that it has at most 10,000 parts.

    Raises:
        UsageError: the object is larger than S3 takes.
    """
    needed = max(PART_BYTES, -(-size // MAX_PARTS))
    if needed > MAX_PART_BYTES:
        raise UsageError(f"an object of {size} bytes is larger than the store takes", hint="split the file")
    return needed


def put_stream(objects: S3Uploads, key: str, chunks: Iterator[bytes], size: int, *, if_absent: bool) -> ObjectInfo:
    """As ``Storage.put_stream``; holds a handful of parts in memory. Without CRC32C, with which an upload may have to
    start over: chunks are read once."""
    what = f"bucket {objects.url}, object {key!r}"
    part = part_bytes(size)
    if size <= part:
        return objects.put(key, b"".join(blocks(chunks, part, size, what)), if_absent=if_absent)
    upload = S3Multipart(objects, key, Open(objects.start_upload(key)), if_absent=if_absent)
    return send_parts(upload, blocks(chunks, part, size, what), what)
