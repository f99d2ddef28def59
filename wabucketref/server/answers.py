"""Errors as HTTP answers, in the shape of GraphQL errors everywhere: the SDK shows their messages."""

import json
import logging
from collections.abc import Sequence
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from wabucketref.errors import (
    Conflict,
    InvalidValue,
    NotAuthorised,
    NotFound,
    TransientError,
    UsageError,
    WaBucketError,
)

log = logging.getLogger(__name__)


class Unauthenticated(NotAuthorised):
    """No key was given, or a wrong one."""

    kind = "unauthenticated"


class TooLarge(UsageError):
    """A body, or what it unpacks to, is beyond the limit."""

    kind = "too_large"


class WrongType(UsageError):
    """A body of another type than the route takes."""

    kind = "wrong_type"


class TooMany(NotAuthorised):
    """So many wrong keys came that none is looked up for a while."""

    kind = "too_many"


class Stalled(UsageError):
    """A client stopped sending in the middle of a body."""

    kind = "stalled"


_STATUS: Final[Sequence[tuple[type[WaBucketError], int]]] = (
    (Unauthenticated, 401),
    (TooMany, 429),
    (NotAuthorised, 403),
    (NotFound, 404),
    (TooLarge, 413),
    (WrongType, 415),
    (Stalled, 408),
    (Conflict, 409),
    (InvalidValue, 400),
    (UsageError, 400),
    (TransientError, 503),
)


def shown(text: str, most: int = 200) -> str:
    """What a client sent, as it may go into a log: on one line, and not too long."""
    return "".join(one if one.isprintable() else f"\\x{ord(one):02x}" for one in text[:most])


def errors_response(status: int, messages: Sequence[str], headers: dict[str, str] | None = None) -> Response:
    """An answer that tells errors."""
    body = json.dumps({"errors": [{"message": message} for message in messages]})
    return Response(body, status, media_type="application/json", headers=headers)


def on_error(request: Request, error: Exception) -> Response:
    """Our error kinds by table."""
    assert isinstance(error, WaBucketError)
    status = next((status for kind, status in _STATUS if isinstance(error, kind)), 500)
    headers = {}
    if status == 401:
        headers["WWW-Authenticate"] = 'Basic realm="wabucket"'
    if status == 429:
        headers["Retry-After"] = "5"
    if status >= 500:
        log.error("%s %s: %s", request.method, shown(request.url.path), error)
        headers["Retry-After"] = "1"
    hint = f" ({error.hint})" if status in (401, 403) else ""
    return errors_response(status, [f"{error.message}{hint}"], headers)


def on_crash(request: Request, error: Exception) -> Response:
    """A mistake of ours: the log has it, the client a word."""
    what = f"{type(error).__name__}: {shown(str(error))}"
    log.error("%s %s failed: %s", request.method, shown(request.url.path), what, exc_info=error)
    return errors_response(500, ["internal error of the server; its log has more"])
