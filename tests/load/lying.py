"""A bucket of a hundred thousand objects, made without uploading them: bytes on a disk, as the layout says."""

import io
import os
from collections.abc import Mapping
from pathlib import Path

from wabucketref.model.manifest import Entry, Header
from wabucketref.model.reference import ArtifactRef
from wabucketref.store.format.digest import digest_of
from wabucketref.store.format.entries import EntriesWriter
from wabucketref.store.format.layout import Layout

DAY = 86400.0


def lay(root: Path, ref: ArtifactRef, files: Mapping[str, bytes], number: int) -> None:
    """A committed upload with these files, given in order."""
    layout, out = Layout.of(ref), io.BytesIO()
    writer = EntriesWriter(out, ref)
    for path, data in files.items():
        put(root, layout.file(path), data)
        writer.add(Entry(path, len(data), digest_of(data)))
    totals = writer.finish()
    header = Header(
        write_id=f"{number:032x}",
        type=ref.type,
        name=ref.name,
        alias=ref.alias,
        digest=totals.digest,
        files=totals.files,
        bytes=totals.bytes,
        entries_digest=totals.entries_digest,
        entries_bytes=totals.entries_bytes,
        entries_count=totals.entries_count,
        metadata={"number": number},
        run={"id": f"r{number // 10}", "project": "demo", "entity": "ada"},
        created=f"2026-01-01T{number // 3600 % 24:02}:{number // 60 % 60:02}:{number % 60:02}Z",
    )
    put(root, layout.entries, out.getvalue())
    put(root, layout.header, header.encode())


def put(root: Path, key: str, data: bytes) -> None:
    """An object, two days old."""
    path = root / key
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    then = path.stat().st_mtime - 2 * DAY
    os.utime(path, (then, then))


def fill(root: Path, scale: float = 1.0) -> dict[str, int]:
    """Uploads of three files, one of very many, and garbage among them; how many of each."""
    many, large = int(10_000 * scale), int(48_000 * scale)
    for number in range(many):
        ref = ArtifactRef("dataset", f"n{number % 100}", f"a{number}")
        lay(root, ref, dict.fromkeys(("a", "b", "deep/c"), b"%d" % number), number)
    whole = ArtifactRef("dataset", "large", "one")
    lay(root, whole, {f"{number:06}": b"" for number in range(large)}, many)
    for number in range(many // 10):
        put(root, f"model/dead/a{number}/.wabucket/entries.jsonl.zst", b"?")
        put(root, f"model/dead/a{number}/file", b"unfinished")
        put(root, f"dataset/large/one/stray/{number}", b"nobody names it")
    return {"uploads": many + 1, "unfinished": many // 10, "orphans": many // 10}
