"""The entries that a download wants, spooled: they are gone over several times and may be millions."""

from collections.abc import Iterable, Iterator
from heapq import heappop, heappush
from types import TracebackType

from wabucketref.errors import UsageError
from wabucketref.model.manifest import Entry
from wabucketref.store.disk.spool import Spool
from wabucketref.store.format.entries import decode_line, encode_line
from wabucketref.store.selection import Selection

_MEMORY = 8 << 20
_LARGE = 1 << 20
_MANY = 10_000


class Wanted:
    """The selected entries. Use as a context manager."""

    def __init__(self, entries: Iterable[Entry], selection: Selection) -> None:
        """Takes all of `entries`, so that they are checked to the end.

        Raises:
            UsageError: there are patterns, and no file matches them.
        """
        self.files = self.bytes = 0
        self._spool = Spool(_MEMORY)
        self._heap: list[tuple[int, str, Entry]] = []
        """The largest files; the smallest of them is first."""
        try:
            self._fill(entries, selection)
        except BaseException:
            self._spool.close()
            raise

    def _fill(self, entries: Iterable[Entry], selection: Selection) -> None:
        for entry in entries:
            if selection.directory(entry.path) if entry.type == "directory" else selection.file(entry.path):
                self._spool.write(encode_line(entry))
                self.files += entry.type == "file"
                self.bytes += entry.size
                if entry.size > _LARGE:
                    heappush(self._heap, (entry.size, entry.path, entry))
                    if len(self._heap) > _MANY:
                        heappop(self._heap)
        selection.check_some(self.files, "the artifact")

    def largest(self, above: int) -> list[Entry]:
        """The files of more than `above` bytes, the largest first; of very many, and of small ones, only the first."""
        return [entry for size, _, entry in sorted(self._heap, reverse=True) if size > above]

    def __iter__(self) -> Iterator[Entry]:
        """All entries, from the start; one iteration at a time."""
        self._spool.seek(0)
        return map(decode_line, self._spool)

    def check_cases(self) -> None:
        """For a disk that folds case.

        Raises:
            UsageError: two paths, or directories above them, would be one.
        """
        seen: dict[str, str] = {}
        for entry in self:
            path = entry.path
            while path:
                other = seen.setdefault(path.casefold(), path)
                if other != path:
                    raise UsageError(
                        f"the artifact has {other!r} and {path!r}, which are one name on the destination's disk",
                        hint="download to a disk that tells cases apart, or leave one out (--exclude)",
                    )
                path = path.rpartition("/")[0]

    def __enter__(self) -> "Wanted":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._spool.close()
