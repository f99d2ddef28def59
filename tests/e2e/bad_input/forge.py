"""Manifests as an attacker makes them: by the specification in docs/reference/layout.md, not by the product's writer.

Whatever the entries say, totals and digests of the header fit them, so that a refusal is not owed to those.
"""

import json
from pathlib import Path
from typing import Any

import zstandard
from blake3 import blake3

CONTENT = b"hostile"


def digest(data: bytes) -> str:
    return f"blake3:{blake3(data).hexdigest()}"


def entry(path: Any, **more: Any) -> dict[str, Any]:
    """An entry of a file with :data:`CONTENT`."""
    return {"path": path, "size": len(CONTENT), "digest": digest(CONTENT), **more}


def forge(directory: Path, *entries: dict[str, Any], raw: bytes | None = None, **header: Any) -> None:
    """Make an upload in `directory`, ``…/TYPE/NAME/ALIAS``; `raw` are its lines instead, `header` replaces fields."""
    lines = b"".join(json.dumps(one).encode() + b"\n" for one in entries) if raw is None else raw
    type_, name, alias = directory.parts[-3:]
    files = [one for one in entries if one.get("type", "file") != "directory"]
    document = {
        "format": "1.0",
        "write_id": "forged",
        "type": type_,
        "name": name,
        "alias": alias,
        "digest": _manifest_digest((type_, name, alias), entries),
        "files": len(files),
        "bytes": sum(size for one in files if type(size := one.get("size")) is int),
        "entries": {"digest": digest(lines), "bytes": len(lines), "count": len(entries)},
        "metadata": {},
        "run": {"id": "r1", "project": "demo", "entity": "me"},
        "created": "2026-01-02T03:04:05Z",
    }
    control = directory / ".wabucket"
    control.mkdir(parents=True, exist_ok=True)
    for path in ("entries.jsonl.zst", "manifest.json"):
        (control / path).unlink(missing_ok=True)
    (control / "entries.jsonl.zst").write_bytes(zstandard.ZstdCompressor().compress(lines))
    (control / "manifest.json").write_text(json.dumps(document | header))


def _manifest_digest(names: tuple[str, ...], entries: tuple[dict[str, Any], ...]) -> str:
    stream = b"wabucketref manifest 1\n" + b"".join(map(_text, names))
    for one in entries:
        if one.get("type", "file") == "directory":
            stream += b"D" + _text(one["path"])
        else:
            size = one["size"] if type(one["size"]) is int else 0
            stream += b"F" + _text(one["path"]) + (size % (1 << 64)).to_bytes(8, "big")
            stream += bytes.fromhex(str(one["digest"]).rpartition(":")[2])
    return digest(stream)


def _text(value: object) -> bytes:
    data = str(value).encode(errors="surrogatepass")
    return len(data).to_bytes(4, "big") + data
