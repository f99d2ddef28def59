"""Keys in PEM files: Ed25519, and ECDSA on the NIST curves. ``cryptography`` is imported only when one is read."""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from wabucketref.errors import LocalIOError, NotAuthorised, NotFound, SettingsError, UsageError

PASSWORD: Final = "WABUCKET_KEY_PASSWORD"  # noqa: S105 - the variable's name
_MAX_BYTES: Final = 1 << 16
_KINDS: Final = "an Ed25519 or ECDSA key in PEM: openssl genpkey -algorithm ed25519 -out key.pem"
_CURVES: Final = {"secp256r1": "SHA256", "secp384r1": "SHA384", "secp521r1": "SHA512"}


@dataclass(frozen=True)
class PrivateKey:
    """Signs."""

    key: Any
    keyid: str

    def sign(self, message: bytes) -> bytes:
        algorithm = _algorithm(self.key)
        return bytes(self.key.sign(message) if algorithm is None else self.key.sign(message, algorithm))


@dataclass(frozen=True)
class PublicKey:
    """Verifies."""

    key: Any
    keyid: str

    def verifies(self, message: bytes, signature: bytes) -> bool:
        from cryptography.exceptions import InvalidSignature

        algorithm = _algorithm(self.key)
        more = () if algorithm is None else (algorithm,)
        try:
            self.key.verify(signature, message, *more)
        except InvalidSignature:
            return False
        return True


def private_key(path: str | Path, environ: Mapping[str, str]) -> PrivateKey:
    """The private key in a PEM file; the password of an encrypted one is in ``WABUCKET_KEY_PASSWORD``.

    Raises:
        NotFound, NotAuthorised, LocalIOError: the file cannot be read.
        UsageError: it is no such key, or its password is missing or wrong.
        SettingsError: ``cryptography`` is not installed.
    """
    serialization = _serialization()
    data, password = _read(path), environ.get(PASSWORD)
    try:
        key = serialization.load_pem_private_key(data, password.encode() if password else None)
    except TypeError as error:
        what = "is encrypted" if password is None else "is not encrypted, but a password is given"
        raise UsageError(f"the key {path} {what}", hint=f"set or unset {PASSWORD}") from error
    except Exception as error:  # ValueError and several kinds of its own
        hint = f"is the password in {PASSWORD} right?" if password else f"give {_KINDS}"
        raise UsageError(f"{path} holds no private key that can be used", hint=hint) from error
    _refuse_others(key, path)
    return PrivateKey(key, _keyid(serialization, key.public_key()))


def public_key(path: str | Path) -> PublicKey:
    """The public key in a PEM file. Raises as :func:`private_key`."""
    serialization, data = _serialization(), _read(path)
    try:
        key = serialization.load_pem_public_key(data)
    except Exception as error:
        hint = "the public half of the key: openssl pkey -in key.pem -pubout -out key.pub"
        raise UsageError(f"{path} holds no public key that can be used", hint=hint) from error
    _refuse_others(key, path)
    return PublicKey(key, _keyid(serialization, key))


def read_file(path: str | Path, limit: int) -> bytes:
    """The whole file, of at most `limit` bytes.

    Raises:
        NotFound, NotAuthorised, LocalIOError: it cannot be read.
        UsageError: it has more.
    """
    try:
        with open(path, "rb") as file:
            data = file.read(limit + 1)
    except FileNotFoundError as error:
        raise NotFound(f"{path} does not exist", hint="check the path") from error
    except PermissionError as error:
        raise NotAuthorised(f"{path} cannot be read", hint="check its permissions") from error
    except (OSError, ValueError) as error:
        raise LocalIOError(f"{os.fspath(path)!r} cannot be read: {error}", hint="check the path") from error
    if len(data) > limit:
        raise UsageError(f"{path} has more than {limit} bytes", hint="it is no such file")
    return data


def _read(path: str | Path) -> bytes:
    return read_file(path, _MAX_BYTES)


def _serialization() -> Any:
    try:
        from cryptography.hazmat.primitives import serialization
    except ImportError as error:
        raise SettingsError(
            "attestations need cryptography, which is not installed", hint="pip install 'wabucketref[attest]'"
        ) from error
    return serialization


def _algorithm(key: Any) -> Any:
    """The hash that goes with an ECDSA key's curve; None for Ed25519, which brings its own."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    curve = getattr(key, "curve", None)
    return None if curve is None else ec.ECDSA(getattr(hashes, _CURVES[curve.name])())


def _refuse_others(key: Any, path: str | Path) -> None:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519

    if isinstance(key, (ed25519.Ed25519PrivateKey, ed25519.Ed25519PublicKey)):
        return
    on_curve = isinstance(key, (ec.EllipticCurvePrivateKey, ec.EllipticCurvePublicKey))
    if not on_curve or key.curve.name not in _CURVES:
        raise UsageError(f"the key {path} is of another kind", hint=f"give {_KINDS}")


def _keyid(serialization: Any, key: Any) -> str:
    """SHA-256 of the public key's DER form."""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return hashlib.sha256(key.public_bytes(serialization.Encoding.DER, form)).hexdigest()
