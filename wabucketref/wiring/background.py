"""Concrete objects for the background service: contexts out of its clients' settings, and the service itself."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock

from wabucketref.failpoints import install_from_environment
from wabucketref.service.remote.caretaker import Caretaker
from wabucketref.service.remote.daemon import Daemon, DaemonOptions
from wabucketref.service.remote.host import Host
from wabucketref.service.remote.place import Place
from wabucketref.service.remote.surroundings import FORWARDED, SECRET, check_surroundings, taken_along
from wabucketref.service.service import Service
from wabucketref.settings import Settings
from wabucketref.store.identity import process_started
from wabucketref.version import __version__
from wabucketref.wiring import Floor, open_floor


@dataclass
class FloorContext:
    """Implements host.Context."""

    floor: Floor
    finish_timeout: float
    tracker_place: str

    @property
    def service(self) -> Service:
        return self.floor.service

    def close(self) -> None:
        self.floor.close()


def open_context(settings_json: str, environ: Mapping[str, str]) -> FloorContext:
    """A context for a client.

    Raises:
        OtherSurroundings: this process's environment would make it act as somebody else.
        WaBucketError: the client's settings cannot be used.
    """
    check_surroundings(environ, os.environ)
    settings = Settings.of_shared(settings_json)
    own = {name: value for name, value in os.environ.items() if name not in FORWARDED}
    return FloorContext(open_floor(settings, own | dict(environ)), settings.finish_timeout, settings.tracker_place())


@dataclass
class OwnContexts:
    """What the service needs for runs of processes that are gone: made of its own settings, when first needed."""

    settings: Settings
    _opening: Lock = field(default_factory=Lock)
    _lock: Lock = field(default_factory=Lock)
    _made: dict[str, FloorContext] = field(default_factory=dict)

    def online(self) -> FloorContext:
        return self._get("online")

    def offline(self) -> FloorContext:
        return self._get("offline")

    def all(self) -> Sequence[FloorContext]:
        with self._lock:
            return list(self._made.values())

    def _get(self, mode: str) -> FloorContext:
        with self._opening:  # it may wait for a database; who asks for `all` does not
            found = self._made.get(mode)
            if found is None:
                settings = self.settings.changed(mode=mode)
                found = open_context(settings.shared(), taken_along(os.environ))
                with self._lock:
                    self._made[mode] = found
            return found


def make_daemon(settings: Settings, secrets: set[str]) -> Daemon:
    """The service of the settings' home; nothing runs yet. `secrets` gets those of its clients, for its log."""
    install_from_environment()
    own = OwnContexts(settings)

    def open_for_client(settings_json: str, environ: Mapping[str, str]) -> FloorContext:
        secrets.update(Settings.of_shared(settings_json).secrets())
        secrets.update(environ[name] for name in SECRET if environ.get(name))
        return open_context(settings_json, environ)

    host = Host(open_for_client)
    host.adopt(own)
    caretaker = Caretaker(settings.home / "journal", own.online, own.offline)
    options = DaemonOptions(__version__, settings.service_idle, process_started)
    return Daemon(Place.of(settings.home), host, caretaker, options)
