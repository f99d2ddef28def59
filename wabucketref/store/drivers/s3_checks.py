"""Is this an answer of an S3 store, and did it get the bytes that were sent? Portals answer 200, too, and bits flip."""

import base64
import hashlib
import logging
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final

from wabucketref.contracts.storage import Buffer
from wabucketref.errors import (
    NotFound,
    SettingsError,
    TransientError,
    Unsupported,
    UsageError,
    WrittenWrong,
)
from wabucketref.store.drivers.s3_request import AGAIN, S3Request
from wabucketref.store.format import crc32c

CRC32C: Final = "ChecksumCRC32C"
_MD5 = re.compile(r"[0-9a-f]{32}")
_SMALL: Final = 4 << 10
"""Bytes of a body for which MD5 costs nothing worth loading another library for."""
_TRIAL: Final = b"wabucketref"
_log = logging.getLogger(__name__)


class Checksums:
    """Lets the store refuse what was damaged on the way, and looks at what it stored. Thread-safe.

    A store that was seen to refuse a wrong CRC32C is told that of each body, else its MD5, which costs twenty times as
    much. Each answer must say the CRC32C that was sent; when one does not, the store checks no more, and the etag
    counts as before.

    The etag of an object or part is its MD5 on most stores; where it is not (objects encrypted by KMS), which the first
    object shows, nothing is compared. Over plain http to another machine it is MD5, as one of the headers that are
    signed, by which nobody on the way can put other bytes in their place; the AWS library signs their SHA-256 besides,
    and so may use CRC32C there, too.
    """

    def __init__(self) -> None:
        self.checks_crc32c = False
        """Whether the store was seen to."""
        self.sums_uploads = True
        """Whether it may be asked to do so for uploads in parts, too."""
        self._is_md5: bool | None = None
        """Whether etags are; None: not known yet."""

    @property
    def sends_crc32c(self) -> bool:
        """Whether bodies go with it."""
        return self.checks_crc32c and crc32c.available()

    def of(self, data: Buffer, *, part: bool | None = None) -> dict[str, str]:
        """The argument of the request with the checksum. `part`: of an upload that was begun with CRC32C, or not."""
        if part or (part is None and len(data) > _SMALL and self.sends_crc32c):
            return {CRC32C: crc32c.encoded(crc32c.crc32c(data))}
        return {"ContentMD5": base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()}

    def check(
        self, request: S3Request, sent: Mapping[str, Any], answer: Mapping[str, Any], again: Callable[[], bytes] | None
    ) -> str:
        """The etag in `answer` to the request with the arguments `sent`.

        `again` reads what was stored; a part cannot be read.

        Raises:
            WrittenWrong: the store has other bytes than were sent.
            OutcomeUnknown: this is no answer of a store.
        """
        etag = str(field(request, answer, "ETag")).strip('"')
        if CRC32C in sent:
            return self._check_crc32c(request, sent, answer, etag, again)
        if self._is_md5 is False or not _MD5.fullmatch(etag):
            return etag
        if etag == base64.b64decode(sent["ContentMD5"]).hex():
            self._is_md5 = True
        elif self._is_md5 or again is not None:
            self._compare(request, sent["Body"], etag, again)
        return etag

    def _check_crc32c(
        self,
        request: S3Request,
        sent: Mapping[str, Any],
        answer: Mapping[str, Any],
        etag: str,
        again: Callable[[], bytes] | None,
    ) -> str:
        said = answer.get(CRC32C)
        if said == sent[CRC32C]:
            return etag
        if said is not None:
            raise _wrong(request, etag)
        if self.checks_crc32c:
            self.checks_crc32c = False
            _log.warning("%s: the store does not check CRC32C any more, so it is told MD5", request.what)
        if etag == hashlib.md5(sent["Body"], usedforsecurity=False).hexdigest():
            self._is_md5 = True
        else:
            self._compare(request, sent["Body"], etag, again)
        return etag

    def _compare(self, request: S3Request, data: Buffer, etag: str, again: Callable[[], bytes] | None) -> None:
        """The etag is not the MD5 of what was sent: is it of other bytes, or no MD5?"""
        with suppress(NotFound):  # removed by another writer since
            if again is not None and again() == data:
                self._is_md5 = False
                return
        raise _wrong(request, etag)


def refuses_wrong(put: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> bool:
    """Whether the store takes the right CRC32C of a small object and says it, and then refuses a wrong one. `put`
    stores one, each time in the same place, and gives the answer.

    Raises:
        TransientError: it could not be asked. But if it says anything else to a wrong one, 500 for instance, or twice
            nothing at all, that is an answer, too.
    """
    if not crc32c.available():
        return False
    value = crc32c.crc32c(_TRIAL)
    right, wrong = crc32c.encoded(value), crc32c.encoded(value ^ 1)
    try:
        said = put({"Body": _TRIAL, CRC32C: right}).get(CRC32C)
        return said == right and _is_refused(lambda: put({"Body": _TRIAL, CRC32C: wrong}))
    except SettingsError:
        raise  # another region, say: that tells nothing of the store
    except (Unsupported, UsageError):
        return False


def _is_refused(put: Callable[[], object], *, again: bool = True) -> bool:
    """Whether a body is, as one that arrived damaged. `again`: ask once more when nothing is answered."""
    try:
        put()
    except TransientError as error:
        if error.throttled:
            raise
        return _is_refused(put, again=False) if error.unanswered and again else error.damaged
    return False


def _wrong(request: S3Request, etag: str) -> WrittenWrong:
    wrong = WrittenWrong(f"{request.what}: the store has other bytes than were sent", hint=AGAIN)
    wrong.etag = etag
    return wrong


def field(request: S3Request, answer: Mapping[str, Any], *names: str) -> Any:
    """The first of these fields that the answer has.

    Raises:
        TransientError: it has none, so it is not a store's answer. (OutcomeUnknown, if the request writes.)
    """
    for name in names:
        if answer.get(name) is not None:
            return answer[name]
    raise request.failed(f"{request.what}: the answer has no {names[0]}, so it is not a store's")


def etag_of(answer: Mapping[str, Any]) -> str | None:
    """The etag without quotes."""
    etag = answer.get("ETag")
    return etag.strip('"') if etag else None


def seconds_of(moment: Any) -> float | None:
    """A date in an answer as seconds since the epoch; the AWS library has dates of Python's, others these seconds."""
    return moment if moment is None or isinstance(moment, float) else float(moment.timestamp())
