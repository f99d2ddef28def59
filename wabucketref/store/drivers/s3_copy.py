"""Copies within S3: one request, or parts where the object is large or the store takes no condition on a copy."""

import logging
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress

from wabucketref.contracts.storage import MAX_PARTS, ObjectInfo
from wabucketref.errors import AlreadyExists, NotFound, Unsupported, UsageError
from wabucketref.store.drivers.keys import changed
from wabucketref.store.drivers.probe import COPY
from wabucketref.store.drivers.s3_multipart import S3Uploads
from wabucketref.store.drivers.vouching import Vouching
from wabucketref.store.format.etags import tell_equal_bytes
from wabucketref.threads import Pool

PART_BYTES = 256 << 20
"""A larger object goes in parts, several at a time: one request would copy it slowly, and takes 5 GiB at most."""
_AT_ONCE = 8
_NO_ETAG = "0" * 32
_log = logging.getLogger(__name__)


class Copies:
    """Copies within one bucket. Thread-safe.

    Whether the store heeds ``If-None-Match`` on a copy is not declared anywhere, and many that know it for puts take it
    here and overwrite. So the first copy that must not overwrite goes the sure way, as a multipart upload, whose end
    takes the condition; then the same copy is asked for once more, on the condition that must fail.
    """

    def __init__(self, objects: S3Uploads, part_bytes: int = PART_BYTES) -> None:
        self._objects = objects
        self._part_bytes = part_bytes
        self._heeds: bool | None = None
        """Whether the store heeds the condition on a copy; None before it was tried."""
        self._trying = threading.Lock()
        self._differ = False
        """Whether copies were seen to have other etags than their sources, as where each is encrypted by itself."""
        self._vouching = Vouching()

    def copy(self, source: str, key: str, *, if_absent: bool, seen: ObjectInfo | None) -> ObjectInfo:
        """As ``Storage.copy``."""
        if seen is None:
            seen = self._objects.head(source)
        if seen is None:
            raise NotFound(f"bucket {self._objects.url}, object {source!r}: no such object", hint="check the name")
        try:
            return self._copy(seen, source, key, if_absent)
        except AlreadyExists as error:
            # The answer is the same when the source changed.
            if self._objects.head(key) is not None:
                raise
            raise changed(f"bucket {self._objects.url}, object {source!r}") from error

    @property
    def trials(self) -> Mapping[str, Callable[[ObjectInfo], bool]]:
        """Of what the first copies would find out one after the other."""
        return {"copies-create-only": self._creates_only, "copies-as-seen": self._vouches}

    def learn(self, found: Mapping[str, bool]) -> None:
        """What `trials` found."""
        self._heeds = found["copies-create-only"]
        self._vouching.know(found["copies-as-seen"])

    def _creates_only(self, there: ObjectInfo) -> bool:
        """Whether a second copy to the same key is refused."""
        try:
            self._trial(there, there.etag)
        except (AlreadyExists, Unsupported, UsageError):
            return False
        try:
            self._trial(there, there.etag)
        except AlreadyExists:
            return True
        except (Unsupported, UsageError):
            pass
        return False

    def _vouches(self, there: ObjectInfo) -> bool:
        vouching = Vouching()
        with suppress(AlreadyExists, Unsupported, UsageError):
            vouching.copy(
                lambda: self._trial(there, _NO_ETAG),
                lambda: self._trial(there, there.etag),
                lambda: self._objects.head(there.key + COPY),
            )
        return vouching.heeds

    def _trial(self, there: ObjectInfo, etag: str | None) -> ObjectInfo:
        return self._objects.copy_whole(there.key, there.key + COPY, there.size, if_absent=True, etag=etag)

    def takes_one_request(self, size: int, if_absent: bool) -> bool | None:
        """Whether a copy of so many bytes does, and what it means is known; None when :meth:`copy` is to find out."""
        if size > self._part_bytes or (if_absent and self._heeds is False):
            return False
        if if_absent and (self._heeds is None or (self._differ and not self._vouching.tried)):
            return None
        return True

    def copied(self, made: ObjectInfo, seen: ObjectInfo) -> ObjectInfo:
        """The facts of what one request `made`, which creates only, of a source that was to be as `seen`."""
        self._differ = self._differ or not tell_equal_bytes(made.etag, seen.etag)
        return self._vouching.mark(made) if self._differ else made

    def _copy(self, seen: ObjectInfo, source: str, key: str, if_absent: bool) -> ObjectInfo:
        if if_absent and seen.size == 0:
            return self._objects.put(key, b"", if_absent=True)  # no part has no bytes
        if seen.size > self._part_bytes:
            return self._in_parts(seen, source, key, if_absent)
        if not if_absent:
            return self._objects.copy_whole(source, key, seen.size, etag=seen.etag)
        if self._heeds is None:
            with self._trying:
                if self._heeds is None:
                    return self._first(seen, source, key)
        if self._heeds:
            return self._whole(seen, source, key)
        return self._in_parts(seen, source, key, if_absent)

    def _whole(self, seen: ObjectInfo, source: str, key: str) -> ObjectInfo:
        def make(etag: str | None) -> ObjectInfo:
            return self._objects.copy_whole(source, key, seen.size, if_absent=True, etag=etag)

        if self._differ and seen.etag is not None:
            return self._vouching.copy(lambda: make(_NO_ETAG), lambda: make(seen.etag), lambda: self._objects.head(key))
        return self.copied(make(seen.etag), seen)

    def _first(self, seen: ObjectInfo, source: str, key: str) -> ObjectInfo:
        made = self._in_parts(seen, source, key, if_absent=True)
        try:
            again = self._objects.copy_whole(source, key, seen.size, if_absent=True, etag=seen.etag)
        except AlreadyExists:
            self._heeds = True
            return made
        except (Unsupported, UsageError):
            self._heeds = False
            return made
        self._heeds = False
        _log.info("the store behind %s takes conditions on copies and ignores them", self._objects.url)
        return again

    def _in_parts(self, seen: ObjectInfo, source: str, key: str, if_absent: bool) -> ObjectInfo:
        objects, size = self._objects, seen.size
        part = max(self._part_bytes, -(-size // MAX_PARTS))
        starts = range(0, size, part)
        upload = objects.start_upload(key)
        pool = Pool(min(_AT_ONCE, len(starts)))
        try:
            flying = [
                pool.submit(objects.copy_part, source, key, upload, number, start, min(part, size - start), seen.etag)
                for number, start in enumerate(starts, 1)
            ]
            parts = [(number, future.result()) for number, future in enumerate(flying, 1)]
            return objects.finish_upload(key, upload, parts, size, if_absent=if_absent)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            objects.drop_upload(key, upload)
            raise
        finally:
            pool.shutdown()
