"""What the drivers with uploads in parts share."""

import logging
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future

from wabucketref.contracts.storage import Multipart, ObjectInfo, Part
from wabucketref.errors import UsageError, WaBucketError
from wabucketref.threads import Pool

_UNDER_WAY = 4
"""Parts that are sent at once; one more waits."""
_log = logging.getLogger(__name__)


def in_a_row(parts: Mapping[int, Part], key: str) -> list[Part]:
    """The parts in order.

    Raises:
        UsageError: one is missing between them.
    """
    if len(parts) != max(parts, default=0):
        raise UsageError(f"the upload of {key!r} ends with a part missing", hint="put all parts first")
    return [parts[number] for number in sorted(parts)]


def send_parts(upload: Multipart, parts: Iterator[bytes], what: str) -> ObjectInfo:
    """Put `parts` in order, a few at once and a handful in memory, and complete `upload`; `what` names it in the log.

    Whatever is raised, by `parts` too: the upload has been aborted, as far as the store let it.
    """
    try:
        _put_all(upload, parts)
        return upload.complete()
    except BaseException:
        _give_back(upload, what)
        raise


def _put_all(upload: Multipart, parts: Iterator[bytes]) -> None:
    with Pool(_UNDER_WAY, thread_name_prefix="parts") as pool:
        under_way: deque[Future[Part]] = deque()
        for number, data in enumerate(parts, 1):
            under_way.append(pool.submit(upload.put_part, number, data))
            if len(under_way) > _UNDER_WAY:
                under_way.popleft().result()
        while under_way:
            under_way.popleft().result()


def _give_back(upload: Multipart, what: str) -> None:
    """Abort on the way out of another error, which matters more than one met here."""
    try:
        upload.abort()
    except WaBucketError as error:
        _log.warning("%s: an unfinished upload in parts may be left behind: %s", what, error)
