"""Signatures of AWS, version 4, as S3 wants them: paths are encoded once."""

import hashlib
import hmac
import time
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple
from urllib.parse import quote

UNSIGNED: Final = "UNSIGNED-PAYLOAD"
EMPTY: Final = hashlib.sha256(b"").hexdigest()
_ALGORITHM: Final = "AWS4-HMAC-SHA256"


class Keys(NamedTuple):
    """Credentials."""

    access: str
    secret: str
    token: str | None = None


ANONYMOUS: Final = Keys("", "")
"""No credentials: requests are not signed, as public buckets take them."""


class Signer:
    """Signs requests for one region. Thread-safe."""

    def __init__(self, region: str) -> None:
        self.region = region
        self._known: tuple[str, str, bytes] = ("", "", b"")
        """The key of the day: for which day and secret, and the key."""
        self._now: tuple[int, str] = (0, "19700101T000000Z")
        """The second that was last asked for, and how it is written."""

    def sign(
        self,
        keys: Keys,
        method: str,
        path: str,
        query: str,
        headers: Mapping[str, str],
        payload: str,
        now: float | None = None,
    ) -> dict[str, str]:
        """The headers to send: `headers` (lower-case names, ``host`` among them) and those of the signature.

        `path` is encoded, `query` as by :func:`query_of`. `payload`: SHA-256 of the body in hexadecimal digits, or
        `UNSIGNED`. Requests of `ANONYMOUS` stay as they are.
        """
        if keys is ANONYMOUS:
            return dict(headers)
        moment = self._moment(int(time.time() if now is None else now))
        signed = {**headers, "x-amz-content-sha256": payload, "x-amz-date": moment}
        if keys.token:
            signed["x-amz-security-token"] = keys.token
        names = sorted(signed)
        lines = "".join([f"{name}:{signed[name]}\n" for name in names])
        listed, scope = ";".join(names), f"{moment[:8]}/{self.region}/s3/aws4_request"
        asked = f"{method}\n{path}\n{query}\n{lines}\n{listed}\n{payload}"
        text = f"{_ALGORITHM}\n{moment}\n{scope}\n{hashlib.sha256(asked.encode()).hexdigest()}"
        signature = hmac.digest(self._key(moment[:8], keys.secret), text.encode(), "sha256").hex()
        signed["authorization"] = (
            f"{_ALGORITHM} Credential={keys.access}/{scope}, SignedHeaders={listed}, Signature={signature}"
        )
        return signed

    def _moment(self, second: int) -> str:
        known = self._now
        if known[0] != second:
            self._now = known = (second, time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(second)))
        return known[1]

    def _key(self, day: str, secret: str) -> bytes:
        known = self._known
        if known[:2] != (day, secret):
            key = f"AWS4{secret}".encode()
            for word in (day, self.region, "s3", "aws4_request"):
                key = hmac.digest(key, word.encode(), "sha256")
            self._known = known = (day, secret, key)
        return known[2]


def query_of(parameters: Sequence[tuple[str, str]]) -> str:
    """A query in the order and encoding that signatures want."""
    pairs = sorted((quote(name, safe="-_.~"), quote(value, safe="-_.~")) for name, value in parameters)
    return "&".join([f"{name}={value}" for name, value in pairs])
