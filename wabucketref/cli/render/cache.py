"""What is kept, and what was thrown away of it, as text."""

from typing import TYPE_CHECKING

from wabucketref.cli.render.text import count, printable, size

if TYPE_CHECKING:
    from wabucketref.model.kept import KeptResult, PruneResult


def kept_lines(result: "KeptResult") -> list[str]:
    """``content  12 files, 3.4 MiB of at most 20.0 GiB  /…/cache/content``."""
    lines = []
    for item in result.items:
        bound = f"of at most {size(item.limit)}" if item.limit else "and nothing is added"
        lines.append(printable(f"{item.kind:<8} {count(item.files, 'file')}, {size(item.bytes)} {bound}  {item.path}"))
    return lines


def pruned_lines(result: "PruneResult") -> list[str]:
    """``content  12 files removed, 3.4 MiB; 0 B are left``."""
    verb = "would be removed" if result.dry_run else "removed"
    return [
        f"{item.kind:<8} {count(item.removed_files, 'file')} {verb}, {size(item.removed_bytes)}; "
        f"{size(item.left_bytes)} left"
        for item in result.items
    ]
