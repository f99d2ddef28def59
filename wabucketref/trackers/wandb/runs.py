"""The runs that this process has under way in W&B's SDK: how they begin, and how they end for certain."""

import sys
import threading
from datetime import UTC, datetime
from typing import Final

from wabucketref.errors import NotFound, TransientError
from wabucketref.model.run import RunInfo, RunKey, RunState, RunUpdate
from wabucketref.settings import Settings
from wabucketref.trackers.wandb import facts, logging_artifacts
from wabucketref.trackers.wandb.live import ROW_KEY, LiveRun
from wabucketref.trackers.wandb.queries import DEFAULT_ENTITY, Queries
from wabucketref.trackers.wandb.sdk import load, mapped, quiet, run_settings

_ENDED: Final = ("finished", "failed", "crashed", "killed")


class Runs:
    """Thread-safe."""

    def __init__(self, settings: Settings, queries: Queries) -> None:
        self._settings = settings
        self._queries = queries
        self._under_way: dict[RunKey, LiveRun] = {}
        self._lock = threading.RLock()

    def upsert(self, update: RunUpdate) -> RunInfo:
        """As ``Tracker.upsert_run``."""
        live = self._under_way.get(update.key)
        if live is None and update.created is None:
            known = self._ended(update)
            if known is not None:
                return known
        live = live or self._begin(update)
        with mapped("recording the run"):
            live.update(update)
        return live.info()

    def _ended(self, update: RunUpdate) -> RunInfo | None:
        """The change made to a run that is not under way here; None when there is no such run."""
        try:
            run = self._queries.run(update.key)
        except NotFound:
            return None
        with mapped("recording the run"):
            logging_artifacts.change_ended(run, update)
        return self._queries.run_info(update.key)

    def _begin(self, update: RunUpdate) -> LiveRun:
        with self._lock:
            if update.key in self._under_way:
                return self._under_way[update.key]
            live = self._joined(update.key) or self._init(update)
            self._under_way[update.key] = live
            return live

    def _joined(self, key: RunKey) -> LiveRun | None:
        """The run that the user's script began, when it is this one."""
        wandb = sys.modules.get("wandb")
        found = getattr(wandb, "run", None)
        if found is None or type(found).__module__.partition(".")[0] != "wandb" or found.id != key.run_id:
            return None
        return LiveRun(key, found, joined=True, last_step=-1, last_row=-1)

    def _init(self, update: RunUpdate) -> LiveRun:
        key = update.key
        self._queries.check_reachable()
        wandb = load()
        try:
            with mapped("starting the run"), quiet(wandb):
                sdk = wandb.init(
                    entity=None if key.entity == DEFAULT_ENTITY else key.entity,
                    project=key.project,
                    id=key.run_id,
                    name=update.name,
                    job_type=update.job_type,
                    group=update.group,
                    notes=update.notes,
                    tags=list(update.tags or ()),
                    reinit="create_new",
                    resume="allow",
                    settings=run_settings(self._settings),
                )
        except TransientError:
            self._queries.silent()
            raise
        last_step, last_row = self._landed(key) if sdk.resumed else (-1, -1)
        return LiveRun(key, sdk, joined=False, last_step=last_step, last_row=last_row)

    def _landed(self, key: RunKey) -> tuple[int, int]:
        """Step and index of the last row that the server has."""
        run = self._queries.run(key)
        with mapped("asking for the last row"):
            step = int(run.lastHistoryStep)
            rows = list(run.scan_history(min_step=step, use_cache=False)) if step >= 0 else []
        index = rows[-1].get(ROW_KEY) if rows else None
        return step, int(index) if index is not None else -1

    def live(self, key: RunKey) -> LiveRun:
        """The run, taken up again if it is not under way here."""
        return self._under_way.get(key) or self._begin(RunUpdate(key))

    def finish(self, key: RunKey, state: RunState, exit_code: int) -> None:
        """As ``Tracker.finish_run``."""
        live = self._under_way.get(key)
        if live is None:
            if self._has_ended(key):
                return
            live = self._begin(RunUpdate(key))
        begun = {} if live.said.created is None else {"created": live.said.created.isoformat()}
        ended = begun | {"state": str(state), "exit_code": exit_code, "finished": datetime.now(UTC).isoformat()}
        ended |= {"replaced": sorted(set(live.replaced))} if live.replaced else {}
        try:
            with mapped("finishing the run"):
                live.finish(exit_code, ended)
        finally:
            self._under_way.pop(key, None)
        if not live.joined:
            self._check_landed(live)

    def _has_ended(self, key: RunKey) -> bool:
        """Whether a run that is not under way here ended for good."""
        try:
            run = self._queries.run(key)
        except NotFound:
            return False
        said = run.summary_metrics.get(facts.STATE_KEY) or {}
        return run.state in _ENDED and said.get("state") != RunState.CRASHED

    def _check_landed(self, live: LiveRun) -> None:
        """The SDK ends a run without a word when rows did not arrive: ask.

        Raises:
            TransientError: the server does not have all.
        """
        run = self._queries.run(live.key)
        with mapped("asking what arrived"):
            step = int(run.lastHistoryStep) if live.last_step >= 0 else -1
        if run.state == "running" or step < live.last_step:
            raise TransientError(
                f"W&B does not have all of run {live.key.run_id}", hint="run `wabucket sync`", retryable=False
            )

    def get(self, key: RunKey) -> LiveRun | None:
        """The run, when it is under way here."""
        return self._under_way.get(key)

    def give_up(self) -> None:
        """Leave all that did not end as it is."""
        with self._lock:
            left, self._under_way = list(self._under_way.values()), {}
        for live in left:
            if not live.joined:
                logging_artifacts.give_up(live)
