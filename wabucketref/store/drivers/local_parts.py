"""Uploads in parts on a local disk: one hidden file beside the key, with each part at its offset.

The file's name is made of the key's and of the upload's, so that whoever begins to upload a key anew finds what dead
uploads of it left. A writer that was taken for dead and wakes up misses its file: it can neither write into another
upload nor publish one.

Parts are not synced one by one: they survive the death of the process, but not surely that of the machine. So an upload
is gone on with only on the machine where it began, and only until that is started anew.
"""

import hashlib
import os
import re
import secrets
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from wabucketref.contracts.storage import Buffer, ObjectInfo, Part
from wabucketref.errors import NotFound, UsageError
from wabucketref.model.names import is_temporary
from wabucketref.store.drivers.local_errors import mapped
from wabucketref.store.drivers.local_staging import (
    TEMPORARY_PREFIX,
    Staged,
    make_temporary,
    remove_empty_parents,
)
from wabucketref.store.drivers.parts import in_a_row

_UPLOAD_ID = re.compile("([0-9a-f]{12})-([0-9a-f]{12})")


@dataclass(frozen=True, slots=True)
class Place:
    """Where an object lies."""

    path: str
    root: str
    """The bucket's directory."""
    what: str
    """The object in messages."""

    def temporary(self, token: str) -> str:
        """The file of an upload; with an empty `token` what the names of all of them begin with."""
        directory, name = os.path.split(self.path)
        return os.path.join(directory, TEMPORARY_PREFIX + hashlib.sha256(os.fsencode(name)).hexdigest()[:12] + token)

    def over(self) -> NotFound:
        return NotFound(f"{self.what}: the upload in parts is over", hint="run the same command again: it starts over")


class LocalMultipart:
    """One upload. `publish` gives the file its name."""

    def __init__(
        self,
        place: Place,
        upload_id: str,
        part_bytes: int,
        publish: Callable[[Staged], ObjectInfo],
        parts: Iterable[Part] = (),
    ) -> None:
        self.upload_id = upload_id
        self._place = place
        self._temporary = place.temporary(upload_id[:12])
        self._part_bytes = part_bytes
        self._publish = publish
        self._lock = threading.Lock()
        self._parts = {part.number: part for part in parts}
        self._resumed = bool(self._parts)

    @property
    def landed(self) -> Mapping[int, Part]:
        with self._lock:
            return dict(self._parts)

    def put_part(self, number: int, data: Buffer) -> Part:
        if number < 1 or len(data) > self._part_bytes:
            raise UsageError(
                f"{self._place.what}: part {number} of {len(data)} bytes, at most {self._part_bytes} expected"
            )
        part, offset, view = Part(number, len(data)), (number - 1) * self._part_bytes, memoryview(data)
        with self._file() as fd:
            while view:
                written = os.pwrite(fd, view, offset)
                view, offset = view[written:], offset + written
        with self._lock:
            self._parts[number] = part
        return part

    def complete(self) -> ObjectInfo:
        parts = in_a_row(self.landed, self._place.what)
        if any(part.size != self._part_bytes for part in parts[:-1]):
            raise UsageError(f"{self._place.what}: only the last part may be smaller than {self._part_bytes} bytes")
        with self._file() as fd:
            self._settle(fd, sum(part.size for part in parts))
            info = self._publish(Staged(self._place.path, self._temporary, fd))
        self.abort()
        return info

    def abort(self) -> None:
        remove_upload(self._place, self.upload_id)

    def _settle(self, fd: int, size: int) -> None:
        """Make sure that the file is just the parts."""
        if os.fstat(fd).st_size < size:
            raise self._place.over()
        os.ftruncate(fd, size)  # the last part may have been put again, shorter
        if not self._resumed:
            return
        try:
            os.fsync(fd)
        except OSError:
            # What another process wrote may be lost, and no second sync would tell.
            self.abort()
            raise

    @contextmanager
    def _file(self) -> Iterator[int]:
        with mapped(self._place.what, writing=True):
            try:
                fd = os.open(self._temporary, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            except FileNotFoundError as error:
                raise self._place.over() from error
            try:
                yield fd
            finally:
                os.close(fd)


def begin_upload(place: Place) -> str:
    """Make the file of a new upload and remove those of all earlier ones of the object; its id."""
    token = secrets.token_hex(6)
    ours, earlier = place.temporary(token), place.temporary("")
    with mapped(place.what, writing=True):
        os.close(make_temporary(ours))
        with os.scandir(os.path.dirname(place.path)) as entries:
            for entry in entries:
                if entry.path.startswith(earlier) and is_temporary(entry.name) and entry.path != ours:
                    with suppress(FileNotFoundError):
                        os.unlink(entry.path)
    return f"{token}-{_boot()}"


def check_upload(place: Place, upload_id: str) -> None:
    """Raises NotFound unless the upload can be gone on with here and now."""
    match = _UPLOAD_ID.fullmatch(upload_id)
    if match is None or match[2] != _boot() or not os.path.isfile(place.temporary(match[1])):
        raise place.over()


def remove_upload(place: Place, upload_id: str) -> None:
    """Remove the file of an upload, and directories that are empty then; fine when it is gone."""
    match = _UPLOAD_ID.fullmatch(upload_id)
    if match is None:
        return
    with mapped(place.what, writing=True), suppress(FileNotFoundError, NotADirectoryError):
        os.unlink(place.temporary(match[1]))
        remove_empty_parents(place.path, place.root)


def _boot() -> str:
    """What tells this start of this machine from others; random, so that nothing is gone on with, when it cannot."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_bytes()
    except OSError:
        boot = secrets.token_bytes(16)
    return hashlib.sha256(boot).hexdigest()[:12]
