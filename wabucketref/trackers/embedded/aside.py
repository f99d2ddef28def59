"""Moving a damaged catalog aside, so that a new one can be made in its place."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime

from wabucketref.errors import CatalogDamaged, NotFound
from wabucketref.failpoints import hit
from wabucketref.trackers.embedded.engine import Catalog
from wabucketref.trackers.embedded.errors import refused
from wabucketref.trackers.embedded.migrate import ensure_schema


def set_damaged_aside(url: str) -> str | None:
    """Look thoroughly at the catalog at `url`; the path that it was moved to if it is damaged, else None.

    Raises:
        CatalogDamaged: it is on a server, where only its owner can mend it.
        UpgradeRequired, NotAuthorised, TransientError, WaBucketError: it cannot be looked at, and is not damaged.
    """
    try:
        with closing(Catalog(url, create=False)) as catalog, _alone(catalog.file):
            return _look(catalog)
    except NotFound:
        return None


def _look(catalog: Catalog) -> str | None:
    try:
        ensure_schema(catalog)
        catalog.check(thorough=True)
    except CatalogDamaged:
        if catalog.file is None:
            raise
        return _move(catalog.file, catalog.where)
    return None


@contextmanager
def _alone(file: str | None) -> Iterator[None]:
    """Nobody else moves a catalog in this directory meanwhile: they might move the new one."""
    if file is None:
        yield
        return
    directory = os.open(os.path.dirname(file), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(directory, fcntl.LOCK_EX)
        yield
    finally:
        os.close(directory)


def _move(file: str, where: str) -> str:
    """The file itself last: a new one beside the log of the old one would be damaged by that."""
    aside = f"{file}.damaged-{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}"
    with refused(where):
        for suffix in ("-wal", "-shm", ""):
            if os.path.exists(f"{file}{suffix}"):
                os.rename(f"{file}{suffix}", f"{aside}{suffix}")
                hit("catalog.moved")
    return aside
