"""The files of an artifact that another program logged, checked: how they are called, where they may be fetched."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final
from urllib.parse import urlsplit

from wabucketref.contracts.tracker_files import KeptFile
from wabucketref.errors import IntegrityError, UsageError
from wabucketref.model.manifest import Entry
from wabucketref.model.names import check_manifest_path
from wabucketref.model.plan import KeptIn
from wabucketref.model.redact import public_url
from wabucketref.model.reference import ArtifactRef
from wabucketref.store.legacy import without_contradiction

_OBJECT_STORES: Final = ("s3", "gs", "az", "abfs")
_SHOWN: Final = 20


class Listing:
    """What the tracker says, by path."""

    def __init__(self, ref: ArtifactRef, files: Sequence[KeptFile], size_of: Callable[[KeptFile], int]) -> None:
        """`size_of` finds the size of a file that was logged without.

        Raises:
            IntegrityError: a path that may not be written to, or one of which another is a directory.
        """
        where = f"the tracker's list of files of {ref}"
        self.files: Mapping[str, KeptFile] = {check_manifest_path(file.path, where): file for file in files}
        if len(self.files) != len(files):
            raise IntegrityError(f"{where} has a path twice")
        self._size_of = size_of
        self._entries = without_contradiction([self._entry(path) for path in sorted(self.files)], where)

    def __iter__(self) -> Iterator[Entry]:
        """In order of path; -1 as the size of what was logged without one."""
        return iter(self._entries)

    def _entry(self, path: str) -> Entry:
        file = self.files[path]
        return Entry(path, -1 if file.size is None else file.size, file.digest, "file", file.etag, file.version)

    def sized(self, entries: Iterable[Entry]) -> Iterator[Entry]:
        """`entries` with the sizes that were not logged."""
        for entry in entries:
            size = self._size_of(self.files[entry.path]) if entry.size < 0 else entry.size
            yield Entry(entry.path, size, entry.digest, "file", entry.etag, entry.version)

    def check_inside(self, ref: ArtifactRef, paths: Iterable[str], kept: KeptIn) -> None:
        """Refuse to follow references out of the artifact's bucket, unless asked to.

        Raises:
            UsageError: naming them.
        """
        urls = [url for path in paths if (url := self.files[path].url) is not None]
        inside = kept.inside or self._common_bucket()
        outside = [] if kept.follow else [url for url in urls if not url.startswith(f"{inside}/") or not inside]
        if outside:
            shown = ", ".join(public_url(url) for url in outside[:_SHOWN])
            more = f" and {len(outside) - _SHOWN} more" if len(outside) > _SHOWN else ""
            raise UsageError(
                f"{len(outside)} of the files of {ref} are references out of its bucket: {shown}{more}",
                hint="--follow-references fetches them all the same; or leave them out (--exclude)",
            )

    def _common_bucket(self) -> str:
        """The one bucket that all references are in; empty when there is none."""
        places = {urlsplit(file.url)[:2] for file in self.files.values() if file.url is not None}
        if len(places) != 1:
            return ""
        scheme, host = places.pop()
        return f"{scheme}://{host}" if scheme in _OBJECT_STORES and host else ""
