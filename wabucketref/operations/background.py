"""The background service as its user sees it: start, look, stop."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from wabucketref.errors import Conflict, TimedOut, Unsupported
from wabucketref.service import convert
from wabucketref.service.remote.place import Place
from wabucketref.service.wabucket_pb2 import Envelope, Overview, OverviewReport, Request
from wabucketref.settings import Settings
from wabucketref.version import __version__


@dataclass(frozen=True)
class ServiceStatus:
    """What the service of a home says of itself."""

    running: bool
    pid: int | None = None
    version: str | None = None
    started: float | None = None
    """Seconds since the epoch."""
    report: OverviewReport = field(default_factory=OverviewReport)

    def to_dict(self) -> dict[str, Any]:
        return {
            "running": self.running,
            "pid": self.pid,
            "version": self.version,
            "started": None if self.started is None else convert.moment(self.started).isoformat(),
            "clients": self.report.clients,
            "draining": self.report.draining,
        }


def start_service(settings: Settings, command: Sequence[str]) -> tuple[int, bool]:
    """Start the home's service by `command` (see ``cli.background``): its process, and whether it was running already.

    Raises:
        Unsupported: the packages it needs are not installed.
        UsageError: one of another release runs.
        LocalIOError, TimedOut: it does not start, or one that is stopping does not end.
    """
    settings.home_ready()
    _check_installed()
    from wabucketref.service.remote.launch import START_SECONDS, is_held, start, wait_for

    found = service_status(settings)
    if found.running and found.report.draining:
        place = Place.of(settings.home)
        wait_for(lambda: None if is_held(place) else True, f"the service has not stopped within {START_SECONDS:.0f} s")
    elif found.running and found.pid is not None:
        return found.pid, True
    try:
        told = start(Place.of(settings.home), command, start_payload(settings), os.environ)
    except Conflict:
        found = _soon(settings)  # another start was faster
        return found.pid or 0, True
    return int(told["pid"]), False


def start_payload(settings: Settings) -> str:
    """What the new process needs to know, as JSON. Holds secrets: for its standard input only."""
    more = {"service_idle": settings.service_idle, "log": settings.log if settings.log != "warning" else "info"}
    return json.dumps({**json.loads(settings.shared()), **more})


def stop_service(settings: Settings, *, now: bool, timeout: float) -> bool:
    """Ask the home's service to end and wait for it; whether one was running.

    Raises:
        TimedOut: it has not ended within `timeout` seconds.
    """
    place = Place.of(settings.home)
    if not place.is_listening():
        return False
    _check_installed()
    from wabucketref.service.remote.launch import stop

    return stop(place, __version__, now=now, timeout=timeout)


def service_status(settings: Settings) -> ServiceStatus:
    """Whether the home's service runs, and what is under way in it.

    Raises:
        TimedOut: it runs but does not answer; the message names its process.
        UsageError: it is of another release.
    """
    place = Place.of(settings.home)
    if not place.is_listening():
        return ServiceStatus(False)
    _check_installed()
    from wabucketref.service.remote.calls import look

    try:
        found = look(place, __version__)
    except TimedOut as error:
        plate = place.read_plate()
        who = f" (process {plate.pid})" if plate else ""
        raise TimedOut(f"the service{who} does not answer", hint="stop its process, then `wabucket sync`") from error
    if found is None:
        return ServiceStatus(False)
    welcome, ask, close = found
    try:
        report = ask(Envelope(request=Request(overview=Overview()))).response.overview
    finally:
        close()
    return ServiceStatus(True, welcome.pid, welcome.version, welcome.started, report)


def _soon(settings: Settings) -> ServiceStatus:
    """The status of a service that is just starting.

    Raises:
        TimedOut: it does not accept.
    """
    from wabucketref.service.remote.launch import wait_for

    words = "another process starts the service, but it does not accept"
    return wait_for(lambda: found if (found := service_status(settings)).running else None, words)


def _check_installed() -> None:
    try:
        import grpc  # noqa: F401
    except ImportError as error:
        raise Unsupported(
            "the background service needs grpcio, which is not installed",
            hint="pip install 'wabucketref[service]'",
        ) from error
