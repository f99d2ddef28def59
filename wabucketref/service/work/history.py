"""Rows of history and terminal lines: many, small, sent in batches by the file stream."""

from dataclasses import dataclass
from typing import Final

from wabucketref.errors import UsageError
from wabucketref.model.run import ConsoleLine
from wabucketref.service.filestream import LoggedRow
from wabucketref.service.wabucket_pb2 import HistoryRecord, OutputRecord
from wabucketref.service.work.base import Outbox, RunState, Work

STEP_UNSET: Final = -1
_MAX_STEP: Final = 1 << 53


@dataclass
class HistoryWork(Work):
    """One ``log`` call. Calls up to one that commits make one row.

    A call that names a later step first closes the open row. One that names an earlier step is recorded at the current
    one, with a warning the first time: a row once made is not changed, and no value is dropped.
    """

    durable = False
    acknowledged_later = True
    record: HistoryRecord

    def accept(self, run: RunState) -> None:
        step = self.record.step
        if step == STEP_UNSET:
            self.record.step = step = run.step
        if not 0 <= step <= _MAX_STEP:
            raise UsageError(f"step {step} is out of range", hint="steps are whole numbers from 0 to 2^53")
        if step < run.step:
            self._move_forward(run)
            step = run.step
        if step > run.step and run.row_open:
            run.row += 1
        self.record.index = run.row
        run.row_open = not self.record.commit
        run.row += self.record.commit
        run.step = step + self.record.commit

    def _move_forward(self, run: RunState) -> None:
        """A row of its own at the current step, so that no value of the open row is overwritten."""
        if not run.step_warned:
            run.warnings.append(f"step {self.record.step} is behind the current step {run.step} and is recorded there")
        run.step_warned = True
        run.row += run.row_open
        run.row_open = False
        self.record.step = run.step

    def process(self, out: Outbox, position: int) -> None:
        pending, record = out.partial_row, self.record
        if not pending and record.commit:  # as nearly all
            row = LoggedRow(record.index, record.step, record.time, record.values_json or "{}", 1)
            out.stream((position,), row)
            return
        if pending and pending[0][1].index != record.index:
            flush_partial_row(out)
        pending.append((position, record))
        if record.commit:
            flush_partial_row(out)

    def __str__(self) -> str:
        return f"history row {self.record.index} step {self.record.step}"


def flush_partial_row(out: Outbox) -> None:
    """Give the row put together so far to the file stream, if there is one."""
    pending = out.partial_row
    if not pending:
        return
    last = pending[-1][1]
    texts = ",".join([fragment.values_json or "{}" for _, fragment in pending])
    row = LoggedRow(last.index, last.step, last.time, texts, len(pending))
    out.stream([position for position, _ in pending], row)
    pending.clear()


@dataclass
class OutputWork(Work):
    """One line of the terminal."""

    durable = False
    acknowledged_later = True
    record: OutputRecord

    def accept(self, run: RunState) -> None:
        self.record.index = run.console_lines
        run.console_lines += 1

    def process(self, out: Outbox, position: int) -> None:
        line = ConsoleLine(self.record.index, self.record.stream, self.record.time, self.record.text)
        out.stream((position,), line)

    def __str__(self) -> str:
        return f"output line {self.record.index}"
