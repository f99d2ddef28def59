"""Uploads in parts on GCS, against a session that loses answers and keeps only some of what it was sent."""

import base64
import hashlib
import json
import re
from collections.abc import Callable

import pytest

from wabucketref.contracts.storage import ObjectInfo, Part
from wabucketref.errors import NotFound, OutcomeUnknown, TransientError, UsageError, WrittenWrong
from wabucketref.store.drivers.gcs_client import Answer
from wabucketref.store.drivers.gcs_errors import GcsRequest
from wabucketref.store.drivers.gcs_parts import UNIT, GcsMultipart
from wabucketref.store.format import crc32c

PART = 4 * UNIT
DATA = b"".join(b"%08d" % number for number in range((2 * PART + PART // 2 + 5) // 8))
REQUEST = GcsRequest("object a", writing=True)
PARTS = [DATA[start : start + PART] for start in range(0, len(DATA), PART)]


class Session:
    """The protocol's server side. `keep` says how many of the bytes that it was sent it keeps."""

    def __init__(self) -> None:
        self.data = b""
        self.done = False
        self.gone = False
        self.sent = 0
        self.tells: tuple[str, ...] = ("crc32c", "md5Hash")
        self.keep: Callable[[int], int] = lambda size: size
        self.lose_answer = 0
        """Of the n-th request from now."""

    def __call__(self, content_range: str, data: bytes) -> Answer:
        answer = self._answer(content_range, data)
        self.lose_answer -= 1
        if self.lose_answer == 0:
            raise OutcomeUnknown("the answer was lost")
        return answer

    def _answer(self, content_range: str, data: bytes) -> Answer:
        match = re.fullmatch(r"bytes (\*|(\d+)-(\d+))/(\*|\d+)", content_range)
        assert match, content_range
        if self.gone:
            return Answer(REQUEST, 410, {}, b"")
        if not self.done and match[1] != "*":
            assert int(match[2]) == len(self.data), "bytes follow on those that are stored"
            assert int(match[3]) - int(match[2]) + 1 == len(data)
            assert match[4] != "*" or len(data) % UNIT == 0, "only the end may have another length"
            self.sent += len(data)
            kept = self.keep(len(data))
            self.data += data[: kept if kept == len(data) else kept // UNIT * UNIT]
        self.done = self.done or (match[4] != "*" and len(self.data) == int(match[4]))
        if self.done:
            return Answer(REQUEST, 200, {}, json.dumps(self.resource()).encode())
        return Answer(REQUEST, 308, {"Range": f"bytes=0-{len(self.data) - 1}"} if self.data else {}, b"")

    def resource(self) -> dict[str, str]:
        md5 = hashlib.md5(self.data, usedforsecurity=False).digest()
        sums = {"crc32c": crc32c.encoded(crc32c.crc32c(self.data)), "md5Hash": base64.b64encode(md5).decode()}
        return {"size": str(len(self.data)), **{name: sums[name] for name in self.tells}}


def upload(session: Session) -> GcsMultipart:
    def info(answer: Answer) -> ObjectInfo:
        return ObjectInfo("a", len(session.data))

    return GcsMultipart("object a", "id", PART, session, info, lambda: None)


def put_all(one: GcsMultipart) -> ObjectInfo:
    for number, data in enumerate(PARTS, 1):
        one.put_part(number, data)
    return one.complete()


def test_all_at_once() -> None:
    session = Session()
    assert put_all(upload(session)).size == len(DATA)
    assert (session.data, session.sent) == (DATA, len(DATA))


@pytest.mark.row("O6")
@pytest.mark.parametrize("size", [0, 1, PART, 2 * PART])
def test_any_size(size: int) -> None:
    session = Session()
    one = upload(session)
    for number, start in enumerate(range(0, size, PART), 1):
        one.put_part(number, DATA[start : min(start + PART, size)])
    one.complete()
    assert (session.data, session.done) == (DATA[:size], True)


@pytest.mark.row("W3")
@pytest.mark.parametrize("kept", [UNIT, UNIT + 7, 3 * UNIT])
def test_what_the_store_did_not_keep_is_sent_again(kept: int) -> None:
    session = Session()
    session.keep = lambda size: min(size, kept)
    assert put_all(upload(session)).size == len(DATA)
    assert session.data == DATA


def test_a_store_that_keeps_nothing_is_an_error_not_a_loop() -> None:
    session = Session()
    session.keep = lambda size: 0
    with pytest.raises(TransientError, match="kept nothing"):
        upload(session).put_part(1, PARTS[0])


@pytest.mark.row("O4")
@pytest.mark.parametrize("nth", range(1, len(PARTS) + 1))
def test_a_lost_answer_is_asked_for_before_anything_is_sent_again(nth: int) -> None:
    session = Session()
    one = upload(session)
    session.lose_answer = nth
    for number, data in enumerate(PARTS, 1):
        try:
            one.put_part(number, data)
        except OutcomeUnknown:
            one.put_part(number, data)
    try:
        one.complete()
    except OutcomeUnknown:
        one.complete()
    assert (session.data, session.sent, session.done) == (DATA, len(DATA), True)


@pytest.mark.row("K1")
@pytest.mark.parametrize("kept", [0, UNIT, PART, PART + UNIT, 2 * PART])
def test_another_process_goes_on_where_the_store_stopped(kept: int) -> None:
    session = Session()
    session.data = DATA[:kept]
    one = upload(session)
    one.take_up([Part(1, PART), Part(2, PART)])
    assert sorted(one.landed) == [1, 2][: kept // PART]
    for number in range(kept // PART + 1, len(PARTS) + 1):
        one.put_part(number, PARTS[number - 1])
    one.complete()
    assert (session.data, session.sent) == (DATA, len(DATA) - kept)


def test_bytes_that_nobody_noted_are_not_trusted() -> None:
    session = Session()
    session.data = DATA[: PART + UNIT]
    with pytest.raises(NotFound):
        upload(session).take_up([Part(1, PART)])


@pytest.mark.parametrize("state", ["gone", "done"])
def test_a_session_that_is_over(state: str) -> None:
    session = Session()
    setattr(session, state, True)
    with pytest.raises(NotFound):
        upload(session).take_up([])
    with pytest.raises(NotFound):
        upload(session).put_part(1, PARTS[0])
    if state == "gone":
        with pytest.raises(NotFound):
            upload(session).complete()


def test_parts_come_in_order() -> None:
    one = upload(Session())
    with pytest.raises(UsageError):
        one.put_part(2, PARTS[1])
    one.put_part(1, b"smaller, so the last")
    with pytest.raises(UsageError):
        one.put_part(2, PARTS[1])


@pytest.mark.row("W4")
@pytest.mark.parametrize("tells", ["crc32c", "md5Hash"])
def test_other_bytes_than_were_sent_are_found_at_the_end(monkeypatch: pytest.MonkeyPatch, tells: str) -> None:
    """By the CRC32C that the store tells of each object, or by MD5 where that would be slow."""
    monkeypatch.setattr(crc32c, "available", lambda: tells == "crc32c")
    session = Session()
    session.tells = (tells,)
    one = upload(session)
    for number, part in enumerate(PARTS[:-1], 1):
        one.put_part(number, part)
    session.data = bytes([session.data[0] ^ 1]) + session.data[1:]
    one.put_part(len(PARTS), PARTS[-1])
    with pytest.raises(WrittenWrong, match="other bytes"):
        one.complete()
