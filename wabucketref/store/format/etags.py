"""What can be read out of etags. They are opaque, but S3 and most servers of its protocol make them of MD5 digests."""

import hashlib
from collections.abc import Sequence


def multipart_etag(etags: Sequence[str]) -> str | None:
    """The etag of an object made of parts with these etags; None when they are not MD5 digests (as under KMS)."""
    try:
        digests = [bytes.fromhex(etag) for etag in etags]
    except ValueError:
        return None
    if any(len(digest) != 16 for digest in digests):
        return None
    return f"{hashlib.md5(b''.join(digests), usedforsecurity=False).hexdigest()}-{len(digests)}"


def tell_equal_bytes(one: str | None, other: str | None) -> bool:
    """Whether two etags of objects of one size say that their bytes are equal: they are the same, or one is that of an
    object put together of the other's bytes as its only part."""
    if one is None or other is None:
        return False
    return one == other or one == multipart_etag([other]) or other == multipart_etag([one])
