"""From what a user calls a bucket to the URL of its root."""

import os
import re
import unicodedata
from typing import Final
from urllib.parse import unquote

from wabucketref.errors import UsageError
from wabucketref.model.names import RESERVED_DIRECTORY, check_project
from wabucketref.model.redact import public_place

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://(.*)", re.DOTALL)
_OPAQUE = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(.*)", re.DOTALL)
_FORMS: Final = "write a name, a path such as ./dir, or a URL such as s3://bucket/prefix"
_WITH_SLASHES: Final = frozenset(
    {"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "file", "local", "memory", "http", "https"},
)
"""Schemes whose URLs always have two slashes."""


def resolve_bucket(text: str, root: str) -> str:
    """The URL of the bucket `text` without trailing slash.

    Args:
        text: a bare name, which lives under `root`; a local path that starts with ``/``, ``./`` or ``~``; a URL; or a
            plugin's ``scheme:NAME``.
        root: the storage root as :func:`resolve_root` gives it.

    Raises:
        UsageError: malformed, or a path that could leave its place. Secrets in a URL are not repeated.
    """
    _refuse_characters(text, "bucket")
    if "://" in text:
        return _checked_url(text, "bucket")
    if is_path(text):
        return _file_url(text, "bucket")
    if match := _OPAQUE.fullmatch(text):
        return _checked_opaque(match, text)
    return root + ("" if root.endswith("/") else "/") + _bare(text)


def resolve_root(text: str) -> str:
    """The URL of the storage root `text` (a path or URL). ``s3://`` alone is allowed: bare names are then buckets.

    Raises:
        UsageError: as :func:`resolve_bucket`.
    """
    _refuse_characters(text, "storage")
    match = _URL.fullmatch(text)
    if match is None:
        if is_mistyped(text):
            raise _refused("storage", text, "is not a URL", "write two slashes after the colon")
        return _file_url(text, "storage")
    if not match[2] and match[1].lower() != "file":
        return f"{match[1].lower()}://"
    return _checked_url(text, "storage")


def is_path(text: str) -> bool:
    """Whether `text` is a local path rather than a bare name."""
    return text in (".", "..", "~") or text.startswith(("/", "./", "../", "~/"))


def is_mistyped(text: str) -> bool:
    """Whether `text` means a URL but lacks its slashes."""
    match = _OPAQUE.fullmatch(text)
    return match is not None and not match[2].startswith("//") and match[1].lower() in _WITH_SLASHES


def _bare(name: str) -> str:
    if "/" in name:
        raise _refused("bucket", name, "has a slash", f"write ./{name} for a directory or s3://{name} for a URL")
    check_project(name, "bucket")
    if name in (".", "..") or name.lower().startswith(RESERVED_DIRECTORY):
        raise _refused("bucket", name, "is not a bucket's name", _FORMS)
    return name


def _checked_url(text: str, field: str) -> str:
    match = _URL.fullmatch(text)
    if match is None:
        raise _refused(field, text, "has no valid scheme before '://'", _FORMS)
    scheme, rest = match[1].lower(), match[2]
    if scheme in ("file", "local"):
        if not rest.startswith("/"):
            raise _refused(field, text, "is not absolute", "write file:///path with three slashes")
        return _file_url(rest, field)
    place, slash, path = rest.partition("/")
    if not place and not (scheme == "memory" and path):
        raise _refused(field, text, "names no bucket", f"write {scheme}://NAME or {scheme}://NAME/prefix")
    _check_parts([place.rpartition("@")[2]] if place else [], field, text)
    path = path if path.startswith("/") else path.removesuffix("/")
    _check_parts(path.split("/") if path else [], field, text)
    return f"{scheme}://{place}{slash if path else ''}{path}"


def _checked_opaque(match: re.Match[str], text: str) -> str:
    scheme, rest = match[1].lower(), match[2].removesuffix("/")
    if scheme in _WITH_SLASHES:
        meant = public_place(f"{scheme}://{rest.lstrip('/') or 'NAME'}")
        raise _refused("bucket", text, "is not a URL", f"write {meant}")
    if len(scheme) == 1 or not rest or rest.startswith("/"):
        raise _refused("bucket", text, "is not a URL", _FORMS)
    _check_parts(rest.split("/"), "bucket", text)
    return f"{scheme}:{rest}"


def _file_url(path: str, field: str) -> str:
    if not path:
        raise _refused(field, path, "is empty", _FORMS)
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if path.startswith("/") and ("//" in path[1:] or path.startswith("//")):
        raise _refused(field, path, "has an empty path component", "remove the doubled slash")
    _check_parts(parts, field, path)
    return "file://" + os.path.abspath(os.path.expanduser(path))


def _check_parts(parts: list[str], field: str, text: str) -> None:
    for part in parts:
        if not part:
            raise _refused(field, text, "has an empty path component", "remove the doubled slash")
        # A driver may decode percent signs once more than we expect, so both readings must be harmless.
        decoded, shown = unquote(unquote(part)), part.rpartition("@")[2]
        if part in (".", "..") or decoded in (".", ".."):
            raise _refused(field, text, f"has the component {shown!r}", "write the path it means")
        if decoded != part and (set(decoded) & set("/\\?#") or _control(decoded)):
            raise _refused(field, text, f"has the component {shown!r}", "write it without percent signs")


def _refuse_characters(text: str, field: str) -> None:
    if not text.strip():
        raise UsageError(f"{field} is empty", hint=_FORMS)
    for character in text:
        if _control(character):
            raise _refused(field, text, f"has the character U+{ord(character):04X}", "remove it")
    for character, what in (("?", "a query"), ("#", "a fragment"), ("\\", "a backslash")):
        if character in text:
            raise _refused(field, text, f"has {what}", f"a bucket cannot contain '{character}'; set options elsewhere")


def _control(text: str) -> bool:
    return any(unicodedata.category(character) in ("Cc", "Cs") for character in text)


def _refused(field: str, text: str, problem: str, hint: str) -> UsageError:
    return UsageError(f"{field} {public_place(text)[:200]!r} {problem}", hint=hint)
