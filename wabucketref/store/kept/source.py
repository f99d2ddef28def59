"""One file somewhere, as it is fetched."""

from typing import NamedTuple, Protocol

from wabucketref.contracts.storage import Sink


class Facts(NamedTuple):
    """Of what is there now."""

    size: int | None
    etag: str | None


class Source(Protocol):
    """One file somewhere."""

    def facts(self) -> Facts:
        """Raises NotFound when it is gone."""

    def read_to(self, limit: int, sink: Sink) -> None:
        """Hand its bytes to `sink`, in order, at most `limit`. Raises NotFound when it is gone."""
