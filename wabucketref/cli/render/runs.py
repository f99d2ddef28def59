"""Runs as text."""

from collections.abc import Sequence

from wabucketref.cli.render.artifacts import value_text
from wabucketref.cli.render.text import fields, moment, printable, table
from wabucketref.model.run import RunInfo


def run_table(runs: Sequence[RunInfo]) -> list[str]:
    """One line a run; nothing for none."""
    if not runs:
        return []
    rows = [_row(run) for run in runs]
    return table(("RUN", "NAME", "STATE", "JOB TYPE", "IN", "OUT", "CREATED"), rows, right=frozenset({4, 5}))


def _row(run: RunInfo) -> tuple[str, ...]:
    used, made = str(len(run.inputs)), str(len(run.outputs))
    return run.id, run.name, str(run.state), run.job_type or "", used, made, moment(run.created)


def run_fields(run: RunInfo) -> list[str]:
    """All that is known of one run."""
    return fields(
        [
            ("run", run.id),
            ("name", run.name),
            ("project", f"{run.entity}/{run.project}"),
            ("state", str(run.state) if run.exit_code is None else f"{run.state} (exit code {run.exit_code})"),
            ("job type", run.job_type or ""),
            ("group", run.group or ""),
            ("notes", run.notes or ""),
            ("url", run.url or ""),
            ("created", moment(run.created)),
            ("finished", moment(run.finished)),
            ("tags", " ".join(run.tags)),
            *(("input", one) for one in run.inputs),
            *(("output", one) for one in run.outputs),
            *((f"config {printable(key)}", value_text(value)) for key, value in run.config.items() if key != "job"),
            *((f"summary {printable(key)}", value_text(value)) for key, value in run.summary.items()),
            *((f"job {printable(key)}", value_text(value)) for key, value in run.job.items()),
        ]
    )
