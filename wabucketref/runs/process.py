"""A forked child has none of its parent's threads, and its locks may be held for ever."""

import os

from wabucketref.errors import UsageError


def check_process(pid: int, what: str) -> None:
    """Pass only in the process `pid`; to be called before any lock is taken.

    Raises:
        UsageError: this is another process, forked from it.
    """
    if os.getpid() != pid:
        raise UsageError(f"{what} belongs to the parent process", hint="make one in the forked process")
