"""How much of the machine transfers may use."""

from dataclasses import dataclass
from typing import Final

from wabucketref.contracts.storage import MAX_PARTS
from wabucketref.errors import UsageError

MAX_OBJECT_BYTES: Final = 5 << 40
_MIB: Final = 1 << 20
HELD_BYTES: Final = 4 * _MIB
"""Of a request whose answer is taken piece by piece so much is in memory, at most."""

SMALL_BYTES: Final = 64 << 10


@dataclass(frozen=True, slots=True)
class TransferLimits:
    """Sizes in bytes."""

    concurrency: int = 128
    """Most small files at once, and most parts of files; how many are of use is found out: ``climb``, ``width``."""
    memory: int = 128 * _MIB
    """File content held at once, by all transfers together."""
    part_size: int = 8 * _MIB
    multipart_threshold: int = 16 * _MIB
    """Larger files go in parts."""

    @property
    def small(self) -> int:
        """Files up to so many bytes go many at a time, where the storage can."""
        return min(SMALL_BYTES, self.multipart_threshold)

    def part_bytes(self, size: int, smallest: int) -> int:
        """The part size for a file of `size` bytes, so that it fits into as many parts as stores allow.

        Raises:
            UsageError: no store takes an object of that size.
        """
        if size > MAX_OBJECT_BYTES:
            raise UsageError(f"a file of {size} bytes is larger than the 5 TiB that stores take", hint="split it")
        part, needed = max(self.part_size, smallest), -(-size // MAX_PARTS)
        return part if part >= needed else -(-needed // _MIB) * _MIB
