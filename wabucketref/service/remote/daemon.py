"""The life of the background service: one a home, from its lock to its last run."""

import asyncio
import contextlib
import fcntl
import logging
import os
import resource
import secrets
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import grpc.aio

from wabucketref.errors import Conflict, LocalIOError
from wabucketref.service.remote.calls import SERVER_OPTIONS
from wabucketref.service.remote.caretaker import Caretaker
from wabucketref.service.remote.clients import Client
from wabucketref.service.remote.host import Host
from wabucketref.service.remote.place import PROTOCOL, NamePlate, Place
from wabucketref.service.remote.server import Servicer
from wabucketref.service.remote.upkeep import Upkeep, few_arenas
from wabucketref.service.wabucket_pb2 import Welcome
from wabucketref.service.wabucket_pb2_grpc import add_WabucketServicer_to_server

log = logging.getLogger(__name__)

_TICK: Final = 0.2
_GRACE_SECONDS: Final = 30.0
"""For a client that lives to open its line again, which it does at once unless it is stopped."""
_CLOSE_SECONDS: Final = 2.0
_LOCK_SECONDS: Final = 0.5


@dataclass(frozen=True)
class DaemonOptions:
    """How the service behaves."""

    version: str
    idle_exit: float
    """Seconds without clients and runs after which it ends; 0: never."""
    process_started: Callable[[int], float | None]
    """Start of a process in ticks since boot; None when there is none of this pid."""


class Daemon:
    """Serves until asked to stop; see :meth:`run`."""

    def __init__(self, place: Place, host: Host, caretaker: Caretaker, options: DaemonOptions) -> None:
        self._place = place
        self._host = host
        self._caretaker = caretaker
        self._options = options
        self._now = False

    def run(self, ready: Callable[[Welcome], None]) -> None:
        """Serve; returns when the service has ended. `ready` is called once it accepts.

        Raises:
            Conflict: another service of this home runs.
            LocalIOError: the socket cannot be made.
        """
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core file would hold credentials
        few_arenas()
        self._place.make()
        with held(self._place):
            try:
                asyncio.run(self._serve(ready))
            finally:
                self._host.close()
                for path in (self._place.plate, self._place.socket, self._place.records):
                    path.unlink(missing_ok=True)

    def stop(self, now: bool) -> None:
        """Begin the end: once all runs have ended, or at once. From any thread or signal handler."""
        self._host.drain()
        self._now = self._now or now

    async def _serve(self, ready: Callable[[Welcome], None]) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):  # before anybody can see that we run
            loop.add_signal_handler(number, lambda: self.stop(True))
        welcome = self._welcome()
        servicer = Servicer(self._host, welcome, self.stop)
        server = grpc.aio.server(options=SERVER_OPTIONS)
        add_WabucketServicer_to_server(servicer, server)  # type: ignore[no-untyped-call]
        self._place.socket.unlink(missing_ok=True)  # nobody listens there: the lock is ours
        with _private_files():
            await servicer.records.start(self._place.records)  # first: who has greeted comes there
            if not server.add_insecure_port(f"unix:{self._place.socket}"):
                raise LocalIOError(f"cannot listen on {self._place.socket}", hint="can its directory be used?")
            await server.start()
            self._place.socket.chmod(0o600)
        self._place.write_plate(NamePlate(welcome.pid, welcome.version, welcome.instance, welcome.started))
        self._caretaker.start()
        log.info("service %s of version %s accepts on %s", welcome.instance, welcome.version, self._place.socket)
        ready(welcome)
        await self._until_stopped()
        log.info("stopping%s", " now" if self._now else "")
        self._caretaker.stop(0 if self._now else _CLOSE_SECONDS)
        await asyncio.to_thread(self._host.close)
        await servicer.records.stop()
        await server.stop(_CLOSE_SECONDS)
        servicer.close()

    async def _until_stopped(self) -> None:
        upkeep = Upkeep()
        while True:
            await asyncio.sleep(_TICK)
            for client in self._host.clients():
                if self._is_gone(client):
                    await asyncio.to_thread(self._leave, client)
            if self._now or (self._host.draining and not self._host.busy):
                return
            busy = self._host.busy
            if upkeep.is_due(busy):
                await asyncio.to_thread(self._keep_up, upkeep, busy)
            limit = self._options.idle_exit
            if limit and self._host.idle_seconds > limit:
                log.info("nothing to do for %.0f s", limit)
                return

    def _leave(self, client: Client) -> None:
        """What is wrong with one client's things must not end the service of all."""
        try:
            self._host.leave(client)
        except Exception:
            log.exception("the things of process %d cannot be given back", client.pid)

    def _keep_up(self, upkeep: Upkeep, busy: bool) -> None:
        try:
            self._host.close_idle()  # what has ended since its client left
        except Exception:
            log.exception("what nobody uses cannot be given back")
        upkeep.do(busy)

    def _is_gone(self, client: Client) -> bool:
        """Its process is, also where a child that it forked still holds its line, or it has left its line closed."""
        if client.pid:
            lives = self._options.process_started(client.pid) == client.started
            client.seen = client.seen or lives
            if not lives and (client.seen or not client.lines):
                return True
        return not client.lines and time.monotonic() - client.greeted > _GRACE_SECONDS

    def _welcome(self) -> Welcome:
        return Welcome(
            version=self._options.version,
            protocol=PROTOCOL,
            instance=secrets.token_hex(8),
            pid=os.getpid(),
            started=time.time(),
        )


@contextlib.contextmanager
def _private_files() -> Iterator[None]:
    """What is made in the block is this user's alone. Not for longer: downloads get the usual rights."""
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)


@contextlib.contextmanager
def held(place: Place) -> Iterator[None]:
    """The lock of the home's service, as long as the block lasts or this process lives.

    Raises:
        Conflict: another service has it.
    """
    descriptor = os.open(place.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _lock(descriptor)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> None:
    """For a moment others may hold it, only to see whether it is held."""
    end = time.monotonic() + _LOCK_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError as error:
            if time.monotonic() >= end:
                raise Conflict(
                    "a service of this home runs already", hint="`wabucket service status` shows it"
                ) from error
        time.sleep(0.02)
