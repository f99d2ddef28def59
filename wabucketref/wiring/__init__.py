"""The composition root: from settings to concrete objects. The only place that names implementations."""

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, cast

from wabucketref.contracts.factories import API_VERSION
from wabucketref.contracts.outputs import Outputs
from wabucketref.contracts.progress import Progress
from wabucketref.contracts.storage import Storage
from wabucketref.contracts.tracker import ReferringTracker, Tracker
from wabucketref.errors import LocalIOError, TransientError, WaBucketError
from wabucketref.failpoints import install_from_environment
from wabucketref.model.redact import public_url
from wabucketref.operations.workspace import Workspace
from wabucketref.registry import Registry
from wabucketref.retry import RetryPolicy
from wabucketref.service.service import Service, ServiceOptions
from wabucketref.service.trace import FileTrace, Trace, no_trace
from wabucketref.service.transfers import Transfers
from wabucketref.settings import Settings
from wabucketref.settings.fields import ENVIRONMENT
from wabucketref.store.identity import Identity
from wabucketref.store.limits import TransferLimits
from wabucketref.store.plane import DataPlane
from wabucketref.wiring.line import Line

log = logging.getLogger(__name__)

STORAGES: Final = {
    "file": "wabucketref.store.drivers.local:FACTORY",
    "memory": "wabucketref.store.drivers.memory:FACTORY",
    "s3": "wabucketref.store.drivers.s3:FACTORY",
    "gs": "wabucketref.store.drivers.gcs:FACTORY",
}
OTHER_SCHEMES: Final = "wabucketref.store.drivers.generic:FACTORY"
CONTEXTS: Final = {
    "apolo": "wabucketref.ci.contexts.apolo:CONTEXT",
    "github": "wabucketref.ci.contexts.github:CONTEXT",
    "gitlab": "wabucketref.ci.contexts.gitlab:CONTEXT",
    "git": "wabucketref.ci.contexts.git:CONTEXT",
    "host": "wabucketref.ci.contexts.host:CONTEXT",
}
OUTPUTS: Final = {
    "apolo": "wabucketref.ci.outputs.apolo:OUTPUTS",
    "github": "wabucketref.ci.outputs.github:OUTPUTS",
    "gitlab": "wabucketref.ci.outputs.gitlab:OUTPUTS",
    "json": "wabucketref.ci.outputs.json_file:OUTPUTS",
}
TRACKERS: Final = {
    "embedded": "wabucketref.trackers.embedded.factory:FACTORY",
    "disabled": "wabucketref.trackers.disabled:FACTORY",
    "wandb": "wabucketref.trackers.wandb.factory:FACTORY",
}

StorageHook = Callable[[Storage], Storage]


def unwrapped(storage: Storage) -> Storage:
    """The hook that changes nothing."""
    return storage


def registries() -> Mapping[str, Registry]:
    """Every kind of plugin: built-ins and what is installed beside us. Nothing is imported yet."""
    return {
        "storage": Registry("wabucketref.storage", STORAGES, api_version=API_VERSION),
        "tracker": Registry("wabucketref.tracker", TRACKERS, api_version=API_VERSION),
        "context": Registry("wabucketref.context", CONTEXTS, api_version=API_VERSION),
        "outputs": Registry("wabucketref.outputs", OUTPUTS, api_version=API_VERSION),
    }


class Storages:
    """Opens each bucket once, with every wrapper around its driver."""

    def __init__(
        self,
        settings: Settings,
        environ: Mapping[str, str],
        policy: RetryPolicy,
        *,
        below: StorageHook = unwrapped,
        above: StorageHook = unwrapped,
    ) -> None:
        """`below` and `above` wrap the storage beneath and on top of the retries: for tests."""
        self._settings = settings
        self._environ = {**environ, ENVIRONMENT["stall_timeout"]: str(settings.stall_timeout)}
        self._policy = policy
        self._below = below
        self._above = above
        self._open: dict[str, Storage] = {}

    def __call__(self, url: str) -> Storage:
        """The bucket at `url`, given without secrets; those of the settings' own bucket are put back."""
        if url not in self._open:
            self._open[url] = self._stack(url)
        return self._open[url]

    def close(self) -> None:
        """Give all connections back; idempotent."""
        while self._open:
            self._open.popitem()[1].close()

    def _stack(self, url: str) -> Storage:
        from wabucketref.store.drivers.probe import settle
        from wabucketref.store.wrappers.limited import Limited
        from wabucketref.store.wrappers.logged import Logged
        from wabucketref.store.wrappers.retrying import Retrying

        driver = self._below(self._driver(url))
        retrying = Retrying(Limited(driver, self._settings.concurrency * 2), self._policy)
        return self._above(Logged(settle(retrying, self._settings.home / "cache" / "probes", policy=self._policy)))

    def _driver(self, url: str) -> Storage:
        own = self._settings.bucket_url() if self._has_own_bucket() else url
        private = own if public_url(own) == url else url
        scheme = private.split(":", 1)[0]
        registry = registries()["storage"]
        if scheme in registry.names():
            factory = registry.get(scheme)
        else:
            factory = Registry("", {scheme: OTHER_SCHEMES}, api_version=API_VERSION).get(scheme)
        return cast(Storage, factory.open(private, self._environ))

    def _has_own_bucket(self) -> bool:
        return self._settings.bucket is not None or self._settings.project_name is not None


def open_tracker(settings: Settings, name: str | None = None) -> Tracker:
    """The tracker `name`, by default the settings' own. One that cannot be opened now says so when it is asked.

    Raises:
        UsageError: there is none of this name.
        UpgradeRequired, SettingsError, NotAuthorised: it will not open by trying again.
    """
    chosen = name or settings.resolved_tracker()
    if chosen == "wandb" and settings.mode == "disabled":
        chosen = "disabled"
    factory = registries()["tracker"].get(chosen)
    try:
        return cast(Tracker, factory.open(settings))
    except LocalIOError:
        raise
    except WaBucketError as error:
        if error.exit_code not in (WaBucketError.exit_code, TransientError.exit_code):
            raise
        from wabucketref.trackers.unavailable import UnavailableTracker

        log.warning("the tracker %s cannot be opened: %s", chosen, error)
        return cast(Tracker, UnavailableTracker(chosen, error))


@dataclass(frozen=True)
class Floor:
    """What carries runs and transfers in one process: a tracker, a data plane, and the service over them."""

    tracker: Tracker
    storages: Storages
    plane: DataPlane
    service: Service
    file_trace: FileTrace | None = None

    def close(self) -> None:
        """Give everything back; idempotent."""
        self.service.close()
        self.storages.close()
        self.tracker.close()
        if self.file_trace is not None:
            self.file_trace.close()


def open_floor(
    settings: Settings,
    environ: Mapping[str, str],
    *,
    tracker: str | None = None,
    trace: Trace | None = None,
    policy: RetryPolicy | None = None,
    below: StorageHook = unwrapped,
    above: StorageHook = unwrapped,
) -> Floor:
    """Nothing is asked of bucket or tracker yet, save that the tracker is opened. Raises as :func:`open_workspace`.

    `policy`: how requests to buckets are tried again; its deadline comes from the settings.
    """
    found = open_tracker(settings, tracker)
    keeps = found.capabilities.records
    policy = replace(policy or RetryPolicy(), deadline=settings.deadline)
    storages = Storages(settings, environ, policy, below=below, above=above)
    plane = DataPlane(
        storages,
        identity=Identity.current(settings.home_id(keep=keeps)),
        limits=_limits(settings),
        home=str(settings.home),
        policy=policy,
    )
    if found.capabilities.references:
        cast(ReferringTracker, found).attach(plane)
    file_trace = FileTrace(settings.trace) if settings.trace and trace is None else None
    options = ServiceOptions(
        journal_directory=settings.home / "journal",
        memory_directory=settings.home / "cache" / "uploads",
        sync=settings.journal_sync,
        tracker_policy=RetryPolicy(deadline=30.0, attempts=4),
        trace=trace or file_trace or no_trace,
    )
    offline = settings.mode == "offline" and keeps
    transfers = Transfers(plane, settings.home / "cache" / "uploads")
    return Floor(found, storages, plane, Service(transfers, None if offline else found, options), file_trace)


def open_workspace(
    settings: Settings,
    *,
    progress: Progress | None = None,
    echo: Callable[[str], None] | None = None,
    outputs: str | None = None,
    tracker: str | None = None,
    trace: Trace | None = None,
    environ: Mapping[str, str] | None = None,
    policy: RetryPolicy | None = None,
    below: StorageHook = unwrapped,
    above: StorageHook = unwrapped,
) -> Workspace:
    """Everything operations need. Nothing is asked of bucket or tracker yet, save that the tracker is opened.

    Raises:
        UsageError, SettingsError, NotAuthorised, UpgradeRequired: it can never work like this.
    """
    install_from_environment()
    environ = dict(os.environ) if environ is None else environ
    floor = open_floor(settings, environ, tracker=tracker, trace=trace, policy=policy, below=below, above=above)
    alone = any(given is not None for given in (trace, tracker, policy)) or {below, above} != {unwrapped}
    line = Line(settings, environ, floor.service, alone=alone)
    registry = registries()
    return Workspace(
        settings=settings,
        tracker=floor.tracker,
        plane=floor.plane,
        service=floor.service,
        transport=line.open,
        progress=progress,
        contexts=_loaded(registry["context"]),
        outputs=_outputs(registry["outputs"], outputs, environ),
        environ=environ,
        echo=echo,
        open_storage=floor.storages,
        close_line=line.close,
        close_floor=floor.close,
        registries=list(registry.values()),
    )


def _limits(settings: Settings) -> TransferLimits:
    return TransferLimits(concurrency=settings.concurrency, memory=settings.memory)


def _loaded(registry: Registry) -> Sequence[Any]:
    """All that load; what does not is named by ``doctor`` and harms nothing else."""
    found = []
    for name in registry.names():
        try:
            found.append(registry.get(name))
        except WaBucketError as error:
            log.info("%s", error)
    return found


def _outputs(registry: Registry, chosen: str | None, environ: Mapping[str, str]) -> Sequence[Outputs]:
    """Those chosen by name (comma-separated), else those that are read where this process runs."""
    if chosen is not None:
        return [registry.get(name.strip()) for name in chosen.split(",") if name.strip()]
    return [outputs for outputs in _loaded(registry) if outputs.detect(environ)]
