"""Manifests as the SDK uploads them: read as untrusted JSON, merged when an artifact comes in several."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from wabucketref.errors import InvalidValue, UsageError

FULL: Final = "FULL"
INCREMENTAL: Final = "INCREMENTAL"
PATCH: Final = "PATCH"
MOST_BYTES: Final = 512 << 20
MOST_ENTRIES: Final = 2_000_000
_SIZE: Final = 1 << 62
_KEPT: Final = ("skip_cache",)
"""Further fields of an entry that are kept as they are; paths on the client's machine are not."""


@dataclass(frozen=True, slots=True)
class Named:
    """One entry of a manifest."""

    path: str
    digest: str
    size: int
    ref: str | None
    extra: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Parsed:
    """One manifest."""

    entries: Mapping[str, Named]
    region: str | None


def parse(data: bytes) -> Parsed:
    """Read a manifest.

    Raises:
        UsageError: it is not one.
    """
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise UsageError("the manifest is not JSON") from error
    contents = found.get("contents") if isinstance(found, dict) else None
    if not isinstance(contents, dict):
        raise UsageError("the manifest has no contents")
    if found.get("version") != 1:
        raise UsageError(f"the manifest has the version {str(found.get('version'))[:20]!r}, not 1")
    if len(contents) > MOST_ENTRIES:
        raise UsageError(f"the manifest has {len(contents)} entries, at most {MOST_ENTRIES} may be")
    config = found.get("storagePolicyConfig")
    region = config.get("storageRegion") if isinstance(config, dict) else None
    return Parsed({path: _entry(path, entry) for path, entry in contents.items()}, _text(region, "storageRegion"))


def merge(base: Iterable[Named], parts: Sequence[Parsed]) -> dict[str, Named]:
    """The entries of `base`, then of each part: the last of a path counts."""
    found = {entry.path: entry for entry in base}
    for part in parts:
        found.update(part.entries)
    return found


def digest_of(entries: Iterable[Named]) -> str:
    """The digest of an artifact as the SDK computes it: MD5 over sorted paths and digests."""
    made = hashlib.md5(b"wandb-artifact-manifest-v1\n", usedforsecurity=False)
    for entry in sorted(entries, key=lambda entry: entry.path):
        made.update(f"{entry.path}:{entry.digest}\n".encode())
    return made.hexdigest()


def _entry(path: str, given: Any) -> Named:
    if not isinstance(given, dict):
        raise UsageError(f"the manifest's entry {path[:200]!r} is no object")
    problem = path_problem(path)
    if problem is not None:
        raise UsageError(f"the manifest lists {path[:200]!r}, which {problem}")
    digest, size, extra = given.get("digest"), given.get("size"), given.get("extra")
    if not isinstance(digest, str) or not digest:
        raise UsageError(f"the manifest's entry {path[:200]!r} has no digest")
    if size is None:
        size = 0
    if type(size) is not int or not 0 <= size < _SIZE:
        raise UsageError(f"the manifest gives {path[:200]!r} the size {str(size)[:40]!r}")
    if extra is not None and not isinstance(extra, dict):
        raise InvalidValue(f"the manifest's entry {path[:200]!r} has an extra that is no object")
    more = {"extra": extra or {}} | {name: given[name] for name in _KEPT if given.get(name)}
    return Named(path, digest, size, _text(given.get("ref"), "ref"), more)


def path_problem(path: str) -> str | None:
    """What is wrong with `path` as the path of a file in an artifact, or None."""
    if not path or path.startswith("/"):
        return "is empty or absolute"
    if len(path) > 4096 or "\0" in path:
        return "is too long or holds the character U+0000"
    return "leads out of the artifact" if ".." in path.split("/") else None


def _text(value: Any, what: str) -> str | None:
    if value is None or (isinstance(value, str) and len(value) <= 8192):
        return value or None
    raise UsageError(f"the manifest has a {what} that is no text, or a long one")
