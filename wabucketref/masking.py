"""Credentials are cut from URLs, wherever these are quoted."""

import re
from typing import Final

MASK: Final = "********"

# Bounded or anchored on both sides, so that long hostile text costs linear time.
_URL = re.compile(
    r"""(?P<scheme>[A-Za-z][A-Za-z0-9+.-]{0,30}://)(?P<user>[^\s/?\#"'<>]*@)?(?P<rest>[^\s?\#"'<>]*)"""
    r"""(?P<query>\?[^\s\#"'<>]*)?(?P<fragment>\#[^\s"'<>]*)?"""
)


def mask_urls(text: str) -> str:
    """`text` with ``********`` for the user-info, query and fragment of every URL: all may hold credentials."""
    return _URL.sub(_mask_url, text)


def _mask_url(match: re.Match[str]) -> str:
    user = f"{MASK}@" if match["user"] else ""
    query = f"?{MASK}" if match["query"] else ""
    fragment = f"#{MASK}" if match["fragment"] else ""
    return f"{match['scheme']}{user}{match['rest']}{query}{fragment}"
