"""Whether a store vouches for a copy: makes it of the source as it was seen, or not at all. Some take the condition and
ignore it, so that is tried out."""

import threading
from collections.abc import Callable
from dataclasses import replace

from wabucketref.contracts.storage import ObjectInfo
from wabucketref.errors import AlreadyExists, PreconditionFailed, Unsupported, UsageError

Make = Callable[[], ObjectInfo]


class Vouching:
    """What one store does. Thread-safe.

    Nothing can be overwritten or damaged by the trial: it creates only, and where the condition is ignored it makes
    the copy that was wanted.
    """

    def __init__(self) -> None:
        self._heeds: bool | None = None
        self._trying = threading.Lock()

    @property
    def tried(self) -> bool:
        """Whether it is known."""
        return self._heeds is not None

    @property
    def heeds(self) -> bool:
        """Whether the store is known to vouch."""
        return self._heeds is True

    def know(self, heeds: bool) -> None:
        """What was tried out before."""
        self._heeds = heeds

    def mark(self, made: ObjectInfo) -> ObjectInfo:
        """A copy on the right condition: ``as_seen`` if the store is known to vouch for it."""
        return replace(made, as_seen=True) if self._heeds else made

    def copy(self, wrong: Make, right: Make, look: Callable[[], ObjectInfo | None]) -> ObjectInfo:
        """The copy that `right` makes; ``as_seen`` if the store is known to vouch for it.

        Both create only. `right` is on the condition that the source is as it was seen, `wrong` on one that cannot be
        met. `look`: what the store says of the copy later.
        """
        if self._heeds is None:
            with self._trying:
                if self._heeds is None:
                    return self._first(wrong, right, look)
        return self.mark(right())

    def _first(self, wrong: Make, right: Make, look: Callable[[], ObjectInfo | None]) -> ObjectInfo:
        try:
            made = wrong()
        except (AlreadyExists, PreconditionFailed):
            made = right()  # so nothing was in its place, and what was refused was the source
            found = look()
            self._heeds = found is not None and (found.size, found.etag) == (made.size, made.etag)
            return replace(made, as_seen=self._heeds)
        except (Unsupported, UsageError):
            self._heeds = False
            return right()
        self._heeds = False
        return made
