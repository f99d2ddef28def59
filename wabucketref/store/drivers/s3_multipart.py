"""Multipart uploads on S3."""

import hashlib
import threading

from wabucketref.contracts.storage import ObjectInfo
from wabucketref.errors import NotFound, OutcomeUnknown, UsageError, WaBucketError
from wabucketref.store.drivers.s3_objects import S3Objects


class S3Multipart:
    """One upload. Parts may come from several threads and in any order."""

    def __init__(self, storage: S3Objects, key: str, upload_id: str) -> None:
        self._storage = storage
        self._key = key
        self._id = upload_id
        self._lock = threading.Lock()
        self._parts: dict[int, tuple[str, int]] = {}
        self._over = False

    def put_part(self, number: int, data: bytes) -> None:
        if self._over:
            raise UsageError(f"part {number} of {self._key!r} came after the upload was over")
        etag = self._storage.send_part(self._key, self._id, number, data)
        with self._lock:
            self._parts[number] = (etag, len(data))

    def complete(self, *, if_absent: bool = False) -> ObjectInfo:
        if not self._parts:
            # S3 knows no multipart upload without parts.
            info = self._storage.put(self._key, b"", if_absent=if_absent)
            self.abort()
            return info
        parts = [(number, etag) for number, (etag, _) in sorted(self._parts.items())]
        size = sum(length for _, length in self._parts.values())
        try:
            info = self._storage.finish_upload(self._key, self._id, parts, size, if_absent=if_absent)
        except (OutcomeUnknown, NotFound) as error:
            info = self._read_back(error, [etag for _, etag in parts], size)
        self._over = True
        return info

    def abort(self) -> None:
        if not self._over:
            self._storage.drop_upload(self._key, self._id)
            self._over = True

    def _read_back(self, error: WaBucketError, etags: list[str], size: int) -> ObjectInfo:
        """The answer was lost, or the upload is gone because it was carried out: is the object the one we meant?"""
        expected = multipart_etag(etags)
        found = self._storage.head(self._key) if expected else None
        if found is not None and found.size == size and found.etag == expected:
            return found
        raise error


def multipart_etag(etags: list[str]) -> str | None:
    """The etag of an object made of parts with these etags; None when they are not MD5 digests (as under KMS)."""
    try:
        digests = [bytes.fromhex(etag) for etag in etags]
    except ValueError:
        return None
    if any(len(digest) != 16 for digest in digests):
        return None
    return f"{hashlib.md5(b''.join(digests), usedforsecurity=False).hexdigest()}-{len(digests)}"
