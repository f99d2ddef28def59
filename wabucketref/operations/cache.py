"""Looking at what this machine keeps to spare work, and throwing it away."""

import os
from pathlib import Path

from wabucketref.model.kept import KeptFiles, KeptResult, PrunedFiles, PruneResult
from wabucketref.settings import Settings
from wabucketref.store.cache.places import content_place, digests_place
from wabucketref.store.cache.pruning import Pruned, contents, prune
from wabucketref.store.cache.table import MAX_BYTES
from wabucketref.store.disk.localio import local


def kept(settings: Settings) -> KeptResult:
    """What is kept, and how large it may become.

    Raises:
        NotAuthorised, LocalIOError: it cannot be looked at.
    """
    digests, content = digests_place(settings.home), content_place(settings.home)
    with local(f"look at {str(content)!r}"):
        sizes = [one.size for one in contents(content)]
        files, taken = _size_of(digests)
    return KeptResult(
        (
            KeptFiles("digests", str(digests), files, taken, MAX_BYTES if settings.stat_cache == "on" else 0),
            KeptFiles("content", str(content), len(sizes), sum(sizes), settings.content_cache),
        )
    )


def prune_kept(
    settings: Settings, *, keep: int | None = None, everything: bool = False, dry_run: bool = False
) -> PruneResult:
    """Throw away contents not used for longest until `keep` bytes are left (default: the setting's limit); with
    `everything` all that is kept. Safe beside commands that use it.

    Raises:
        NotAuthorised, LocalIOError: it cannot be removed.
    """
    digests, content = digests_place(settings.home), content_place(settings.home)
    limit = 0 if everything else settings.content_cache if keep is None else keep
    with local(f"remove files in {str(content)!r}"):
        gone = prune(content, limit, target=1.0, dry_run=dry_run)
        return PruneResult((_digests_gone(digests, everything, dry_run), _contents_gone(gone)), dry_run)


def _digests_gone(path: Path, remove: bool, dry_run: bool) -> PrunedFiles:
    """The digests go as a whole or not at all: their file does not grow beyond its bound."""
    files, taken = _size_of(path)
    if not remove:
        return PrunedFiles("digests", 0, 0, taken)
    if not dry_run:
        path.unlink(missing_ok=True)
    return PrunedFiles("digests", files, taken, 0)


def _contents_gone(gone: Pruned) -> PrunedFiles:
    return PrunedFiles("content", gone.removed_files, gone.removed_bytes, gone.bytes - gone.removed_bytes)


def _size_of(path: Path) -> tuple[int, int]:
    """How many files, none or one, and the bytes that it takes."""
    try:
        return 1, os.stat(path).st_blocks * 512
    except FileNotFoundError:
        return 0, 0
