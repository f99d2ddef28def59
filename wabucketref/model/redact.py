"""Keep credentials out of everything that is shown, logged or stored."""

import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import quote, quote_plus

MASK: Final = "********"

# Bounded or anchored on both sides, so that long hostile text costs linear time.
_URL = re.compile(
    r"""(?P<scheme>[A-Za-z][A-Za-z0-9+.-]{0,30}://)(?P<user>[^\s/?\#"'<>]*@)?(?P<rest>[^\s?\#"'<>]*)"""
    r"""(?P<query>\?[^\s\#"'<>]*)?(?P<fragment>\#[^\s"'<>]*)?"""
)
_PARAMETER = re.compile(
    r"""(?P<name>\b(?:x-(?:amz|goog|ms)-[a-z-]{1,40}|signature|sig|awsaccesskeyid|googleaccessid|"""
    r"""aws_secret_access_key|aws_session_token|access_token|id_token|api_?key|password|passwd|secret)["']?)"""
    r"""(?P<equals>=|:\s?)(?P<value>"[^"]*"|'[^']*'|[^\s&"',;]+)""",
    re.IGNORECASE,
)
_AUTHORIZATION = re.compile(r"\b(?P<name>(?:proxy-)?authorization[\"']?\s{0,4}[:=]\s{0,4})[^\r\n]+", re.IGNORECASE)


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """Return `text` without credentials.

    Cut are the values in `secrets` (as they are and percent-encoded), the user-info, query and fragment of every URL
    (presigned and SAS URLs carry their credentials there), signature and token parameters outside URLs, and
    ``Authorization`` headers. What is cut is replaced by ``********``.
    """
    for secret in sorted(_spellings(secrets), key=len, reverse=True):
        text = text.replace(secret, MASK)
    text = _URL.sub(_mask_url, text)
    text = _AUTHORIZATION.sub(rf"\g<name>{MASK}", text)
    return _PARAMETER.sub(rf"\g<name>\g<equals>{MASK}", text)


def public_url(url: str) -> str:
    """`url` without user-info, query and fragment: the form that may be stored and shown."""
    match = _URL.match(url)
    if match is None:
        return re.split(r"[?#]", url, maxsplit=1)[0]
    scheme, separator, rest = url.partition("://")
    place, slash, path = re.split(r"[?#]", rest, maxsplit=1)[0].partition("/")
    return f"{scheme}{separator}{place.rpartition('@')[2]}{slash}{path}"


def _mask_url(match: re.Match[str]) -> str:
    user = f"{MASK}@" if match["user"] else ""
    query = f"?{MASK}" if match["query"] else ""
    fragment = f"#{MASK}" if match["fragment"] else ""
    return f"{match['scheme']}{user}{match['rest']}{query}{fragment}"


def _spellings(secrets: Iterable[str]) -> set[str]:
    # A secret of one or two characters would mask half of every sentence and protects nothing.
    kept = [secret for secret in secrets if len(secret) > 2]
    return {form for secret in kept for form in (secret, quote(secret, safe=""), quote(secret), quote_plus(secret))}
