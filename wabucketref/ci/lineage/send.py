"""Sending OpenLineage events to an HTTP endpoint. Each event is one POST, as its clients do."""

import http.client
import json
import logging
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from wabucketref.errors import TransientError, UsageError, WaBucketError
from wabucketref.model.finite import finite
from wabucketref.retry import RetryPolicy, retry
from wabucketref.version import __version__

log = logging.getLogger(__name__)

_SECONDS: Final = 3.0
"""For one answer: a run is done, and its user waits for this."""
_POLICY: Final = RetryPolicy(attempts=3, deadline=5.0, max_delay=1.0, max_retry_after=1.0)
_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirect would carry the key to another host."""

    def redirect_request(self, *args: Any, **more: Any) -> None:
        return None


@dataclass(frozen=True)
class Endpoint:
    """Where events go."""

    url: str
    """Of the server, with or without the path of its API."""
    path: str
    key: str | None = None

    def send(self, events: Sequence[Mapping[str, Any]], policy: RetryPolicy = _POLICY) -> None:
        """Send all, in order.

        Raises:
            TransientError: the server cannot be reached, or fails.
            UsageError: it refuses an event or the key.
        """
        address = f"{self.url.rstrip('/')}/{self.path.lstrip('/')}"
        if self.key and address.startswith("http://") and urlsplit(address).hostname not in _LOOPBACK:
            log.warning("the key for OpenLineage goes to %s in plain HTTP", urlsplit(address).hostname)
        opener = urllib.request.build_opener(_NoRedirects)
        for event in events:
            request = self._request(address, json.dumps(finite(event), allow_nan=False).encode())
            retry(lambda: _post(opener, request), policy, what="sending an OpenLineage event")  # noqa: B023

    def _request(self, address: str, body: bytes) -> urllib.request.Request:
        headers = {"Content-Type": "application/json", "User-Agent": f"wabucketref/{__version__}"}
        if self.key:
            headers["Authorization"] = f"Bearer {self.key}"
        return urllib.request.Request(address, body, headers, method="POST")  # noqa: S310 - the scheme is checked


def _post(opener: urllib.request.OpenerDirector, request: urllib.request.Request) -> None:
    try:
        with opener.open(request, timeout=_SECONDS) as answer:
            answer.read(1 << 16)
    except urllib.error.HTTPError as error:
        raise _refused(error) from error
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        raise TransientError(
            f"the OpenLineage server cannot be reached: {reason}", hint="see OPENLINEAGE_URL"
        ) from error


def _refused(error: urllib.error.HTTPError) -> WaBucketError:
    what = f"the OpenLineage server answered {error.code} {error.reason}"
    error.close()
    if error.code == 429 or error.code >= 500:
        return TransientError(what, hint="try again later")
    return UsageError(what, hint="see OPENLINEAGE_URL, OPENLINEAGE_ENDPOINT and OPENLINEAGE_API_KEY")
