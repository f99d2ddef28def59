"""Signed links to files: who has one may use it, for what it says and as long as it says.

The SDK fetches them without credentials, so the link itself has to carry the right. It names a key of the bucket,
never a path, and is signed with a secret of this home.
"""

import base64
import hashlib
import hmac
import json
import time
from dataclasses import asdict, dataclass
from typing import Final, Literal

from wabucketref.errors import NotAuthorised

PUT_SECONDS: Final = 24 * 3600.0
GET_SECONDS: Final = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Grant:
    """What a link allows."""

    act: Literal["put", "get", "list"]
    key: str
    """Of the object in the bucket."""
    name: str
    """Shown to whoever saves the file."""
    until: float
    """Seconds since the epoch."""
    kind: str = ""
    """put: whose ``uploaded`` is called …"""
    subject: str = ""
    """… and with what."""
    md5: str = ""
    """put: base64 of the MD5 that the bytes must have, if they are known."""


class Links:
    """Makes and checks links."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def path(self, grant: Grant) -> str:
        """The path of a link, to be put behind the server's own address."""
        body = _encode(json.dumps(asdict(grant), separators=(",", ":")).encode())
        return f"/blobs/{body}.{_encode(self._sign(body))}"

    def check(self, token: str, act: str) -> Grant:
        """What the last component of a link's path allows.

        Raises:
            NotAuthorised: it was not made here, is too old, or allows something else.
        """
        body, _, signature = token.partition(".")
        if not hmac.compare_digest(_encode(self._sign(body)), signature):
            raise NotAuthorised("this link was not made here", hint="ask for a new one")
        grant = Grant(**json.loads(_decode(body)))
        if grant.until < time.time():
            raise NotAuthorised("this link is too old", hint="ask for a new one")
        if grant.act != act:
            raise NotAuthorised(f"this link does not allow to {act}", hint="ask for the right one")
        return grant

    def _sign(self, body: str) -> bytes:
        return hmac.digest(self._secret, body.encode(), hashlib.sha256)


@dataclass(frozen=True, slots=True)
class CallLinks:
    """Absolute links for one caller: they start with the address by which it reached the server."""

    links: Links
    base_url: str

    def put(self, key: str, name: str, kind: str, subject: str, md5: str = "") -> str:
        """A link that takes one file by PUT into `key`; then ``uploaded[kind]`` is called with `subject`.

        With `md5` (base64) other bytes are refused, and what the key has stays.
        """
        grant = Grant("put", key, name, time.time() + PUT_SECONDS, kind, subject, md5)
        return self.base_url + self.links.path(grant)

    def get(self, key: str, name: str) -> str:
        """A link to the object `key`."""
        return self.base_url + self.links.path(Grant("get", key, name, time.time() + GET_SECONDS))


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
