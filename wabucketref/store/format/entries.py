"""The entries of a manifest, written and read as streams: JSON lines in order of path, compressed with Zstandard.

What is read was made by others: it is counted and capped while it streams, and nothing is allocated on its word.
"""

import io
import json
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from json.encoder import encode_basestring as quoted
from typing import IO, TYPE_CHECKING, Any, Final, overload

from wabucketref.errors import IntegrityError
from wabucketref.model.manifest import Entry, Header
from wabucketref.model.reference import ArtifactRef
from wabucketref.store.format.digest import Digest, ManifestDigest

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

MAX_LINE_BYTES: Final = 64 << 10
MAX_WINDOW_BYTES: Final = 128 << 20
_READ_BYTES: Final = 256 << 10
_LINES: Final = 256
"""Compressed together: a call lets other threads run, and gets its turn again late."""


@dataclass(frozen=True, slots=True)
class Totals:
    """What a header says of its entries."""

    digest: str
    """The manifest digest."""
    files: int
    bytes: int
    entries_digest: str
    entries_bytes: int
    entries_count: int


class Tally:
    """Counts entries in order of path and refuses what no manifest may hold."""

    def __init__(self, ref: ArtifactRef, where: str) -> None:
        self._where = where
        self._manifest = ManifestDigest(ref.type, ref.name, ref.alias)
        self._raw = Digest()
        self._ancestors: list[str] = []
        self._last = ""
        self.files = self.bytes = self.raw_bytes = self.count = 0

    def add(self, entry: Entry, line: bytes) -> None:
        """Take the next entry; `line` is its encoded form, newline included.

        Raises:
            IntegrityError: the path is out of order, twice there, or below a path that is a file.
        """
        self._check_order(entry.path)
        self._manifest.add(entry)
        self._raw.update(line)
        self.raw_bytes += len(line)
        self.count += 1
        if entry.type == "file":
            self.files += 1
            self.bytes += entry.size

    def _check_order(self, path: str) -> None:
        if path <= self._last:
            what = "twice" if path == self._last else f"after {self._last!r}, out of order"
            raise IntegrityError(f"{self._where} lists {path!r} {what}", hint="the manifest was damaged")
        # In order of path all paths that begin with p follow p without a gap, so a stack finds every ancestor.
        while self._ancestors and not path.startswith(self._ancestors[-1]):
            self._ancestors.pop()
        for above in self._ancestors:
            if path[len(above)] == "/":
                raise IntegrityError(f"{self._where} lists both {above!r} and {path!r}", hint="one must be a directory")
        self._ancestors.append(path)
        self._last = path

    def totals(self) -> Totals:
        return Totals(self._manifest.value(), self.files, self.bytes, self._raw.value(), self.raw_bytes, self.count)


class EntriesWriter:
    """Compresses entries into `out` as they come."""

    def __init__(self, out: IO[bytes], ref: ArtifactRef) -> None:
        import zstandard

        self._out = out
        self._tally = Tally(ref, "the manifest")
        self._lines: list[bytes] = []
        self._compressor = zstandard.ZstdCompressor(level=3).compressobj()

    def add(self, entry: Entry) -> None:
        """Write the next entry in order of path."""
        line = encode_line(entry)
        self._tally.add(entry, line)
        self._lines.append(line)
        if len(self._lines) >= _LINES:
            self._flush()

    def finish(self) -> Totals:
        """Write what is left; call once."""
        self._flush()
        self._out.write(self._compressor.flush())
        return self._tally.totals()

    def _flush(self) -> None:
        self._out.write(self._compressor.compress(b"".join(self._lines)))
        self._lines.clear()


class EntryList(Sequence[Entry]):
    """All entries of a manifest in the form that they have there: a million objects would not fit into 400 MiB."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        """Raises what `entries` does."""
        self._lines = bytearray()
        self._ends = array("Q")
        for entry in entries:
            self._lines += encode_line(entry)
            self._ends.append(len(self._lines))

    def __len__(self) -> int:
        return len(self._ends)

    @overload
    def __getitem__(self, index: int) -> Entry: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Entry]: ...

    def __getitem__(self, index: int | slice) -> Entry | Sequence[Entry]:
        if isinstance(index, slice):
            return [self._at(position) for position in range(*index.indices(len(self)))]
        return self._at(range(len(self))[index])

    def _at(self, position: int) -> Entry:
        return decode_line(bytes(self._lines[self._ends[position - 1] if position else 0 : self._ends[position]]))


def decode_line(line: bytes) -> Entry:
    """What :func:`encode_line` encoded here: not for what came from elsewhere."""
    found = _plain(line.decode())
    return Entry(
        found["path"],
        found.get("size", 0),
        found.get("digest", ""),
        found.get("type", "file"),
        found.get("etag"),
        found.get("version"),
    )


def encode_line(entry: Entry) -> bytes:
    """JSON, by hand: there is one for each file, and the library's encoder takes twice as long."""
    if entry.type == "directory":
        return f'{{"path":{quoted(entry.path)},"type":"directory"}}\n'.encode()
    etag = f',"etag":{quoted(entry.etag)}' if entry.etag is not None else ""
    version = f',"version":{quoted(entry.version)}' if entry.version is not None else ""
    told = f'"size":{entry.size},"digest":{quoted(entry.digest)}{etag}{version}'
    return f'{{"path":{quoted(entry.path)},{told}}}\n'.encode()


def read_entries(chunks: Iterable[bytes], header: Header, where: str) -> Iterator[Entry]:
    """The entries out of compressed `chunks`, checked one by one; the totals are checked after the last.

    A caller must not act on what it got before the iterator ends without an error.

    Raises:
        IntegrityError: they are not what `header` says; the message names `where`.
    """
    tally = Tally(ArtifactRef(header.type, header.name, header.alias), where)
    for line in _lines(_decompressed(chunks, header.entries_bytes, where), where):
        entry = Entry.from_dict(_parse(line, where), where)
        tally.add(entry, line + b"\n")
        if tally.count > header.entries_count:
            raise IntegrityError(f"{where} has more than the {header.entries_count} entries that its header says")
        yield entry
    _compare(tally.totals(), header, where)


def _compare(found: Totals, header: Header, where: str) -> None:
    for name, is_, said in (
        ("entries", found.entries_count, header.entries_count),
        ("bytes of entries", found.entries_bytes, header.entries_bytes),
        ("files", found.files, header.files),
        ("bytes", found.bytes, header.bytes),
        ("as digest of the entries", found.entries_digest, header.entries_digest),
        ("as manifest digest", found.digest, header.digest),
    ):
        if is_ != said:
            raise IntegrityError(
                f"{where} has {is_} {name} but its header says {said}", hint="the manifest was damaged"
            )


class _Source(io.RawIOBase):
    """A file-like face of the compressed chunks, which counts them: a frame may hide any amount of padding."""

    def __init__(self, chunks: Iterable[bytes], limit: int, where: str) -> None:
        self._chunks = iter(chunks)
        self._left = limit
        self._where = where
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        view = memoryview(buffer)
        while not self._rest:
            chunk = next(self._chunks, None)
            if chunk is None:
                return 0
            self._left -= len(chunk)
            if self._left < 0:
                raise IntegrityError(f"{self._where} is longer than its header allows")
            self._rest = chunk
        taken, self._rest = self._rest[: len(view)], self._rest[len(view) :]
        view[: len(taken)] = taken
        return len(taken)


def _decompressed(chunks: Iterable[bytes], declared: int, where: str) -> Iterator[bytes]:
    import zstandard

    source = _Source(chunks, declared + (declared >> 7) + 4096, where)
    reader = zstandard.ZstdDecompressor(max_window_size=MAX_WINDOW_BYTES).stream_reader(
        io.BufferedReader(source, _READ_BYTES), read_across_frames=True
    )
    total = 0
    while True:
        try:
            data = reader.read(_READ_BYTES)
        except zstandard.ZstdError as error:
            raise IntegrityError(f"{where} cannot be decompressed: {error}", hint="the manifest was damaged") from error
        if not data:
            return
        total += len(data)
        if total > declared:
            raise IntegrityError(f"{where} has more than the {declared} bytes of entries that its header says")
        yield data


def _lines(blocks: Iterable[bytes], where: str) -> Iterator[bytes]:
    rest = b""
    for block in blocks:
        *lines, rest = (rest + block).split(b"\n")
        for line in (*lines, rest):
            if len(line) > MAX_LINE_BYTES:
                raise IntegrityError(f"{where} has a line of more than {MAX_LINE_BYTES} bytes")
        yield from lines
    if rest:
        raise IntegrityError(f"{where} ends in the middle of a line", hint="the manifest was damaged")


def _parse(line: bytes, where: str) -> Any:
    try:
        return _decode(line.decode())
    except (ValueError, RecursionError) as error:
        raise IntegrityError(f"{where} has a line that is not JSON", hint="the manifest was damaged") from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is there twice")
    return found


_plain = json.JSONDecoder().decode
_decode = json.JSONDecoder(object_pairs_hook=_unique).decode
