"""Where in a home what is kept lies."""

from pathlib import Path


def digests_place(home: Path) -> Path:
    """The file of digests of unchanged files."""
    return home / "cache" / "digests"


def content_place(home: Path) -> Path:
    """The directory of downloaded contents."""
    return home / "cache" / "content"
