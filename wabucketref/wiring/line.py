"""The line of this process to the service that records its runs: the home's background service, or its own."""

import logging
import os
import threading
import uuid
from collections.abc import Mapping

from wabucketref.errors import ServiceStopped
from wabucketref.service.client import InProcess, Transport
from wabucketref.service.remote.place import PROTOCOL, Place
from wabucketref.service.remote.surroundings import OtherSurroundings, taken_along
from wabucketref.service.service import Service
from wabucketref.service.wabucket_pb2 import Greeting
from wabucketref.settings import Settings
from wabucketref.store.identity import process_started
from wabucketref.version import __version__

log = logging.getLogger(__name__)


class Line:
    """Opens the transport on first use. Thread-safe."""

    def __init__(self, settings: Settings, environ: Mapping[str, str], service: Service, *, alone: bool) -> None:
        """`alone`: stay in this process, because what it was given cannot be told to another."""
        self._settings = settings
        self._environ = environ
        self._service = service
        self._alone = alone
        self._lock = threading.Lock()
        self._transport: Transport | None = None

    def open(self) -> Transport:
        """The home's background service, if one runs and can act for this process; else this process's own.

        Raises:
            UsageError: one of another release runs.
            TimedOut: one runs, but does not answer.
        """
        with self._lock:
            if self._transport is None:
                self._transport = self._background() or InProcess(self._service)
            return self._transport

    def close(self) -> None:
        """Give the connection back; idempotent."""
        if self._transport is not None:
            self._transport.close()

    def _background(self) -> Transport | None:
        place = Place.of(self._settings.home)
        if self._alone or not place.is_listening():
            return None
        # What its core prints on the user's stderr (at each fork, at each broken line) we say in our own words.
        os.environ.setdefault("GRPC_VERBOSITY", "NONE")
        try:
            from wabucketref.service.remote.connection import Connection
        except ImportError:
            log.warning("a service runs, but grpcio is missing here: pip install 'wabucketref[service]'")
            return None
        try:
            return Connection(place, greeting(self._settings, self._environ))
        except (ServiceStopped, OtherSurroundings) as error:
            log.info("recorded in this process, not by the background service: %s", error)
            return None


def greeting(settings: Settings, environ: Mapping[str, str]) -> Greeting:
    """What this process tells the service of itself."""
    pid = os.getpid()
    return Greeting(
        client=uuid.uuid4().hex,
        version=__version__,
        protocol=PROTOCOL,
        pid=pid,
        started=process_started(pid) or 0.0,
        settings_json=settings.shared(),
        environ=taken_along(environ),
        trace=str(settings.trace or ""),
    )
