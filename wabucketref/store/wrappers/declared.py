"""Makes a storage declare the capabilities that a probe found, and refuse what it then lacks."""

from collections.abc import Iterator

from wabucketref.contracts.storage import Capabilities, Multipart, ObjectInfo, Storage
from wabucketref.errors import Unsupported
from wabucketref.store.wrappers.wrapper import WrappedMultipart, Wrapper


class Declared(Wrapper):
    """The inner storage with other capabilities."""

    def __init__(self, inner: Storage, capabilities: Capabilities) -> None:
        super().__init__(inner)
        self._capabilities = capabilities

    @property
    def capabilities(self) -> Capabilities:
        return self._capabilities

    def put(self, key: str, data: bytes, *, if_absent: bool = False, if_match: str | None = None) -> ObjectInfo:
        self.need(if_absent, if_match)
        return self.inner.put(key, data, if_absent=if_absent, if_match=if_match)

    def put_stream(self, key: str, chunks: Iterator[bytes], size: int, *, if_absent: bool = False) -> ObjectInfo:
        self.need(if_absent, None)
        return self.inner.put_stream(key, chunks, size, if_absent=if_absent)

    def start_multipart(self, key: str) -> Multipart:
        return _DeclaredMultipart(self, key, self.inner.start_multipart(key))

    def delete(self, key: str, *, if_match: str | None = None) -> None:
        self.need(False, if_match)
        self.inner.delete(key, if_match=if_match)

    def need(self, if_absent: bool, if_match: str | None) -> None:
        """Refuse the conditions that the capabilities do not name."""
        if if_absent and not self.capabilities.create_if_absent:
            raise refusal(self.url, "create an object only if absent")
        if if_match is not None and not self.capabilities.replace_if_match:
            raise refusal(self.url, "replace or remove an object only if unchanged")


class _DeclaredMultipart(WrappedMultipart):
    def __init__(self, storage: Declared, key: str, inner: Multipart) -> None:
        super().__init__(storage, key, inner)
        self._storage = storage

    def complete(self, *, if_absent: bool = False) -> ObjectInfo:
        self._storage.need(if_absent, None)
        return super().complete(if_absent=if_absent)


def refusal(url: str, what: str) -> Unsupported:
    """The error for an ability that the store behind `url` lacks."""
    return Unsupported(f"the store behind {url} cannot {what}", hint="see 'wabucket doctor' for what it can do")


def with_capabilities(storage: Storage, capabilities: Capabilities) -> Storage:
    """`storage` declaring `capabilities`; itself when they are its own."""
    return storage if capabilities == storage.capabilities else Declared(storage, capabilities)
