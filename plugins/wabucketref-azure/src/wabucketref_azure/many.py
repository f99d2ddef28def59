"""The bucket of the native plane: many small objects go together."""

from collections.abc import Callable, Iterator

from wabucketref.plugin import BucketUrl, Capabilities
from wabucketref.plugin.http import Content, Copied, Copy, Put, Read, Stored, Together
from wabucketref_azure.access import Access
from wabucketref_azure.capabilities import CAPABILITIES
from wabucketref_azure.native import NativeClient
from wabucketref_azure.place import info_of
from wabucketref_azure.storage import AzureStorage


class NativeAzureStorage(Together, AzureStorage):
    """Implements Storage and contracts.many.Many."""

    plane = "native"

    def __init__(self, address: BucketUrl, access: Access, client: NativeClient) -> None:
        super().__init__(address, access, client)
        self._native = client

    @property
    def capabilities(self) -> Capabilities:
        return CAPABILITIES

    def put_many(self, puts: Iterator[Put], width: int, check: Callable[[], None]) -> Iterator[Stored]:
        """Implements contracts.many.Many."""
        return self.carried(
            self._native.many,
            puts,
            lambda put: self.asked_put(put.key, put.data, if_absent=put.if_absent),
            lambda put, answer: info_of(put.key, answer, len(put.data)),
            width,
            check,
        )

    def read_many(self, reads: Iterator[Read], width: int, check: Callable[[], None]) -> Iterator[Content]:
        """Implements contracts.many.Many."""
        return self.carried(
            self._native.many,
            reads,
            lambda read: self.asked_read(read.key, read.limit),
            lambda read, answer: self.content_of(read.key, read.limit, answer),
            width,
            check,
        )

    def copy_many(self, copies: Iterator[Copy], width: int, check: Callable[[], None]) -> Iterator[Copied]:
        """Implements contracts.many.Many. One that the service goes on with is waited for."""
        return self.carried(
            self._native.many,
            copies,
            lambda copy: self.asked_copy(copy.source.key, copy.key, if_absent=copy.if_absent, seen=copy.source),
            lambda copy, answer: self.copied(copy.key, copy.source, answer),
            width,
            check,
        )
