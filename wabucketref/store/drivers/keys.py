"""What every driver checks of a key before anything is sent, and of the source of a copy."""

from typing import Final

from wabucketref.contracts.storage import Capabilities, ObjectInfo
from wabucketref.errors import PreconditionFailed, UsageError

_NO_COMPONENTS: Final = frozenset({"", ".", ".."})


def check_key(key: str, max_bytes: int = 1024) -> str:
    """`key`, when it is relative, ``/``-separated, and without empty, ``.`` or ``..`` components.

    Raises:
        UsageError: otherwise, or it is longer than `max_bytes` in UTF-8.
    """
    if "\0" in key or not _NO_COMPONENTS.isdisjoint(key.split("/")):
        raise UsageError(f"not an object key: {key!r}", hint="keys are relative paths without empty, '.' or '..' parts")
    try:
        length = len(key.encode())
    except UnicodeEncodeError as error:
        raise UsageError(f"object key is not valid Unicode: {key!r}", hint="rename the file") from error
    if length > max_bytes:
        raise UsageError(
            f"object key has {length} bytes, this storage takes {max_bytes}: {key[:80]}…", hint="shorten the path"
        )
    return key


def check_characters(key: str, able: Capabilities) -> None:
    """Refuse a key that the store would change.

    Raises:
        UsageError: it has one of the refused characters.
    """
    for character in able.refused_characters:
        if character in key:
            raise UsageError(f"this storage takes no {character!r} in a name: {key!r}", hint="rename the file")


def check_prefix(prefix: str) -> str:
    """`prefix`, when it is empty or a key followed by ``/``.

    Raises:
        UsageError: otherwise.
    """
    if prefix:
        if not prefix.endswith("/"):
            raise UsageError(f"not a prefix: {prefix!r}", hint="a prefix ends with '/'")
        check_key(prefix[:-1], 1 << 16)
    return prefix


def check_seen(source: ObjectInfo, seen: ObjectInfo | None, what: str) -> None:
    """Refuse a source that is not as it was `seen`.

    Raises:
        PreconditionFailed: its size or etag is another one.
    """
    if seen is not None and (source.size, source.etag) != (seen.size, seen.etag):
        raise changed(what)


def changed(what: str) -> PreconditionFailed:
    """The error for a source that is not as it was seen."""
    return PreconditionFailed(f"{what}: changed or removed by another writer", hint="look at it again")
