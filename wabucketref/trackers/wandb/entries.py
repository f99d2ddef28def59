"""What an entry of a W&B manifest says of a file: ours for the plain SDK to fetch, and those of other programs."""

import base64
import binascii
import hashlib
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit
from urllib.request import url2pathname

from wabucketref.contracts.tracker_files import FileReference, KeptFile
from wabucketref.errors import LocalIOError, NotFound

_CHUNK: Final = 1 << 20
_OURS: Final = "blake3:"
LEGACY_ENTRY: Final = "platform_blob"
"""The one reference that earlier releases recorded: the artifact's directory."""


def entry_fields(reference: FileReference) -> dict[str, Any]:
    """The fields of an ``ArtifactManifestEntry``; the digest is what the SDK expects of the scheme.

    S3: the ETag, and the version id on versioned buckets. gs: the etag, and the generation. file: MD5 in base64, which
    takes a look at the file. Others the SDK lists without fetching them. A whole directory, as earlier releases
    referred to it: nothing.

    Raises:
        NotFound, LocalIOError: a local file cannot be read.
    """
    scheme = urlsplit(reference.url).scheme
    extra: dict[str, Any] = {"wabucket": reference.digest} if reference.digest else {}
    digest = reference.digest or reference.url
    if reference.path == LEGACY_ENTRY and not reference.digest:
        return {"path": reference.path, "ref": reference.url, "digest": reference.url}
    if scheme in ("s3", "gs") and reference.etag:
        digest = reference.etag
        extra["etag"] = reference.etag
        if reference.version:
            extra["versionID"] = reference.version
    elif scheme == "file":
        digest = md5_of(reference.url)
    return {"path": reference.path, "ref": reference.url, "size": reference.size, "digest": digest, "extra": extra}


def md5_of(url: str) -> str:
    """Base64 MD5 of the local file at a ``file://`` URL."""
    path = url2pathname(urlsplit(url).path)
    found = hashlib.md5(usedforsecurity=False)
    try:
        with open(path, "rb") as file:
            while chunk := file.read(_CHUNK):
                found.update(chunk)
    except FileNotFoundError as error:
        raise NotFound(f"{path} is gone", hint="upload it anew") from error
    except OSError as error:
        raise LocalIOError(f"cannot read {path}: {error.strerror}") from error
    return base64.b64encode(found.digest()).decode()


def kept_file(
    path: str, digest: str, size: int | None, url: str | None, extra: Mapping[str, Any], *, is_md5: bool = True
) -> KeptFile:
    """One entry of a manifest. What its digest means depends on what it refers to: MD5 of bytes that W&B stores and of
    files on a disk, an ETag of objects and of what is on the web, the URL itself where nothing was looked at."""
    ours = extra.get("wabucket")
    known = ours if isinstance(ours, str) and ours.startswith(_OURS) else ""
    if url is None:
        return KeptFile(path, size, known or (_md5(digest) if is_md5 else ""))
    if digest == url:
        return KeptFile(path, size, known, url)
    if urlsplit(url).scheme == "file":
        return KeptFile(path, size, known or _md5(digest), url)
    return KeptFile(path, size, known, url, digest, _text(extra.get("versionID")))


def _md5(digest: str) -> str:
    """Empty when it is none."""
    try:
        raw = base64.b64decode(digest, validate=True)
    except (binascii.Error, ValueError):
        return ""
    return f"md5:{digest}" if len(raw) == 16 else ""


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
