"""One run under way in the SDK: what we record goes to it, and what it was told is remembered until it ends."""

import importlib
import logging
import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from wabucketref.errors import TransientError
from wabucketref.model.jsonvalue import without_nan
from wabucketref.model.run import ConsoleLine, HistoryRow, RunInfo, RunKey, RunState, RunUpdate

log = logging.getLogger(__name__)

ROW_KEY: Final = "_wabucket_row"
_SHARED: Final = 1 << 40
"""Rows of runs that several processes write, one after the other, have indexes from here on."""


class LiveRun:
    """See the module's text. Thread-safe."""

    def __init__(self, key: RunKey, sdk: Any, *, joined: bool, last_step: int, last_row: int) -> None:
        """`joined`: the user's script began the run and ends it. `last_step`, `last_row`: what the server has already;
        -1 for nothing."""
        self.key = key
        self.sdk = sdk
        self.joined = joined
        self.said = RunUpdate(key, config={}, summary={})
        self.logged: set[str] = set()
        """xids that were given to the SDK, whatever became of them."""
        self.replaced: list[str] = []
        """Uploads of the run that something else has taken the place of before they were recorded."""
        self.last_step = -1
        """Of the rows that the server must have in the end; -1: none."""
        self._last_index = -1
        self._landed_step = last_step
        self._landed_row = last_row
        self._lock = threading.RLock()

    def update(self, update: RunUpdate) -> None:
        """Tell the SDK what changed."""
        with self._lock:
            self._remember(update)
            if not self.joined:
                self._rename(update)
            if update.config:
                self.sdk.config.update(without_nan(dict(update.config)), allow_val_change=True)
            for name in update.config_removed:
                self._drop_config(name)
            if update.summary:
                self.sdk.summary.update(dict(update.summary))
            for name in update.summary_removed:
                if name in self.sdk.summary.keys():  # noqa: SIM118 - it has no __contains__
                    del self.sdk.summary[name]

    def _rename(self, update: RunUpdate) -> None:
        if update.name is not None and update.name != self.sdk.name:
            self.sdk.name = update.name
        if update.notes is not None and update.notes != (self.sdk.notes or ""):
            self.sdk.notes = update.notes
        if update.tags is not None and tuple(self.sdk.tags or ()) != update.tags:
            self.sdk.tags = update.tags

    def _drop_config(self, name: str) -> None:
        """The SDK has no way to remove a key but the message itself."""
        messages = importlib.import_module("wandb.proto.wandb_internal_pb2")
        self.sdk.config.as_dict().pop(name, None)
        self.sdk.config._items.pop(name, None)
        message = messages.ConfigRecord()
        message.remove.add().key = name
        self.sdk._interface._publish_config(message)

    def info(self) -> RunInfo:
        """The run as it is known here, without asking."""
        said, sdk, key = self.said, self.sdk, self.key
        return RunInfo(
            id=key.run_id,
            name=sdk.name or said.name or key.run_id,
            project=key.project,
            entity=sdk.entity or key.entity,
            state=RunState.RUNNING,
            created=said.created or datetime.now(UTC),
            job_type=said.job_type,
            group=said.group,
            notes=said.notes,
            url=sdk.url,
            config=dict(said.config or {}),
            summary=dict(said.summary or {}),
            tags=said.tags or (),
            job=dict(said.job or {}),
        )

    def log(self, rows: Sequence[HistoryRow]) -> None:
        """Give rows to the SDK, but those that the server has."""
        with self._lock:
            for row in rows:
                self._log_one(row)

    def _log_one(self, row: HistoryRow) -> None:
        shared = row.index >= _SHARED
        if row.index <= self._last_index or (shared and row.index <= self._landed_row):
            return
        self._last_index = row.index
        values = dict(row.values) | {"_timestamp": row.time}
        if self.joined:  # its script counts the steps
            self.sdk.log(values)
            return
        step = self._step_of(row, shared)
        if not shared and step <= self._landed_step:
            return
        self.sdk.log(values | ({ROW_KEY: str(row.index)} if shared else {}), step=step, commit=True)

    def _step_of(self, row: HistoryRow, shared: bool) -> int:
        """W&B drops a row whose step is not beyond the last one's, so such a row moves up.

        The rows of a journal are all replayed from its first, so that each gets the step that it got before.
        """
        before = max(self.last_step, self._landed_step) if shared else self.last_step
        self.last_step = max(row.step, before + 1)
        return self.last_step

    def print(self, lines: Sequence[ConsoleLine]) -> None:
        """Give console lines to the SDK."""
        for line in lines:
            self.sdk.write_logs(line.text)

    def finish(self, exit_code: int, facts: Mapping[str, Any]) -> None:
        """End the run; a joined one is left to its script. `facts` are kept in the summary.

        Raises:
            TransientError: not in time.
        """
        if self.joined:
            return
        self.sdk.summary.update({"_wabucket": dict(facts)})
        try:
            self.sdk.finish(exit_code=exit_code)
        except TimeoutError as error:
            raise TransientError(
                f"W&B did not take all of run {self.key.run_id} in time", hint="run `wabucket sync`", retryable=False
            ) from error

    def _remember(self, update: RunUpdate) -> None:
        before = self.said
        config = {k: v for k, v in {**before.config, **(update.config or {})}.items() if k not in update.config_removed}  # type: ignore[dict-item]
        summary = {
            k: v
            for k, v in {**before.summary, **(update.summary or {})}.items()  # type: ignore[dict-item]
            if k not in update.summary_removed
        }
        self.said = RunUpdate(
            self.key,
            name=update.name or before.name,
            job_type=update.job_type or before.job_type,
            group=update.group or before.group,
            notes=update.notes if update.notes is not None else before.notes,
            tags=update.tags if update.tags is not None else before.tags,
            config=config,
            summary=summary,
            job=update.job if update.job is not None else before.job,
            created=before.created or update.created,
        )
