"""HTTP sessions that send a request once, to where it was meant for.

aiohttp sends what it takes for idempotent, a PUT with a condition included, a second time when a connection ends
before the answer; the answer to the second is then taken for the only one. And it follows redirects, with the session
token of AWS and with the body. Both are decided here alone: by the one retry policy, and by nobody.
"""

import ipaddress
import logging
from typing import Any
from urllib.parse import urlsplit

from wabucketref.masking import mask_urls

_log = logging.getLogger(__name__)


def send_once(session: Any) -> Any:
    """A session of aiohttp, told so; the attribute is what aiohttp's own test client sets."""
    session._retry_connection = False
    return session


def aws_session_class() -> type[Any]:
    """What ``AioConfig(http_session_cls=...)`` takes."""
    from aiobotocore.httpsession import AIOHTTPSession

    class OnceSession(AIOHTTPSession):  # type: ignore[misc]
        async def _get_session(self, proxy_url: str | None) -> Any:
            return _Straight(send_once(await super()._get_session(proxy_url)))

    return OnceSession


class _Straight:
    """As much of a session of aiohttp as the AWS library uses; redirects are answers to it, as to its elder brother."""

    def __init__(self, session: Any) -> None:
        self._session = session

    async def request(self, method: str, **options: Any) -> Any:
        return await self._session.request(method, allow_redirects=False, **options)


def tell_plain_http(bucket: str, endpoint: str | None) -> None:
    """Warn that `bucket` is reached without TLS, if that leaves this machine. None: the provider's own endpoint."""
    parts = urlsplit(endpoint or "")
    if parts.scheme == "http" and not is_here(parts.hostname or ""):
        _log.warning(
            "%s is asked at %s without TLS: who is on the way can read and change what is sent",
            bucket,
            mask_urls(parts.geturl()),
        )


def is_here(host: str) -> bool:
    """Whether what is sent to `host` stays on this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
