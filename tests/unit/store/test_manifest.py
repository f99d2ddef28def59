"""The manifest codec: what is written is read back, what is hostile is refused while it streams."""

import io
import json
from collections.abc import Iterator
from dataclasses import replace

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.store.support import REF
from wabucketref.errors import IntegrityError, UpgradeRequired
from wabucketref.model.manifest import Entry, Header
from wabucketref.model.names import path_problem
from wabucketref.store.format.digest import ManifestDigest, digest_of
from wabucketref.store.format.entries import EntriesWriter, Totals, encode_line, read_entries

D = digest_of(b"x")
A, B = Entry("a", 1, D), Entry("b", 2, D, "file", "etag", "v7")


def header(totals: Totals) -> Header:
    return Header(
        write_id="w",
        type=REF.type,
        name=REF.name,
        alias=REF.alias,
        digest=totals.digest,
        files=totals.files,
        bytes=totals.bytes,
        entries_digest=totals.entries_digest,
        entries_bytes=totals.entries_bytes,
        entries_count=totals.entries_count,
        metadata={},
        run={},
        created="2026-01-01T00:00:00Z",
    )


def write(*entries: Entry) -> tuple[bytes, Header]:
    out = io.BytesIO()
    writer = EntriesWriter(out, REF)
    for entry in entries:
        writer.add(entry)
    totals = writer.finish()
    return out.getvalue(), header(totals)


def read(data: bytes, said: Header, step: int = 7) -> list[Entry]:
    chunks = (data[start : start + step] for start in range(0, len(data), step))
    return list(read_entries(chunks, said, "the manifest"))


def packed(lines: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(lines)


paths = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1, max_size=20).filter(
    lambda path: path_problem(path) is None and not path.startswith("\\") and path[1:3] not in (":\\", ":/")
)


@given(st.dictionaries(paths, st.integers(0, 1 << 62), max_size=20))
def test_any_entries_survive(files: dict[str, int]) -> None:
    entries = [Entry(path, size, D) for path, size in sorted(files.items())]
    clear = [e for e in entries if not any(e.path.startswith(f"{other.path}/") for other in entries)]
    if sum(entry.size for entry in clear) > 1 << 62:
        clear = []
    data, said = write(*clear)
    assert read(data, said) == clear
    assert Header.decode(said.encode(), "it") == said


facts = st.none() | st.text(st.characters(codec="utf-8"), max_size=9)


@given(paths, st.integers(0, 1 << 62), facts, facts)
def test_a_line_is_what_the_library_makes_of_an_entry(
    path: str, size: int, etag: str | None, version: str | None
) -> None:
    for entry in (Entry(path, size, D, "file", etag, version), Entry(path, 0, "", "directory")):
        text = json.dumps(entry.to_dict(), ensure_ascii=False, separators=(",", ":"))
        assert encode_line(entry) == text.encode() + b"\n"


def test_directories_and_store_facts_survive() -> None:
    entries = [Entry("a", 0, "", "directory"), B, Entry("c d", 0, digest_of(b""))]
    data, said = write(*entries)
    assert read(data, said) == entries
    assert (said.files, said.bytes, said.entries_count) == (2, 2, 3)


def test_the_manifest_digest_is_the_documented_one() -> None:
    found = ManifestDigest("model", "net", "one")
    found.add(Entry("a", 1, D))
    found.add(Entry("d", 0, "", "directory"))
    raw = bytes.fromhex(D[7:])
    stream = b"wabucketref manifest 1\n" + b"".join(
        len(text).to_bytes(4, "big") + text for text in (b"model", b"net", b"one")
    )
    stream += b"F" + b"\0\0\0\1a" + (1).to_bytes(8, "big") + raw + b"D" + b"\0\0\0\1d"
    assert found.value() == digest_of(stream)


@pytest.mark.parametrize(
    ("first", "second"),
    [(A, B), (A, replace(A, size=2)), (A, replace(A, digest=digest_of(b"y"))), (A, Entry("a", 0, "", "directory"))],
)
def test_every_part_of_an_entry_counts(first: Entry, second: Entry) -> None:
    assert write(first)[1].digest != write(second)[1].digest
    assert write(first)[1].digest == write(replace(first, etag="other", version="1"))[1].digest


@pytest.mark.row("D4", "H4")
@pytest.mark.parametrize(
    "entries",
    [(A, A), (B, A), (A, Entry("a/b", 1, D)), (Entry("a", 0, "", "directory"), Entry("a-b", 0, D), Entry("a/b", 1, D))],
    ids=["twice", "out of order", "file above", "directory above"],
)
def test_contradictions_are_refused_on_both_sides(entries: tuple[Entry, ...]) -> None:
    with pytest.raises(IntegrityError):
        write(*entries)
    lines = b"".join(map(encode_line, entries))
    said = replace(write(A)[1], entries_count=9, entries_bytes=len(lines))
    with pytest.raises(IntegrityError, match=r"twice|out of order|both"):
        read(packed(lines), said)


@pytest.mark.row("H4")
@pytest.mark.parametrize(
    "change",
    [
        {"files": 3},
        {"bytes": 99},
        {"entries_count": 1},
        {"entries_count": 3},
        {"entries_bytes": 10},
        {"entries_bytes": 1 << 40},
        {"entries_digest": D},
        {"digest": D},
        {"name": "other"},
        {"entries_count": 10**9, "files": 10**9},
    ],
    ids=str,
)
def test_totals_that_do_not_add_up_are_refused(change: dict[str, object]) -> None:
    data, said = write(A, B)
    with pytest.raises(IntegrityError):
        read(data, replace(said, **change))  # type: ignore[arg-type]


@pytest.mark.row("H1", "H2", "H4")
@pytest.mark.parametrize(
    "line",
    [
        {"path": "../x"},
        {"path": "/x"},
        {"path": "a/../../x"},
        {"path": "C:\\x"},
        {"path": "\\\\host\\x"},
        {"path": "a\0b"},
        {"path": "a//b"},
        {"path": "./a"},
        {"path": "a/"},
        {"path": ".wabucket/x"},
        {"path": "n" * 300},
        {"path": "e\u0301"},
        {"path": ""},
        {"path": 1},
        {"size": -1},
        {"size": 1 << 64},
        {"size": True},
        {"size": "1"},
        {"digest": "sha256:00"},
        {"digest": None},
        {"type": "symlink"},
    ],
    ids=str,
)
def test_hostile_entries_are_refused(line: dict[str, object]) -> None:
    raw = json.dumps({"path": "a", "size": 1, "digest": D} | line).encode() + b"\n"
    said = replace(write(A)[1], entries_bytes=len(raw))
    with pytest.raises(IntegrityError):
        read(packed(raw), said)


@pytest.mark.row("H3")
@pytest.mark.parametrize(
    "raw",
    [
        b"{\n",
        b"[]\n",
        b"null\n",
        b"[" * 60_000 + b"\n",
        b'{"path": "a"',
        b'{"size": ' + b"9" * 5000 + b"}\n",
        b'{"path": "a", "path": "b", "size": 1, "digest": "' + D.encode() + b'"}\n',
        b"\xff\n",
        b"\n",
    ],
    ids=range(9),
)
def test_lines_that_are_no_entries_are_refused(raw: bytes) -> None:
    with pytest.raises(IntegrityError):
        read(packed(raw), replace(write(A)[1], entries_bytes=len(raw)))


@pytest.mark.row("H3")
def test_a_bomb_is_cut_off_at_the_declared_size() -> None:
    bomb = packed(b"\0" * (256 << 20))
    assert len(bomb) < 64 << 10
    with pytest.raises(IntegrityError, match=r"more than|longer"):
        read(bomb, write(A)[1], 1 << 20)
    with pytest.raises(IntegrityError, match="line of more than"):
        read(bomb, replace(write(A)[1], entries_bytes=1 << 40), 1 << 20)


@pytest.mark.row("H3")
def test_padding_garbage_and_truncation_are_refused() -> None:
    data, said = write(A, B)
    skippable = (0x184D2A50).to_bytes(4, "little") + (1 << 20).to_bytes(4, "little") + b"\0" * (1 << 20)
    for bad in (data + b"garbage", data[:-1], data[: len(data) // 2], b"", b"garbage", skippable + data, data + data):
        with pytest.raises(IntegrityError):
            read(bad, said, 1 << 16)


@pytest.mark.row("H3")
def test_a_window_larger_than_ours_is_refused() -> None:
    parameters = zstandard.ZstdCompressionParameters.from_level(3, window_log=30, write_content_size=0)
    out = io.BytesIO()
    compressor = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    out.write(compressor.compress(encode_line(A)) + compressor.flush())
    with pytest.raises(IntegrityError, match="decompressed"):
        read(out.getvalue(), write(A)[1])


@pytest.mark.row("H3")
@given(st.binary(max_size=300))
def test_random_bytes_never_pass_or_crash(data: bytes) -> None:
    with pytest.raises(IntegrityError):
        read(data, write(A)[1])


@pytest.mark.row("H4")
@given(st.integers(0, 200), st.integers(0, 255))
def test_a_changed_byte_never_passes_as_other_entries(place: int, value: int) -> None:
    data, said = write(A, B)
    bad = bytearray(data)
    bad[place % len(bad)] = value
    try:
        assert read(bytes(bad), said) == [A, B]
    except IntegrityError:
        return


@pytest.mark.row("H5")
def test_a_later_format_asks_for_an_upgrade() -> None:
    text = write(A)[1].encode().replace(b'"format": "1.0"', b'"format": "2.0"')
    with pytest.raises(UpgradeRequired):
        Header.decode(text, "it")


@pytest.mark.row("H3")
def test_reading_is_lazy() -> None:
    data, said = write(*(Entry(f"{number:05}", 1, digest_of(b"%d" % number)) for number in range(20_000)))
    taken = 0

    def chunks() -> Iterator[bytes]:
        nonlocal taken
        for start in range(0, len(data), 4096):
            taken += 1
            yield data[start : start + 4096]

    entries = read_entries(chunks(), said, "it")
    next(entries)
    assert taken < len(data) / 4096
