"""Makes a storage declare the capabilities that a probe found, and refuse what it then lacks."""

from collections.abc import Callable, Iterator, Sequence

from wabucketref.contracts.many import Copied, Copy, Put, Stored
from wabucketref.contracts.storage import Buffer, Capabilities, Multipart, ObjectInfo, Part, Storage, UnfinishedWrite
from wabucketref.errors import Unsupported
from wabucketref.store.wrappers.wrapper import Wrapper


class Declared(Wrapper):
    """The inner storage with other capabilities."""

    passes_many = True

    def __init__(self, inner: Storage, capabilities: Capabilities) -> None:
        super().__init__(inner)
        self._claimed = self._capabilities = capabilities

    @property
    def capabilities(self) -> Capabilities:
        return self._capabilities

    @property
    def unproven(self) -> Capabilities:
        return self._claimed

    def put(self, key: str, data: Buffer, *, if_absent: bool = False, if_match: str | None = None) -> ObjectInfo:
        self.need(if_absent, if_match)
        return self.inner.put(key, data, if_absent=if_absent, if_match=if_match)

    def put_many(self, puts: Iterator[Put], width: int, check: Callable[[], None]) -> Iterator[Stored]:
        def needed() -> Iterator[Put]:
            for put in puts:
                self.need(put.if_absent, None)
                yield put

        return super().put_many(needed(), width, check)

    def copy_many(self, copies: Iterator[Copy], width: int, check: Callable[[], None]) -> Iterator[Copied]:
        def needed() -> Iterator[Copy]:
            for copy in copies:
                self.need(copy.if_absent, None)
                yield copy

        return super().copy_many(needed(), width, check)

    def put_stream(self, key: str, chunks: Iterator[bytes], size: int, *, if_absent: bool = False) -> ObjectInfo:
        self.need(if_absent, None)
        return self.inner.put_stream(key, chunks, size, if_absent=if_absent)

    def start_multipart(self, key: str, part_bytes: int, *, if_absent: bool = False) -> Multipart:
        self.need(if_absent, None)
        self._need_parts()
        return self.inner.start_multipart(key, part_bytes, if_absent=if_absent)

    def resume_multipart(
        self, key: str, upload_id: str, part_bytes: int, parts: Sequence[Part], *, if_absent: bool = False
    ) -> Multipart:
        self.need(if_absent, None)
        if not self.capabilities.resumable:
            raise refusal(self.url, "go on with an upload in parts")
        return self.inner.resume_multipart(key, upload_id, part_bytes, parts, if_absent=if_absent)

    def abort_multipart(self, key: str, upload_id: str) -> None:
        self._need_parts()
        self.inner.abort_multipart(key, upload_id)

    def unfinished(self, prefix: str) -> Iterator[UnfinishedWrite]:
        self._need_sight()
        return self.inner.unfinished(prefix)

    def discard(self, write: UnfinishedWrite) -> None:
        self._need_sight()
        self.inner.discard(write)

    def delete(self, key: str, *, if_match: str | None = None) -> None:
        self.need(False, if_match)
        self.inner.delete(key, if_match=if_match)

    def copy(self, source: str, key: str, *, if_absent: bool = False, seen: ObjectInfo | None = None) -> ObjectInfo:
        self.need(if_absent, None)
        if not self.capabilities.server_side_copy:
            raise refusal(self.url, "copy objects within the store")
        return self.inner.copy(source, key, if_absent=if_absent, seen=seen)

    def need(self, if_absent: bool, if_match: str | None) -> None:
        """Refuse the conditions that the capabilities do not name."""
        if if_absent and not self.capabilities.create_if_absent:
            raise refusal(self.url, "create an object only if absent")
        if if_match is not None and not self.capabilities.replace_if_match:
            raise refusal(self.url, "replace or remove an object only if unchanged")

    def _need_parts(self) -> None:
        if not self.capabilities.multipart:
            raise refusal(self.url, "take uploads in parts")

    def _need_sight(self) -> None:
        if not self.capabilities.lists_unfinished:
            raise refusal(self.url, "list writes that are not over")


def refusal(url: str, what: str) -> Unsupported:
    """The error for an ability that the store behind `url` lacks."""
    return Unsupported(f"the store behind {url} cannot {what}", hint="see 'wabucket doctor' for what it can do")


def with_capabilities(storage: Storage, capabilities: Capabilities) -> Storage:
    """`storage` declaring `capabilities`; itself when they are its own."""
    return storage if capabilities == storage.capabilities else Declared(storage, capabilities)
