"""The socket, and the loop that serves it."""

import contextlib
import errno
import ipaddress
import logging
import socket
from collections.abc import Callable
from typing import Final

import uvicorn
from starlette.types import ASGIApp

from wabucketref.errors import Conflict, LocalIOError, NotAuthorised, UsageError

_KEEP_ALIVE: Final = 75
"""Seconds that a connection may rest: longer than clients let theirs."""
_GRACE: Final = 10
"""Seconds for requests under way when the server ends."""
_BACKLOG: Final = 512


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def bind(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 is any free one.

    Raises:
        UsageError: the host is none of this machine.
        Conflict: the port is taken.
        NotAuthorised, LocalIOError: the system refuses.
    """
    name = host.strip("[]")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)[0]
        made = socket.socket(family, kind, protocol)
    except (socket.gaierror, UnicodeError) as error:
        raise UsageError(f"there is no host {host!r}", hint="give --host an address of this machine") from error
    except OSError as error:
        raise LocalIOError(f"no socket can be made: {error.strerror}") from error
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(address)
        made.listen(_BACKLOG)
    except OSError as error:
        made.close()
        raise _refused(error, host, port) from error
    return made


def address_of(sock: socket.socket, host: str) -> str:
    """The URL of the server; a wildcard is shown as localhost."""
    shown = "localhost" if host in ("0.0.0.0", "::", "[::]") else host  # noqa: S104
    return f"http://{f'[{shown}]' if ':' in shown and not shown.startswith('[') else shown}:{sock.getsockname()[1]}"


def serve(
    app: ASGIApp,
    sock: socket.socket,
    ready: Callable[[], None],
    stopper: Callable[[Callable[[], None]], object] = lambda stop: None,
) -> None:
    """Serve until a signal asks to end; it is raised again then. `ready` is called when requests are accepted.

    `stopper` is given a function that ends it too, for a thread: signals reach the main one only.
    """
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        lifespan="on",
        ws="none",
        timeout_keep_alive=_KEEP_ALIVE,
        timeout_graceful_shutdown=_GRACE,
    )
    # Without a handler of its own its warnings would go to stderr; ours say what there is to say.
    logging.getLogger("uvicorn").addHandler(logging.NullHandler())
    server = _Server(config, ready)
    stopper(server.stop)
    with contextlib.closing(sock):
        server.run(sockets=[sock])


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    def stop(self) -> None:
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()


def _refused(error: OSError, host: str, port: int) -> Exception:
    what = f"{host}:{port} cannot be listened on: {error.strerror}"
    if error.errno == errno.EADDRINUSE:
        return Conflict(f"port {port} of {host} is in use", hint="choose another one with --port")
    if error.errno in (errno.EACCES, errno.EPERM):
        return NotAuthorised(what, hint="ports below 1024 need rights; choose another one with --port")
    if error.errno == errno.EADDRNOTAVAIL:
        return UsageError(what, hint="give --host an address of this machine")
    return LocalIOError(what)
