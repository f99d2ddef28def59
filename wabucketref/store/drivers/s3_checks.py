"""Is this an answer of an S3 store, and did it get the bytes that were sent? Portals answer 200, too, and bits flip."""

import base64
import hashlib
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from wabucketref.contracts.storage import Buffer
from wabucketref.errors import NotFound, WrittenWrong
from wabucketref.store.drivers.s3_request import AGAIN, S3Request

_MD5 = re.compile(r"[0-9a-f]{32}")


class Checksums:
    """Lets the store refuse what was damaged on the way, and looks at what it stored. Thread-safe.

    The etag of an object or part is its MD5 on most stores; where it is not (objects encrypted by KMS), which the first
    object shows, nothing is compared. Over plain http it is this checksum, as one of the headers that are signed, by
    which nobody on the way can put other bytes in their place; the AWS library signs their SHA-256 there besides.
    """

    def __init__(self) -> None:
        self._is_md5: bool | None = None
        """Whether etags are; None: not known yet."""

    def of(self, data: Buffer) -> dict[str, str]:
        """The argument of the request with the checksum."""
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
        if self._is_md5 is False or not _MD5.fullmatch(etag):
            return etag
        if etag == base64.b64decode(sent["ContentMD5"]).hex():
            self._is_md5 = True
        elif self._is_md5 or again is not None:
            self._compare(request, sent["Body"], etag, again)
        return etag

    def _compare(self, request: S3Request, data: Buffer, etag: str, again: Callable[[], bytes] | None) -> None:
        """The etag is not the MD5 of what was sent: is it of other bytes, or no MD5?"""
        with suppress(NotFound):  # removed by another writer since
            if again is not None and again() == data:
                self._is_md5 = False
                return
        wrong = WrittenWrong(f"{request.what}: the store has other bytes than were sent", hint=AGAIN)
        wrong.etag = etag
        raise wrong


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
