"""Envelopes of DSSE v1: https://github.com/secure-systems-lab/dsse/blob/master/protocol.md."""

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any, Final, Protocol

from wabucketref.errors import IntegrityError

PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"
MAX_BYTES: Final = 16 << 20
"""Of an envelope that is read."""
_HINT: Final = "make it anew: wabucket attest"


class Signer(Protocol):
    """A private key."""

    @property
    def keyid(self) -> str: ...

    def sign(self, message: bytes) -> bytes: ...


class Verifier(Protocol):
    """A public key."""

    @property
    def keyid(self) -> str: ...

    def verifies(self, message: bytes, signature: bytes) -> bool: ...


def envelope(body: bytes, signer: Signer) -> dict[str, Any]:
    """`body` with a signature over it and its type."""
    signature = signer.sign(_encoded(PAYLOAD_TYPE, body))
    return {
        "payloadType": PAYLOAD_TYPE,
        "payload": base64.b64encode(body).decode(),
        "signatures": [{"keyid": signer.keyid, "sig": base64.b64encode(signature).decode()}],
    }


def opened(text: bytes, verifier: Verifier) -> bytes:
    """The payload of an envelope that the key has signed.

    Raises:
        IntegrityError: it is no envelope of ours, it was changed, or another key signed it.
    """
    body, signatures = _parsed(text)
    message = _encoded(PAYLOAD_TYPE, body)
    if not any(verifier.verifies(message, one) for one in signatures):
        raise IntegrityError(
            f"the attestation has no signature of the key {verifier.keyid[:16]}…",
            hint="it was signed with another key, or changed after it was signed",
        )
    return body


def _parsed(text: bytes) -> tuple[bytes, list[bytes]]:
    try:
        found: Mapping[str, Any] = json.loads(text)
        kind, body = found["payloadType"], _decoded(found["payload"])
        signatures = [_decoded(one["sig"]) for one in found["signatures"]]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise IntegrityError("the attestation is no DSSE envelope", hint=_HINT) from error
    if kind != PAYLOAD_TYPE:
        raise IntegrityError(f"the attestation holds {str(kind)[:100]!r}, not {PAYLOAD_TYPE}", hint=_HINT)
    return body, signatures


def _decoded(text: Any) -> bytes:
    """Base64 of either alphabet, as the protocol allows."""
    if not isinstance(text, str):
        raise TypeError("no text")
    try:
        return base64.b64decode(text.replace("-", "+").replace("_", "/"), validate=True)
    except binascii.Error as error:
        raise ValueError("no base64") from error


def _encoded(kind: str, body: bytes) -> bytes:
    """The protocol's pre-authentication encoding: what is signed names the type too."""
    return b"DSSEv1 %d %s %d %s" % (len(kind.encode()), kind.encode(), len(body), body)
