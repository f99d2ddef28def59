"""Lists that may be long: in memory while they are short, in a temporary file beyond that."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from wabucketref.errors import LocalIOError
from wabucketref.store.disk.localio import local_error

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class Spool(tempfile.SpooledTemporaryFile[bytes]):
    """At most `max_size` bytes in memory. Its failures are ours, with a word on where temporary files go."""

    def write(self, s: "ReadableBuffer") -> int:
        with _ours():
            return super().write(s)

    def seek(self, *args: int) -> int:
        with _ours():
            return super().seek(*args)

    def close(self) -> None:
        with suppress(OSError):  # what could not be written out is of no use any more
            super().close()

    def __exit__(self, *_: object) -> None:
        self.close()


@contextmanager
def _ours() -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        hint = "free space there, or set TMPDIR to another directory"
        raise LocalIOError("no directory takes temporary files", hint=hint) from error
    except OSError as error:
        raise local_error(error, f"write a temporary file in {tempfile.gettempdir()!r}") from error
