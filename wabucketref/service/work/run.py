"""The run itself: its start, its name, tags, notes; config and summary; and its end."""

from dataclasses import dataclass

from wabucketref.model.run import RunState as State
from wabucketref.model.run import RunUpdate
from wabucketref.service import convert
from wabucketref.service.filestream import SummaryChange
from wabucketref.service.wabucket_pb2 import ConfigRecord, ExitRecord, RunRecord, SummaryRecord
from wabucketref.service.work.base import Outbox, RunState, Work, first_index
from wabucketref.service.work.history import flush_partial_row


@dataclass
class RunWork(Work):
    """A new run or a change to one."""

    record: RunRecord

    def accept(self, run: RunState) -> None:
        run.single_operation = run.single_operation or self.record.single_operation
        if self.record.shared_id and not run.row and not run.console_lines:
            run.row = run.console_lines = first_index(self.record.created)

    def process(self, out: Outbox, position: int) -> None:
        update = convert.run_from_record(self.record, out.key)
        out.run_started(out.track("record the run", lambda tracker: tracker.upsert_run(update)))

    def __str__(self) -> str:
        return f"run {self.record.key.run_id}"


@dataclass
class ConfigWork(Work):
    """Changed configuration keys."""

    record: ConfigRecord

    def process(self, out: Outbox, position: int) -> None:
        changes = convert.from_json(self.record.update_json)
        update = RunUpdate(out.key, config=changes, config_removed=tuple(self.record.removed))
        out.track("record the config", lambda tracker: tracker.upsert_run(update))

    def __str__(self) -> str:
        return f"config of {len(self.record.update_json)} characters"


@dataclass
class SummaryWork(Work):
    """Summary keys that the user set; in order with the rows, which set them too."""

    acknowledged_later = True
    record: SummaryRecord

    def process(self, out: Outbox, position: int) -> None:
        update = convert.from_json(self.record.update_json)
        out.stream((position,), SummaryChange(update, tuple(self.record.removed)))

    def __str__(self) -> str:
        return f"summary of {len(self.record.update_json)} characters"


@dataclass
class ExitWork(Work):
    """The end of the run."""

    record: ExitRecord

    def accept(self, run: RunState) -> None:
        run.exited = True

    def process(self, out: Outbox, position: int) -> None:
        state, code = State(self.record.state), self.record.exit_code
        flush_partial_row(out)
        out.drain()
        out.track("finish the run", lambda tracker: tracker.finish_run(out.key, state, code))
        out.settle()

    def __str__(self) -> str:
        return f"exit {self.record.exit_code}"
