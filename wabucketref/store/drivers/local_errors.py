"""OSError → our kinds, for everything that touches a local disk."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

from wabucketref.errors import Conflict, LocalIOError, NotAuthorised, NotFound, UsageError, WaBucketError

_TABLE: dict[int, tuple[type[WaBucketError], str]] = {
    errno.ENOENT: (NotFound, "check the name"),
    errno.ENOTDIR: (NotFound, "check the name"),
    errno.EISDIR: (NotFound, "check the name: there is a directory"),
    errno.EACCES: (NotAuthorised, "ask for permission on that path"),
    errno.EPERM: (NotAuthorised, "ask for permission on that path"),
    errno.EROFS: (NotAuthorised, "the disk is mounted read-only"),
    errno.ENOSPC: (LocalIOError, "free space or inodes on that disk, then run the same command again"),
    errno.EDQUOT: (LocalIOError, "the disk quota is used up; free space or inodes, then run the same command again"),
    errno.EMFILE: (LocalIOError, "raise the limit of open files (ulimit -n) or lower the concurrency"),
    errno.ENFILE: (LocalIOError, "the system has too many open files; try again later"),
    errno.EIO: (LocalIOError, "check the disk, then run the same command again"),
    errno.ENAMETOOLONG: (UsageError, "shorten the name"),
    errno.ELOOP: (UsageError, "remove the loop of symbolic links"),
    errno.EINVAL: (UsageError, "this disk cannot hold such a name"),
    errno.EILSEQ: (UsageError, "this disk cannot hold such a name"),
}
_WRITE_TABLE: dict[int, tuple[type[WaBucketError], str]] = {
    errno.ENOTDIR: (Conflict, "a file is where a directory must be; choose another name"),
    errno.EISDIR: (Conflict, "a directory is where the file must be; choose another name"),
    errno.ENOTEMPTY: (Conflict, "a directory is where the file must be; choose another name"),
}


def translate(error: OSError, what: str, *, writing: bool) -> WaBucketError:
    """Our kind for `error`; `what` names the thing, as in ``bucket file:///b, object k``."""
    code = error.errno or 0
    default = (LocalIOError, "check the disk, then run the same command again")
    kind, hint = (_WRITE_TABLE.get(code) if writing else None) or _TABLE.get(code, default)
    return kind(f"{what}: {os.strerror(code) if code else error}", hint=hint)


@contextmanager
def mapped(what: str, *, writing: bool = False) -> Iterator[None]:
    """Translate what the block raises; errors of ours pass (they derive from OSError too)."""
    try:
        yield
    except WaBucketError:
        raise
    except OSError as error:
        raise translate(error, what, writing=writing) from error
