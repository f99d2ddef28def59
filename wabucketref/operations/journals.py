"""The journals of a home: which runs wait to be recorded, and which are being written now."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from wabucketref.service.journal import SUFFIX, Journal, JournalInUse
from wabucketref.settings import Settings


def journals(settings: Settings) -> Iterator[Path]:
    """Paths of all journals of the home, oldest first."""
    found: list[tuple[float, Path]] = []
    for path in (settings.home / "journal").glob(f"*{SUFFIX}"):
        with contextlib.suppress(FileNotFoundError):  # finished meanwhile
            found.append((path.stat().st_mtime, path))
    yield from (path for _, path in sorted(found))


def is_owned(path: Path) -> bool:
    """Whether a live process writes the journal.

    Raises:
        NotFound: it is gone.
    """
    try:
        Journal.open(path).close()
    except JournalInUse:
        return True
    return False
