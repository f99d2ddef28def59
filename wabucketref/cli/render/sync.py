"""What ``sync`` did, as text."""

from typing import TYPE_CHECKING

from wabucketref.cli.render.text import printable

if TYPE_CHECKING:
    from wabucketref.operations.sync import SyncedRun, SyncResult


def sync_lines(result: "SyncResult") -> list[str]:
    """One line a run."""
    return [printable(_line(item)) for item in result.items]


def _line(item: "SyncedRun") -> str:
    state = f", {item.state}" if item.state else ""
    made = f": {' '.join(item.artifacts)}" if item.artifacts else ""
    cause = f" ({item.error})" if item.error else ""
    return f"{item.run_id}  {item.project or '-'}  {item.outcome}{state}{made}{cause}"
