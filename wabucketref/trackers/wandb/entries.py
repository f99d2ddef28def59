"""What an entry of a W&B manifest says of a file, so that the plain SDK can fetch and check it."""

import base64
import hashlib
from typing import Any, Final
from urllib.parse import urlsplit
from urllib.request import url2pathname

from wabucketref.contracts.tracker import FileReference
from wabucketref.errors import LocalIOError, NotFound

_CHUNK: Final = 1 << 20


def entry_fields(reference: FileReference) -> dict[str, Any]:
    """The fields of an ``ArtifactManifestEntry``; the digest is what the SDK expects of the scheme.

    S3: the ETag, and the version id on versioned buckets. gs: the etag, and the generation. file: MD5 in base64, which
    takes a look at the file. Others the SDK lists without fetching them.

    Raises:
        NotFound, LocalIOError: a local file cannot be read.
    """
    scheme = urlsplit(reference.url).scheme
    extra: dict[str, Any] = {"wabucket": reference.digest} if reference.digest else {}
    digest = reference.digest or reference.url
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
