"""The manifest of one upload: a header (the commit point) and one entry a file.

The format is specified in ``docs/reference/layout.md``. Unknown header fields are kept and written back; an unknown
major format version is refused.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal

from wabucketref.errors import IntegrityError, UpgradeRequired
from wabucketref.model.names import check_manifest_path

FORMAT: Final = "1.0"
MAX_HEADER_BYTES: Final = 1 << 20
MAX_FILE_BYTES: Final = 1 << 62
DIGEST_PREFIX: Final = "blake3:"
_DIGEST: Final = re.compile(re.escape(DIGEST_PREFIX) + "[0-9a-f]{64}")

Encoded = bytes
"""The built-in, under a name that the field ``bytes`` of the header does not hide."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One file (or empty directory) of an artifact."""

    path: str
    size: int
    digest: str
    """``blake3:<64 hex digits>``; empty for a directory."""
    type: Literal["file", "directory"] = "file"
    etag: str | None = None
    version: str | None = None
    """The store's version id or generation, when it gives one."""

    def to_dict(self) -> dict[str, Any]:
        if self.type == "directory":
            return {"path": self.path, "type": "directory"}
        found: dict[str, Any] = {"path": self.path, "size": self.size, "digest": self.digest}
        if self.etag is not None:
            found["etag"] = self.etag
        if self.version is not None:
            found["version"] = self.version
        return found

    @classmethod
    def from_dict(cls, data: Any, where: str) -> "Entry":
        """Check and build an entry from untrusted JSON; `where` names the manifest.

        Raises:
            IntegrityError: for anything a manifest must not hold.
        """
        if not isinstance(data, dict) or not isinstance(data.get("path"), str):
            raise damaged(f"{where} has an entry without a path")
        path = check_manifest_path(data["path"], where)
        kind = data.get("type", "file")
        if kind == "directory":
            return cls(path, 0, "", "directory")
        if kind != "file":
            raise damaged(f"{where} lists {path!r} as {kind!r}, which is not a known type")
        size, digest = data.get("size"), data.get("digest")
        if type(size) is not int or not 0 <= size <= MAX_FILE_BYTES:
            raise damaged(f"{where} gives {path!r} the size {size!r}")
        digest = check_digest(digest, f"{where}, entry {path!r}")
        return cls(path, size, digest, "file", _text(data.get("etag")), _text(data.get("version")))


@dataclass(frozen=True, slots=True)
class Header:
    """``.wabucket/manifest.json``: the upload exists if and only if this does."""

    write_id: str
    type: str
    name: str
    alias: str
    digest: str
    """The manifest digest: identifies the upload, over type, name, alias and every (path, size, digest)."""
    files: int
    bytes: int
    entries_digest: str
    """Digest of the uncompressed entries."""
    entries_bytes: int
    """Length of the uncompressed entries."""
    entries_count: int
    """Lines in the entries, empty directories included."""
    metadata: Mapping[str, Any]
    run: Mapping[str, Any]
    created: str
    """RFC 3339, UTC."""
    base: str | None = None
    """For a linked artifact: the directory of its files relative to the bucket."""
    unknown: Mapping[str, Any] = field(default_factory=dict)
    """Fields of later minor versions, written back as found; under ``entries`` those of that object."""

    def encode(self) -> Encoded:
        """The header as stored: UTF-8 JSON, two spaces of indentation."""
        found: dict[str, Any] = {
            "format": FORMAT,
            "write_id": self.write_id,
            "type": self.type,
            "name": self.name,
            "alias": self.alias,
            "digest": self.digest,
            "files": self.files,
            "bytes": self.bytes,
            "entries": {
                "digest": self.entries_digest,
                "bytes": self.entries_bytes,
                "count": self.entries_count,
            },
            "metadata": dict(self.metadata),
            "run": dict(self.run),
            "created": self.created,
        }
        if self.base is not None:
            found["base"] = self.base
        found["entries"] |= self.unknown.get("entries", {})
        found |= {key: value for key, value in self.unknown.items() if key != "entries"}
        return json.dumps(found, indent=2, ensure_ascii=False, allow_nan=False).encode() + b"\n"

    @classmethod
    def decode(cls, data: Encoded, where: str) -> "Header":
        """Read untrusted bytes.

        Raises:
            UpgradeRequired: for a newer major format.
            IntegrityError: for anything else that is not a header.
        """
        if len(data) > MAX_HEADER_BYTES:
            raise damaged(f"{where} is larger than {MAX_HEADER_BYTES} bytes")
        try:
            found = json.loads(
                data.decode(), object_pairs_hook=lambda pairs: _unique(pairs, where), parse_constant=_refuse_constant
            )
            # Lone surrogates and 1e999 could not be written back.
            json.dumps(found, ensure_ascii=False, allow_nan=False).encode()
        except (ValueError, RecursionError) as error:
            if isinstance(error, IntegrityError):
                raise
            raise IntegrityError(f"{where} is not valid JSON", hint="the manifest was damaged") from error
        if not isinstance(found, dict):
            raise damaged(f"{where} is not a JSON object")
        _check_format(found.pop("format", None), where)
        return _header_from(found, where)


def damaged(message: str) -> IntegrityError:
    """The error for a manifest that is not what one must be."""
    return IntegrityError(
        message, hint="the manifest was damaged or made by another program; upload the artifact again"
    )


def check_digest(digest: Any, where: str) -> str:
    """Return `digest` if it is ``blake3:`` and 64 lower-case hex digits.

    Raises:
        IntegrityError: naming `where`.
    """
    if isinstance(digest, str) and _DIGEST.fullmatch(digest):
        return digest
    raise damaged(f"{where} has the digest {str(digest)[:80]!r}, not a {DIGEST_PREFIX}… digest")


def _check_format(found: Any, where: str) -> None:
    major = str(found).split(".", 1)[0]
    if isinstance(found, bool) or not isinstance(found, (str, int)) or not major.isascii() or not major.isdigit():
        raise damaged(f"{where} has no format version")
    if int(major[:9]) > int(FORMAT.split(".", 1)[0]):
        raise UpgradeRequired(
            f"{where} has the format {str(found)[:40]!r}; this release reads up to {FORMAT}",
            hint="upgrade wabucket",
        )


def _header_from(found: dict[str, Any], where: str) -> Header:
    entries = found.pop("entries", None)
    if not isinstance(entries, dict):
        raise damaged(f"{where} says nothing of its entries")
    texts = {key: _required_text(found, key, where) for key in ("write_id", "type", "name", "alias", "created")}
    _check_created(texts["created"], where)
    metadata, run = found.pop("metadata", {}), found.pop("run", {})
    if not isinstance(metadata, dict) or not isinstance(run, dict):
        raise damaged(f"{where} has metadata or run facts that are not objects")
    base = found.pop("base", None)
    if base is not None:
        check_manifest_path(base, where) if isinstance(base, str) and base else _refuse_base(base, where)
    counted = {key: entries.pop(key, None) for key in ("digest", "bytes", "count")}
    return Header(
        **texts,
        digest=check_digest(found.pop("digest", None), where),
        files=_count(found.pop("files", None), "files", where),
        bytes=_count(found.pop("bytes", None), "bytes", where),
        entries_digest=check_digest(counted["digest"], where),
        entries_bytes=_count(counted["bytes"], "entries.bytes", where),
        entries_count=_count(counted["count"], "entries.count", where),
        metadata=metadata,
        run=run,
        base=base,
        unknown=found | ({"entries": entries} if entries else {}),
    )


def _check_created(value: str, where: str) -> None:
    try:
        zone = datetime.fromisoformat(value).tzinfo
    except ValueError as error:
        raise damaged(f"{where} gives the time {value[:40]!r}") from error
    if zone is None:
        raise damaged(f"{where} gives the time {value[:40]!r}, which has no time zone")


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _refuse_base(base: Any, where: str) -> None:
    if base != "":
        raise damaged(f"{where} has the base {base!r}")


def _required_text(found: dict[str, Any], key: str, where: str) -> str:
    value = found.pop(key, None)
    if not isinstance(value, str) or not value:
        raise damaged(f"{where} has no {key}")
    return value


def _count(value: Any, field_name: str, where: str) -> int:
    if type(value) is not int or not 0 <= value <= MAX_FILE_BYTES:
        raise damaged(f"{where} gives {field_name} as {str(value)[:40]!r}")
    return value


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _unique(pairs: Iterable[tuple[str, Any]], where: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise damaged(f"{where} has the key {key!r} twice")
        found[key] = value
    return found
