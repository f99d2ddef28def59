"""Multipart uploads on S3."""

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from wabucketref.contracts.storage import Buffer, ObjectInfo, Part
from wabucketref.errors import NotFound, OutcomeUnknown, WaBucketError
from wabucketref.store.drivers.parts import in_a_row
from wabucketref.store.drivers.s3_objects import S3Objects
from wabucketref.store.etags import multipart_etag


class S3Multipart:
    """One upload. Parts may come from several threads and in any order."""

    def __init__(
        self, storage: S3Objects, key: str, upload_id: str, parts: Iterable[Part] = (), *, if_absent: bool
    ) -> None:
        self.upload_id = upload_id
        self._storage = storage
        self._key = key
        self._if_absent = if_absent
        self._lock = threading.Lock()
        self._parts = {part.number: part for part in parts}
        self._over = False

    @property
    def landed(self) -> Mapping[int, Part]:
        with self._lock:
            return dict(self._parts)

    def put_part(self, number: int, data: Buffer) -> Part:
        if self._over:
            raise NotFound(f"part {number} of {self._key!r} came after the upload was over", hint="start it over")
        part = Part(number, len(data), self._storage.send_part(self._key, self.upload_id, number, data))
        with self._lock:
            self._parts[number] = part
        return part

    def complete(self) -> ObjectInfo:
        parts = in_a_row(self.landed, self._key)
        if not parts:
            # S3 knows no multipart upload without parts.
            info = self._storage.put(self._key, b"", if_absent=self._if_absent)
            self.abort()
            return info
        named = [(part.number, part.etag or "") for part in parts]
        size = sum(part.size for part in parts)
        try:
            info = self._storage.finish_upload(self._key, self.upload_id, named, size, if_absent=self._if_absent)
        except (OutcomeUnknown, NotFound) as error:
            info = self._read_back(error, parts, size)
        self._over = True
        return self._as_seen(info)

    def abort(self) -> None:
        if not self._over:
            self._storage.drop_upload(self._key, self.upload_id)
            self._over = True

    def _as_seen(self, info: ObjectInfo) -> ObjectInfo:
        """With the etag that later requests show: some servers answer the end of an upload with another one."""
        try:
            found = self._storage.head(self._key)
        except WaBucketError:
            return info
        return replace(info, etag=found.etag) if found is not None and found.size == info.size else info

    def _read_back(self, error: WaBucketError, parts: Sequence[Part], size: int) -> ObjectInfo:
        """The answer was lost, or the upload is gone because it was carried out: is the object the one we meant?"""
        expected = multipart_etag([part.etag or "" for part in parts])
        found = self._storage.head(self._key) if expected else None
        if found is not None and found.size == size and found.etag == expected:
            return found
        raise error
