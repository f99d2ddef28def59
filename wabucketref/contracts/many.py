"""Many small requests under way at once, from one thread: an ability that a storage may have (``Capabilities.many``).

Where each request is over sooner than a thread could be woken for it, threads cost more than what they do.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple, Protocol, TypeAlias

from wabucketref.contracts.storage import Buffer, ObjectInfo
from wabucketref.errors import WaBucketError


class Put(NamedTuple):
    """What ``Storage.put`` is to store."""

    key: str
    data: Buffer
    if_absent: bool = False


class Copy(NamedTuple):
    """What ``Storage.copy`` is to copy."""

    key: str
    source: ObjectInfo
    """As it was seen."""
    if_absent: bool = False


class Read(NamedTuple):
    """What ``Storage.read`` is to read."""

    key: str
    limit: int
    """Bytes, at most."""


Stored: TypeAlias = tuple[Put, ObjectInfo | WaBucketError]
Copied: TypeAlias = tuple[Copy, ObjectInfo | WaBucketError | None]
"""None: it takes more than one request, and was not begun."""
Content: TypeAlias = tuple[Read, tuple[bytes, ObjectInfo] | WaBucketError]


class Many(Protocol):
    """Carries out each of what it is asked for once, and tells what the method for one would return or raise.

    At most `width` are under way; the next is asked for as soon as there is room, and outcomes come as they come, in
    any order. What failed is tried again one by one, by whoever has a policy for that. `check` is called now and then
    while there is nothing to do; what it raises, or the iterator of what to do, ends all, and so does leaving early:
    then what is under way is awaited, and its outcome is told to nobody.
    """

    def put_many(self, puts: Iterator[Put], width: int, check: Callable[[], None]) -> Iterator[Stored]:
        """As ``Storage.put``."""

    def read_many(self, reads: Iterator[Read], width: int, check: Callable[[], None]) -> Iterator[Content]:
        """As ``Storage.read``."""

    def copy_many(self, copies: Iterator[Copy], width: int, check: Callable[[], None]) -> Iterator[Copied]:
        """As ``Storage.copy``."""

    def put_again(self, put: Put, failed: WaBucketError) -> ObjectInfo:
        """As ``Storage.put``, of which one try has failed."""

    def copy_again(self, copy: Copy, failed: WaBucketError) -> ObjectInfo:
        """As ``Storage.copy``, of which one try has failed."""

    def read_again(self, read: Read, failed: WaBucketError) -> tuple[bytes, ObjectInfo]:
        """As ``Storage.read``, of which one try has failed."""
