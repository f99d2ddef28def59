import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wabucketref.errors import IntegrityError, UpgradeRequired
from wabucketref.model.manifest import MAX_HEADER_BYTES, Entry, Header, check_digest

DIGEST = "blake3:" + "0a" * 32
HEADER = Header(
    write_id="w-1",
    type="model",
    name="net",
    alias="v1-rc",
    digest=DIGEST,
    files=2,
    bytes=10,
    entries_digest=DIGEST,
    entries_bytes=200,
    entries_count=3,
    metadata={"score": 0.5, "é": ["x"]},
    run={"id": "r1"},
    created="2026-01-02T03:04:05.000006+00:00",
)


def changed(**fields: Any) -> bytes:
    found = json.loads(HEADER.encode())
    for name, value in fields.items():
        if value is ...:
            found.pop(name)
        else:
            found[name] = value
    return json.dumps(found).encode()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=5,
)
KNOWN = {"format", "write_id", "type", "name", "alias", "digest", "files", "bytes", "entries", "metadata", "run"}
KNOWN |= {"created", "base"}


@given(
    st.dictionaries(st.text(), json_values, max_size=4),
    st.none() | st.just("") | st.just("data/set"),
    st.dictionaries(st.text().filter(lambda key: key not in KNOWN), json_values, max_size=3),
)
def test_header_round_trip_keeps_what_it_does_not_know(
    metadata: dict[str, Any], base: str | None, unknown: dict[str, Any]
) -> None:
    header = replace(HEADER, metadata=metadata, base=base, unknown=unknown)
    found = Header.decode(header.encode(), "x")
    assert found == header
    assert found.encode() == header.encode()


def test_unknown_fields_of_the_entries_object_are_kept_too() -> None:
    data = json.loads(HEADER.encode())
    data["entries"]["codec"] = "zstd-9"
    data["later"] = {"a": 1}
    found = Header.decode(json.dumps(data).encode(), "x")
    assert json.loads(found.encode()) == data


@pytest.mark.row("H5")
def test_minor_formats_pass_and_major_ones_do_not() -> None:
    assert Header.decode(changed(format="1.9"), "x").name == "net"
    for newer in ("2.0", "2", 2, "999999999999999999999"):
        with pytest.raises(UpgradeRequired, match="reads up to") as caught:
            Header.decode(changed(format=newer), "x")
        assert caught.value.exit_code == 2
        assert caught.value.hint == "upgrade wabucket"


@pytest.mark.row("H4", "H5")
@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"null",
        b"{",
        b"\xff\xfe{\x00}\x00",
        b'{"format": "1.0"}',
        b"[" * 100_000,
        b" " * (MAX_HEADER_BYTES + 1),
        HEADER.encode().replace(b'"files": 2', b'"files": 2, "files": 2'),
        HEADER.encode().replace(b'"score": 0.5', b'"score": 0.5, "score": 1'),
        HEADER.encode().replace(b"0.5", b"NaN"),
        HEADER.encode().replace(b"0.5", b"-Infinity"),
        HEADER.encode().replace(b"0.5", b"1e999"),
        HEADER.encode().replace(b"0.5", b'"\\ud800"'),
        HEADER.encode().replace(b"0.5", b"9" * 5000),
        changed(format=...),
        changed(format=None),
        changed(format=True),
        changed(format="x"),
        changed(format="-1"),
        changed(format="٢"),
        changed(write_id=...),
        changed(write_id=""),
        changed(type=1),
        changed(name=None),
        changed(alias=["a"]),
        changed(created="yesterday"),
        changed(created="2026-01-02T03:04:05"),
        changed(digest=...),
        changed(digest="sha256:" + "0" * 64),
        changed(digest=DIGEST.upper()),
        changed(digest=5),
        changed(files=-1),
        changed(files=2**64),
        changed(files=1.0),
        changed(files=True),
        changed(bytes="10"),
        changed(entries=...),
        changed(entries=[]),
        changed(entries={"digest": DIGEST, "bytes": -5, "count": 1}),
        changed(entries={"digest": DIGEST, "bytes": 5}),
        changed(metadata=[]),
        changed(run="r1"),
        changed(base="../other"),
        changed(base="/abs"),
        changed(base=".wabucket"),
        changed(base=5),
    ],
)
def test_h4_h5_hostile_headers_are_refused(data: bytes) -> None:
    with pytest.raises(IntegrityError, match=r"^the header") as caught:
        Header.decode(data, "the header")
    assert caught.value.exit_code == 7


@pytest.mark.row("H5")
@given(st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
def test_any_bytes_are_refused_or_read(data: bytes) -> None:
    with pytest.raises((IntegrityError, UpgradeRequired)):
        Header.decode(data, "x")


@pytest.mark.row("H5")
@given(st.integers(0, len(HEADER.encode()) - 1), st.integers(1, 255))
def test_a_flipped_byte_never_crashes(position: int, flip: int) -> None:
    data = bytearray(HEADER.encode())
    data[position] ^= flip
    try:
        found = Header.decode(bytes(data), "x")
    except (IntegrityError, UpgradeRequired):
        return
    found.encode()


@pytest.mark.parametrize(
    "entry",
    [
        Entry("a/b", 5, DIGEST),
        Entry("a", 0, DIGEST, etag="abc", version="7"),
        Entry("empty/dir", 0, "", "directory"),
    ],
)
def test_entry_round_trip(entry: Entry) -> None:
    assert Entry.from_dict(json.loads(json.dumps(entry.to_dict())), "x") == entry


@pytest.mark.row("H1", "H2", "H4")
@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        {},
        {"path": 5},
        {"path": "../x", "size": 1, "digest": DIGEST},
        {"path": "a", "size": 1},
        {"path": "a", "digest": DIGEST},
        {"path": "a", "size": -1, "digest": DIGEST},
        {"path": "a", "size": 2**64, "digest": DIGEST},
        {"path": "a", "size": True, "digest": DIGEST},
        {"path": "a", "size": 1.0, "digest": DIGEST},
        {"path": "a", "size": 1, "digest": DIGEST, "type": "symlink"},
        {"path": "a", "size": 1, "digest": DIGEST, "type": None},
        {"path": ".wabucket/manifest.json", "type": "directory"},
    ],
)
def test_h1_h2_h4_hostile_entries_are_refused(data: Any) -> None:
    with pytest.raises(IntegrityError, match=r"^the manifest"):
        Entry.from_dict(data, "the manifest")


@given(st.text(max_size=80))
def test_only_digests_are_digests(text: str) -> None:
    with pytest.raises(IntegrityError):
        check_digest(text, "x")
    assert check_digest(DIGEST, "x") == DIGEST
