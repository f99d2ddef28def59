"""Keep credentials out of everything that is shown, logged or stored."""

import re
from collections.abc import Iterable
from urllib.parse import parse_qsl, quote, quote_plus, unquote, unquote_plus, urlsplit

from wabucketref.masking import MASK as MASK
from wabucketref.masking import mask_urls

# Bounded or anchored on both sides, so that long hostile text costs linear time.
_PARAMETER = re.compile(
    r"""(?P<name>\b(?:x-(?:amz|goog|ms)-[a-z-]{1,40}|signature|sig|awsaccesskeyid|googleaccessid|"""
    r"""aws_secret_access_key|aws_session_token|access_token|id_token|api_?key|password|passwd|secret)["']?)"""
    r"""(?P<equals>=|:\s?)(?P<value>"[^"]*"|'[^']*'|[^\s&"',;]+)""",
    re.IGNORECASE,
)
_HAS_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,30}://")
_USER_INFO = re.compile(r"^(?P<scheme>[A-Za-z][A-Za-z0-9+.-]{0,30}:/*)(?:[^/\s]*@|[^/\s:]+:.*@)", re.DOTALL)
_AUTHORIZATION = re.compile(r"\b(?P<name>(?:proxy-)?authorization[\"']?\s{0,4}[:=]\s{0,4})[^\r\n]+", re.IGNORECASE)


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """Return `text` without credentials.

    Cut are the values in `secrets` (as they are and percent-encoded), the user-info, query and fragment of every URL
    (presigned and SAS URLs carry their credentials there), signature and token parameters outside URLs, and
    ``Authorization`` headers. What is cut is replaced by ``********``.
    """
    for secret in sorted(_spellings(secrets), key=len, reverse=True):
        text = text.replace(secret, MASK)
    text = mask_urls(text)
    text = _AUTHORIZATION.sub(rf"\g<name>{MASK}", text)
    return _PARAMETER.sub(rf"\g<name>\g<equals>{MASK}", text)


def public_url(url: str) -> str:
    """`url` without user-info, query and fragment: the form that may be stored and shown."""
    if _HAS_SCHEME.match(url) is None:
        return re.split(r"[?#]", url, maxsplit=1)[0]
    scheme, separator, rest = url.partition("://")
    place, slash, path = re.split(r"[?#]", rest, maxsplit=1)[0].partition("/")
    return f"{scheme}{separator}{place.rpartition('@')[2]}{slash}{path}"


def database_place(url: str) -> str:
    """As :func:`public_url`, of a database: its server may be named among the parameters."""
    given = parse_qsl(urlsplit(url).query)
    hosts = ",".join(value for name, value in given if name in ("host", "port"))
    return public_url(url) + (f" at {hosts}" if hosts else "")


def url_secrets(url: str) -> tuple[str, ...]:
    """The passwords in `url`, as they are and decoded: a library may repeat them in a message of its own.

    They stand before the host, or among the parameters, as in a database's.
    """
    before, _, query = url.partition("?")
    password = re.split(r"[/#]", before.partition("://")[2], maxsplit=1)[0].rpartition("@")[0].partition(":")[2]
    given = [value for name, _, value in (pair.partition("=") for pair in query.split("&")) if "password" in name]
    found = [text for secret in (password, *given) for text in (secret, unquote(secret), unquote_plus(secret))]
    return tuple(dict.fromkeys(text for text in found if text))


def public_place(text: str) -> str:
    """What a user gave for a bucket or a path in it, for showing: it may be no URL at all, yet hold credentials.

    A slash is missing or one too many, or the secret has a slash in it: where there may be user-info, it is masked.
    """
    return mask_urls(_USER_INFO.sub(rf"\g<scheme>{MASK}@", text))


def _spellings(secrets: Iterable[str]) -> set[str]:
    # A secret of one or two characters would mask half of every sentence and protects nothing.
    kept = [secret for secret in secrets if len(secret) > 2]
    return {form for secret in kept for form in (secret, quote(secret, safe=""), quote(secret), quote_plus(secret))}
