"""The journals of a home: which runs wait to be recorded, and which are being written now."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from wabucketref.errors import NotFound
from wabucketref.service.journal import SUFFIX
from wabucketref.settings import Settings


def journals(settings: Settings) -> Iterator[Path]:
    """Paths of all journals of the home, oldest first."""
    found: list[tuple[float, Path]] = []
    for path in (settings.home / "journal").glob(f"*{SUFFIX}"):
        with contextlib.suppress(FileNotFoundError):  # finished meanwhile
            found.append((path.stat().st_mtime, path))
    yield from (path for _, path in sorted(found))


def lost_journals(settings: Settings) -> list[Path]:
    """Paths of journals that are gone but for damaged parts."""
    aside = (settings.home / "journal").glob(f"*{SUFFIX}.damaged-*")
    paths = {path.with_name(path.name.rpartition(".damaged-")[0]) for path in aside}
    return sorted(path for path in paths if not path.exists())


def is_owned(path: Path) -> bool:
    """Whether a live process writes the journal. Nothing in it is mended.

    Raises:
        NotFound: it is gone.
        OSError: it cannot be opened.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise NotFound(f"there is no journal {path.name}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def damaged_parts(path: Path) -> list[str]:
    """Names of the files in which damaged parts of the journal are kept."""
    return sorted(aside.name for aside in path.parent.glob(f"{path.name}.damaged-*"))
