"""Who asks, by the key in the request."""

import base64
import binascii

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from wabucketref.errors import NotAuthorised
from wabucketref.server.accounts import Busy, User
from wabucketref.server.answers import TooMany, Unauthenticated, WrongType
from wabucketref.server.site import Site


def site_of(request: Request) -> Site:
    """The site that the request reached."""
    found = request.app.state.site
    assert isinstance(found, Site)
    return found


async def require(request: Request, *, write: bool = False) -> User:
    """The user whose key the request carries. Asks the catalog, in a thread, unless the key was seen lately.

    Raises:
        Unauthenticated: there is no key, or it is nobody's.
        NotAuthorised: it may only read, and `write` is wanted.
    """
    key = _key(request.headers.get("authorization", ""))
    if key is None:
        raise Unauthenticated("no API key was sent", hint="log in with `wandb login`")
    accounts = site_of(request).accounts
    try:
        user = accounts.remembered(key)
        if user is None:
            user = await run_in_threadpool(accounts.recognise, key)
    except Busy as error:
        raise TooMany(error.message, hint=error.hint) from error
    except NotAuthorised as error:
        raise Unauthenticated(error.message, hint=error.hint) from error
    if write and user.read_only:
        raise NotAuthorised("this API key may only read", hint="use a key that may write")
    return user


def require_json(request: Request) -> None:
    """Pages of other sites can send plain forms without asking; they cannot send JSON.

    Raises:
        WrongType: the body is announced as something else.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise WrongType("send application/json")


def base_url(request: Request) -> str:
    """The address by which the client reached this server; its host was checked against the list.

    A proxy that ends TLS says so by X-Forwarded-Proto. Whoever lies in it gets links that do not work, nobody else.
    """
    secure = request.headers.get("x-forwarded-proto", request.url.scheme) == "https"
    return f"{'https' if secure else 'http'}://{request.headers.get('host', '')}"


def _key(header: str) -> str | None:
    scheme, _, rest = header.partition(" ")
    if scheme.lower() == "bearer":
        return rest.strip() or None
    if scheme.lower() != "basic":
        return None
    try:
        name_and_key = base64.b64decode(rest, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return None
    return name_and_key.partition(":")[2] or None
