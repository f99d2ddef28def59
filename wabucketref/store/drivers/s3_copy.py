"""Copies within S3: one request, or parts where the object is larger than one request may copy."""

from dataclasses import replace

from wabucketref.contracts.storage import ObjectInfo
from wabucketref.errors import NotFound
from wabucketref.store.drivers.s3_objects import S3Objects

_ONE_REQUEST_BYTES = 5 << 30
_PART_BYTES = 1 << 30


def copy_object(objects: S3Objects, source: str, key: str, limit: int = _ONE_REQUEST_BYTES) -> ObjectInfo:
    """As ``Storage.copy``. Objects above `limit` bytes go in parts of 1 GiB (`limit`, if that is less).

    Raises:
        NotFound: the source is gone.
    """
    found = objects.head(source)
    if found is None:
        raise NotFound(f"bucket {objects.url}, object {source!r}: no such object", hint="check the name")
    if found.size <= limit:
        return replace(objects.copy_whole(source, key), size=found.size)
    return _copy_in_parts(objects, source, key, found.size, min(limit, _PART_BYTES))


def _copy_in_parts(objects: S3Objects, source: str, key: str, size: int, part: int) -> ObjectInfo:
    upload = objects.start_upload(key)
    try:
        parts = [
            (number, objects.copy_part(source, key, upload, number, start, min(part, size - start)))
            for number, start in enumerate(range(0, size, part), 1)
        ]
        return objects.finish_upload(key, upload, parts, size, if_absent=False)
    except BaseException:
        objects.drop_upload(key, upload)
        raise
