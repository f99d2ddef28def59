"""Doctor: probes of what a transfer needs, one line and a repair hint each."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from wabucketref.contracts.storage import Storage
from wabucketref.errors import WaBucketError
from wabucketref.operations.background import service_status
from wabucketref.operations.status import status
from wabucketref.operations.workspace import Workspace
from wabucketref.registry import Registry
from wabucketref.service.remote.place import Place

_CLOCK_SECONDS: Final = 300.0


@dataclass(frozen=True)
class Probe:
    """What one probe found. `ok` None: it could not be probed here."""

    name: str
    ok: bool | None
    text: str
    hint: str | None = None


def doctor(ws: Workspace) -> Sequence[Probe]:
    """All probes, in the order in which to mend what fails. The bucket is written to below a random name."""
    probes = [_home, _service, _journal, _tracker, _plugins]
    found = [_guarded(probe, ws) for probe in probes]
    return [*found, *_bucket(ws)]


def _guarded(probe: Callable[[Workspace], Probe], ws: Workspace) -> Probe:
    try:
        return probe(ws)
    except WaBucketError as error:
        return Probe(probe.__name__.strip("_"), False, str(error), error.hint)


def _home(ws: Workspace) -> Probe:
    home = ws.settings.home_ready()
    return Probe("home", True, f"{home} can be written")


def _service(ws: Workspace) -> Probe:
    found = service_status(ws.settings)
    if found.running:
        return Probe("service", True, f"process {found.pid} answers")
    if Place.of(ws.settings.home).has_socket():
        return Probe(
            "service", True, "it was killed and its socket is left", "`wabucket service start` goes on with it"
        )
    return Probe("service", None, "none runs in the background")


def _journal(ws: Workspace) -> Probe:
    aside = sorted(path.name for path in (ws.settings.home / "journal").glob("*.damaged-*"))
    if aside:
        return Probe(
            "journal",
            False,
            f"damaged parts of {len(aside)} journal(s) were set aside: {', '.join(aside[:3])}",
            "what was whole is recorded; keep these files for a report, or delete them",
        )
    items = status(ws.settings).items
    unreadable = [item for item in items if item.state == "unreadable"]
    if unreadable:
        return Probe("journal", False, f"{unreadable[0].run_id}: {unreadable[0].cause}", "upgrade, or move it aside")
    waiting = [item for item in items if item.state == "waiting"]
    if waiting:
        return Probe("journal", True, f"{len(waiting)} run(s) wait to be recorded", "run `wabucket sync`")
    under_way = sum(item.state != "ended" for item in items)
    return Probe("journal", True, f"nothing waits to be recorded, {under_way} run(s) under way")


def _tracker(ws: Workspace) -> Probe:
    ws.tracker.check()
    if not ws.tracker.capabilities.queries:
        return Probe("tracker", None, f"{ws.tracker.name} answers no questions")
    if ws.settings.project_name is None:
        return Probe("tracker", None, "no project is set", "give -p/--project-name or set WANDB_PROJECT")
    versions = len(ws.tracker.list_artifacts(ws.project))
    text = f"{ws.settings.tracker_place()} answers; the project has {versions} version(s)"
    aside = sorted(path.name for path in ws.settings.home.glob("catalog.sqlite.damaged-*Z"))
    if aside:
        text += f"; `wabucket rebuild` has set aside {', '.join(aside[:3])}"
    return Probe("tracker", True, text, "keep these files for a report, or delete them" if aside else None)


def _plugins(ws: Workspace) -> Probe:
    if not any(registry.looks_for_plugins for registry in ws.registries):
        return Probe("plugins", None, "left out, none was loaded")
    problems = [problem for registry in ws.registries for problem in _problems(registry)]
    if problems:
        return Probe("plugins", False, "; ".join(problems), "uninstall or upgrade the plugin; nothing else needs it")
    return Probe("plugins", True, "all that are installed can be used")


def _problems(registry: Registry) -> list[str]:
    return [str(problem) for problem in registry.problems()]


def _bucket(ws: Workspace) -> Iterator[Probe]:
    """Checks of the bucket, from the kit that every storage driver must pass."""
    try:
        storage = ws.open_storage(ws.bucket)
        yield from _storage(storage)
    except WaBucketError as error:
        yield Probe("bucket", False, str(error), error.hint)


def _storage(storage: Storage) -> Iterator[Probe]:
    key = f".wabucket-probe/{time.time_ns():x}"
    begun = time.time()
    storage.put(key, b"probe")
    try:
        found, info = storage.read(key, limit=16)
        if found != b"probe":
            yield Probe("bucket", False, f"{storage.url} gave back other bytes than were written")
            return
        listed = any(one.key == key for one in storage.list(".wabucket-probe/"))
    finally:
        storage.delete(key)
    named = getattr(storage, "plane", None)
    plane = f", by the {named} data plane" if named else ""
    yield Probe("bucket", True, storage.url + f" can be written, read, listed and deleted{plane}" * listed)
    if not listed:
        yield Probe("listing", False, "an object just written is not listed", "this store cannot hold artifacts safely")
    yield _conditional(storage)
    if info.modified is not None:
        yield _clock(info.modified, begun)


def _conditional(storage: Storage) -> Probe:
    """Only a hint, never a failure: claims keep writers apart on stores that lack it."""
    if storage.capabilities.create_if_absent:
        return Probe("conditional put", True, "the store keeps writers of one alias apart by itself")
    return Probe(
        "conditional put",
        True,
        "the store accepts a conditional put and overwrites, or has none: writers are kept apart by claims",
        "a writer frozen for over a minute can slip through; prefer one writer an alias",
    )


def _clock(store_time: float, local_time: float) -> Probe:
    apart = store_time - local_time
    if abs(apart) > _CLOCK_SECONDS:
        return Probe(
            "clock",
            False,
            f"this machine's clock is {abs(apart) / 60:.0f} min {'behind' if apart > 0 else 'ahead of'} the store's",
            "set the clock (NTP); signed requests fail when it is off",
        )
    return Probe("clock", True, f"{abs(apart):.1f} s from the store's")
