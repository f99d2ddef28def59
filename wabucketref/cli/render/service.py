"""The background service, as text and as a document."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from wabucketref.cli.render.text import printable, size

if TYPE_CHECKING:
    from wabucketref.operations.background import ServiceStatus
    from wabucketref.operations.status import RunStatus, Transfer


def service_document(found: "ServiceStatus", items: Sequence["RunStatus"]) -> Mapping[str, Any]:
    """``service-status.json``."""
    return {**found.to_dict(), "items": [item.to_dict() for item in items]}


def service_lines(found: "ServiceStatus", items: Sequence["RunStatus"]) -> list[str]:
    """The process, then its runs."""
    head = f"process {found.pid}, version {found.version}, {found.report.clients} client(s)"
    if found.report.draining:
        head += ", stopping once its runs have ended"
    return [printable(head), *status_lines(items)]


def status_lines(items: Sequence["RunStatus"]) -> list[str]:
    """One line a run, and one a transfer below it."""
    lines: list[str] = []
    for item in items:
        age = "" if item.age is None else f", last written {item.age:.0f} s ago"
        cause = f" ({item.cause})" if item.cause else ""
        head = f"{item.run_id}  {item.project or '-'}  {item.state}{cause}"
        lines.append(printable(f"{head}, {len(item.unfinished)} unfinished{age}"))
        lines += [printable(f"  {_line(transfer)}") for transfer in item.transfers]
    return lines


def _line(transfer: "Transfer") -> str:
    words = [transfer.xid, transfer.state, transfer.what]
    if transfer.error:
        words.append(f"({transfer.error})")
    if transfer.state == "running":
        files = "" if transfer.files_total is None else f" of {transfer.files_total}"
        total = "" if transfer.bytes_total is None else f" of {size(transfer.bytes_total)}"
        words.append(f"{transfer.files}{files} files, {size(transfer.bytes)}{total}")
    if transfer.bytes_moved is not None and transfer.bytes_reused is not None:
        words.append(f"{size(transfer.bytes_moved)} moved, {size(transfer.bytes_reused)} reused")
    return "  ".join(word for word in words if word)
