"""The composition root: from settings to concrete objects. The only place that names implementations."""

import logging
import os
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, cast

from wabucketref.contracts.factories import API_VERSION
from wabucketref.contracts.progress import Progress
from wabucketref.contracts.storage import Storage
from wabucketref.contracts.tracker import Tracker
from wabucketref.contracts.tracker_files import KeepingTracker, ReferringTracker, StoringTracker
from wabucketref.failpoints import install_from_environment
from wabucketref.installed import Installed, NothingInstalled
from wabucketref.model.redact import public_url
from wabucketref.operations.workspace import Workspace
from wabucketref.registry import Registry, configured
from wabucketref.retry import RetryPolicy
from wabucketref.service.service import Service, ServiceOptions
from wabucketref.service.trace import FileTrace, Trace, no_trace
from wabucketref.service.transfers import Transfers
from wabucketref.settings import Settings
from wabucketref.settings.fields import ENVIRONMENT
from wabucketref.store.cache.content import ContentCache
from wabucketref.store.cache.known import DigestCache
from wabucketref.store.cache.places import content_place, digests_place
from wabucketref.store.engine.limits import TransferLimits
from wabucketref.store.identity import Identity
from wabucketref.store.plane import DataPlane
from wabucketref.wiring.around import OUTPUT_FILE, chosen_outputs, loaded
from wabucketref.wiring.kinds import MEMBERS, OFFERED
from wabucketref.wiring.line import Line
from wabucketref.wiring.trackers import open_tracker, set_damaged_aside
from wabucketref.wiring.worker import open_spread

log = logging.getLogger(__name__)

STORAGES: Final = {
    "file": "wabucketref.store.drivers.local:FACTORY",
    "memory": "wabucketref.store.drivers.memory:FACTORY",
    "s3": "wabucketref.store.native.factory:S3",
    "gs": "wabucketref.store.native.factory:GS",
}
OTHER_SCHEMES: Final = "wabucketref.store.drivers.generic:FACTORY"
# From the system that asked for the work to the place where it runs: the first to name a fact counts.
CONTEXTS: Final = {
    "github": "wabucketref.ci.contexts.github:CONTEXT",
    "gitlab": "wabucketref.ci.contexts.gitlab:CONTEXT",
    "jenkins": "wabucketref.ci.contexts.jenkins:CONTEXT",
    "buildkite": "wabucketref.ci.contexts.buildkite:CONTEXT",
    "circleci": "wabucketref.ci.contexts.circleci:CONTEXT",
    "azure": "wabucketref.ci.contexts.azure:CONTEXT",
    "bitbucket": "wabucketref.ci.contexts.bitbucket:CONTEXT",
    "argo": "wabucketref.ci.contexts.argo:CONTEXT",
    "apolo": "wabucketref.ci.contexts.apolo:CONTEXT",
    "slurm": "wabucketref.ci.contexts.slurm:CONTEXT",
    "sagemaker": "wabucketref.ci.contexts.sagemaker:CONTEXT",
    "vertex": "wabucketref.ci.contexts.vertex:CONTEXT",
    "batch": "wabucketref.ci.contexts.batch:CONTEXT",
    "ray": "wabucketref.ci.contexts.ray:CONTEXT",
    "kubernetes": "wabucketref.ci.contexts.kubernetes:CONTEXT",
    "container": "wabucketref.ci.contexts.container:CONTEXT",
    "git": "wabucketref.ci.contexts.git:CONTEXT",
    "host": "wabucketref.ci.contexts.host:CONTEXT",
}
OUTPUTS: Final = {
    "apolo": "wabucketref.ci.outputs.apolo:OUTPUTS",
    "github": "wabucketref.ci.outputs.github:OUTPUTS",
    "gitlab": "wabucketref.ci.outputs.gitlab:OUTPUTS",
    "buildkite": "wabucketref.ci.outputs.buildkite:OUTPUTS",
    "azure": "wabucketref.ci.outputs.azure:OUTPUTS",
    "json": "wabucketref.ci.outputs.json_file:OUTPUTS",
    "properties": "wabucketref.ci.outputs.properties:OUTPUTS",
}
EXECUTORS: Final = {"local": "wabucketref.store.spread.local:FACTORY"}
TRACKERS: Final = {
    "embedded": "wabucketref.trackers.embedded.factory:FACTORY",
    "disabled": "wabucketref.trackers.disabled:FACTORY",
    "wandb": "wabucketref.trackers.wandb.factory:FACTORY",
}

StorageHook = Callable[[Storage], Storage]


def unwrapped(storage: Storage) -> Storage:
    """The hook that changes nothing."""
    return storage


def registries(*, plugins: bool = True, reserved: Collection[str] = ()) -> Mapping[str, Registry]:
    """Every kind of plugin: built-ins and, with `plugins`, what is installed beside us. Nothing is imported yet.

    `reserved`: options of the commands, which no plugin's option may be.
    """
    installed = Installed() if plugins else NothingInstalled()

    def registry(kind: str, builtins: Mapping[str, str]) -> Registry:
        return Registry(
            f"wabucketref.{kind}",
            builtins,
            api_version=API_VERSION,
            installed=installed,
            offered=OFFERED.get(kind),
            reserved=reserved,
            members=MEMBERS[kind],
        )

    return {
        "storage": registry("storage", STORAGES),
        "tracker": registry("tracker", TRACKERS),
        "context": registry("context", CONTEXTS),
        "outputs": registry("outputs", OUTPUTS),
        "executor": registry("executor", EXECUTORS),
    }


class Storages:
    """Opens each bucket once, with every wrapper around its driver."""

    def __init__(
        self,
        settings: Settings,
        environ: Mapping[str, str],
        policy: RetryPolicy,
        registry: Registry,
        *,
        below: StorageHook = unwrapped,
        above: StorageHook = unwrapped,
    ) -> None:
        """`below` and `above` wrap the storage beneath and on top of the retries: for tests."""
        self._settings = settings
        self._registry = registry
        passed_on = {"stall_timeout": str(settings.stall_timeout), "data_plane": settings.data_plane}
        self._environ = {**environ, **{ENVIRONMENT[name]: value for name, value in passed_on.items()}}
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
        retrying = Retrying(Limited(driver, self._settings.concurrency), self._policy)
        return self._above(Logged(settle(retrying, self._settings.home / "cache" / "probes", policy=self._policy)))

    def _driver(self, url: str) -> Storage:
        own = self._settings.bucket_url() if self._has_own_bucket() else url
        private = own if public_url(own) == url else url
        scheme = private.split(":", 1)[0]
        if self._registry.offers(scheme):
            factory = configured(scheme, self._registry.get(scheme), self._settings)
        else:
            factory = Registry("", {scheme: OTHER_SCHEMES}, api_version=API_VERSION).get(scheme)
        return cast(Storage, factory.open(private, self._environ))

    def _has_own_bucket(self) -> bool:
        return self._settings.bucket is not None or self._settings.project_name is not None


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
    kinds: Mapping[str, Registry] | None = None,
) -> Floor:
    """Nothing is asked of bucket or tracker yet, save that the tracker is opened. Raises as :func:`open_workspace`.

    `policy`: how requests to buckets are tried again; its deadline comes from the settings.
    """
    kinds = kinds or registries()
    found = open_tracker(settings, kinds["tracker"], tracker)
    keeps = found.capabilities.records
    policy = replace(policy or RetryPolicy(), deadline=settings.deadline)
    storages = Storages(settings, environ, policy, kinds["storage"], below=below, above=above)
    plane = DataPlane(
        storages,
        identity=Identity.current(settings.home_id(keep=keeps)),
        limits=_limits(settings),
        home=str(settings.home),
        policy=policy,
        digests=DigestCache(digests_place(settings.home) if settings.stat_cache == "on" else None),
        contents=ContentCache(content_place(settings.home), settings.content_cache),
        open_spread=None if settings.executor == "local" else partial(open_spread, settings, kinds["executor"]),
    )
    if found.capabilities.references:
        cast(ReferringTracker, found).attach(plane)
    if found.capabilities.stores_bytes:
        cast(StoringTracker, found).attach_copies(plane.copies)
    if found.capabilities.keeps_files:
        plane.attach(cast(KeepingTracker, found))
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
    outputs_file: str | None = None,
    tracker: str | None = None,
    trace: Trace | None = None,
    environ: Mapping[str, str] | None = None,
    policy: RetryPolicy | None = None,
    below: StorageHook = unwrapped,
    above: StorageHook = unwrapped,
    plugins: bool = True,
    mend: bool = False,
) -> Workspace:
    """Everything operations need. Nothing is asked of bucket or tracker yet, save that the tracker is opened.

    `outputs`: names of outputs to use instead of those detected; `outputs_file`: a file that takes outputs too.
    Without `plugins` only what is built in counts. With `mend` a tracker that is damaged is set aside first, and begins
    anew.

    Raises:
        UsageError, SettingsError, NotAuthorised, UpgradeRequired: it can never work like this.
    """
    install_from_environment()
    environ = dict(os.environ) if environ is None else environ
    kinds = registries(plugins=plugins)
    aside = set_damaged_aside(settings, kinds["tracker"], tracker) if mend else None
    floor = open_floor(
        settings, environ, tracker=tracker, trace=trace, policy=policy, below=below, above=above, kinds=kinds
    )
    alone = any(given is not None for given in (trace, tracker, policy)) or {below, above} != {unwrapped}
    line = Line(settings, environ, floor.service, alone=alone)
    told = environ if outputs_file is None else {**environ, OUTPUT_FILE: outputs_file}
    return Workspace(
        settings=settings,
        tracker=floor.tracker,
        plane=floor.plane,
        service=floor.service,
        transport=line.open,
        progress=progress,
        contexts=loaded(kinds["context"], settings),
        outputs=chosen_outputs(kinds["outputs"], outputs, settings, told, with_file=outputs_file is not None),
        outputs_environ=told,
        environ=environ,
        echo=echo,
        open_storage=floor.storages,
        close_line=line.close,
        close_floor=floor.close,
        registries=list(kinds.values()),
        set_aside=aside,
    )


def _limits(settings: Settings) -> TransferLimits:
    return TransferLimits(concurrency=settings.concurrency, memory=settings.memory)
