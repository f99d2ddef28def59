"""Bucket URLs, taken apart strictly: no query, no fragment, no way out of the prefix."""

import re
from dataclasses import dataclass
from urllib.parse import unquote

from wabucketref.errors import UsageError

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}")


@dataclass(frozen=True, slots=True)
class BucketUrl:
    """``SCHEME://BUCKET[/PREFIX]``."""

    scheme: str
    bucket: str
    prefix: str = ""
    """Without slashes at its ends; empty: the whole bucket."""

    def __str__(self) -> str:
        return f"{self.scheme}://{self.bucket}" + (f"/{self.prefix}" if self.prefix else "")

    @property
    def path(self) -> tuple[str, ...]:
        """Bucket and parts of the prefix."""
        return (self.bucket, *(part for part in self.prefix.split("/") if part))

    def key(self, key: str) -> str:
        """The key as the store sees it."""
        return f"{self.prefix}/{key}" if self.prefix else key

    def relative(self, key: str) -> str:
        """The store's key as seen from this root."""
        return key[len(self.prefix) + 1 :] if self.prefix else key


def public(url: str) -> str:
    """`url` without user-info, query and fragment, safe to show."""
    bare = re.split(r"[?#]", url, maxsplit=1)[0]
    return re.sub(r"^([A-Za-z][A-Za-z0-9+.-]*://)[^/]*@", r"\1", bare)


def split_scheme(url: str) -> tuple[str, str]:
    """Scheme and rest of a URL that may name a bucket.

    Raises:
        UsageError: no ``SCHEME://``, a control character, a query or a fragment.
    """
    scheme, mark, rest = url.partition("://")
    if not mark or not re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*", scheme):
        raise _malformed(url, "it has no SCHEME://")
    if _CONTROL.search(url):
        raise _malformed(_CONTROL.sub("?", url), "it has a control character")
    if "?" in rest or "#" in rest:
        raise _malformed(url, "it has a query or a fragment")
    return scheme.lower(), rest


def check_path(url: str, path: str) -> str:
    """`path` without one trailing slash, when all its components are plain.

    Raises:
        UsageError: an empty component, ``.`` or ``..``, also percent-encoded.
    """
    path = path if path == "/" else path.removesuffix("/")
    if path and any(unquote(part) in ("", ".", "..") for part in path.split("/")):
        raise _malformed(url, "its path has an empty, '.' or '..' part")
    return path


def parse_bucket_url(url: str, *schemes: str) -> BucketUrl:
    """Take ``SCHEME://BUCKET[/PREFIX]`` apart.

    Raises:
        UsageError: it is not of that form, or of another scheme.
    """
    scheme, rest = split_scheme(url)
    if scheme not in schemes:
        raise _malformed(url, f"its scheme is not {' or '.join(schemes)}")
    bucket, _, path = rest.partition("/")
    if not _BUCKET.fullmatch(bucket):
        raise _malformed(url, "it names no bucket" if not bucket else "its bucket name is not valid")
    return BucketUrl(scheme, bucket, check_path(url, path))


def _malformed(url: str, why: str) -> UsageError:
    return UsageError(
        f"malformed bucket URL {public(url)!r}: {why}", hint="write it as SCHEME://BUCKET or SCHEME://BUCKET/PREFIX"
    )
