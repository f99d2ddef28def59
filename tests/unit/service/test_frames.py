"""The journal's framing: whatever happens to the bytes, what reads is a prefix of what was written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wabucketref.service import frames

payloads = st.lists(st.binary(min_size=1, max_size=40), min_size=1, max_size=6)


def decoded(data: bytes) -> list[bytes]:
    return [payload for _, payload in frames.decode(data)]


@given(payloads)
def test_round_trip_with_positions(written: list[bytes]) -> None:
    data = b"".join(map(frames.encode, written))
    found = list(frames.decode(data))
    assert [payload for _, payload in found] == written
    assert found[-1][0] == len(data)
    position = 0
    for end, payload in found:
        assert frames.needed(data[position : position + frames.HEAD_BYTES]) == end - position
        assert data[position:end].endswith(payload)
        position = end


@given(payloads, st.data())
def test_any_truncation_reads_as_a_prefix(written: list[bytes], data: st.DataObject) -> None:
    whole = b"".join(map(frames.encode, written))
    cut = data.draw(st.integers(0, len(whole)))
    found = decoded(whole[:cut])
    assert found == written[: len(found)]
    ends = [end for end, _ in frames.decode(whole)]
    assert len(found) == sum(end <= cut for end in ends)


@given(payloads, st.data())
def test_any_flipped_bit_reads_as_the_records_before_it(written: list[bytes], data: st.DataObject) -> None:
    whole = bytearray(b"".join(map(frames.encode, written)))
    at = data.draw(st.integers(0, len(whole) - 1))
    ends = [end for end, _ in frames.decode(bytes(whole))]
    whole[at] ^= 1 << data.draw(st.integers(0, 7))
    assert decoded(bytes(whole)) == written[: sum(end <= at for end in ends)]


@given(st.binary(max_size=200))
def test_any_bytes_decode_without_an_exception(data: bytes) -> None:
    for end, payload in frames.decode(data):
        assert 0 < end <= len(data)
        assert payload


@given(st.data())
def test_a_damaged_head_begins_no_frame(data: st.DataObject) -> None:
    head = bytearray(frames.encode(b"x" * data.draw(st.integers(1, 300)))[: frames.HEAD_BYTES])
    head[data.draw(st.integers(0, frames.HEAD_BYTES - 1))] ^= data.draw(st.integers(1, 255))
    assert frames.needed(bytes(head)) == 0


def test_a_head_that_is_not_whole_needs_the_rest_of_it() -> None:
    assert frames.needed(b"\x01") == frames.HEAD_BYTES


@pytest.mark.parametrize("payload", [b"", b"x" * (frames.MAX_PAYLOAD + 1)], ids=["empty", "too long"])
def test_impossible_payloads_are_refused(payload: bytes) -> None:
    with pytest.raises(ValueError, match="a frame holds"):
        frames.encode(payload)
