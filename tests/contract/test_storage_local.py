"""The storage contract on stores without a server."""

from collections.abc import Callable
from pathlib import Path

import pytest

from wabucketref.contracts.storage import Storage
from wabucketref.store.drivers.generic import FACTORY as GENERIC
from wabucketref.store.drivers.local import FACTORY as LOCAL
from wabucketref.store.drivers.memory import FACTORY as MEMORY
from wabucketref.testing.storage import StorageConformance


def _on_disk(root: Path) -> Callable[[str], bytes | None]:
    def read(key: str) -> bytes | None:
        path = root / key
        return path.read_bytes() if path.is_file() else None

    return read


class TestLocal(StorageConformance):
    plugin = ("file", LOCAL)

    @pytest.fixture
    def open_store(self, tmp_path: Path) -> Callable[[], Storage]:
        return lambda: LOCAL.open((tmp_path / "not yet" / "bücket").as_uri(), {})

    @pytest.fixture
    def backdoor(self, tmp_path: Path) -> Callable[[str], bytes | None]:
        return _on_disk(tmp_path / "not yet" / "bücket")


class TestMemory(StorageConformance):
    plugin = ("memory", MEMORY)

    @pytest.fixture
    def open_store(self, request: pytest.FixtureRequest) -> Callable[[], Storage]:
        return lambda: MEMORY.open("memory://contract/some/prefix", {})


class TestGenericOnDisk(StorageConformance):
    @pytest.fixture
    def open_store(self, tmp_path: Path) -> Callable[[], Storage]:
        return lambda: GENERIC.open(f"local://{tmp_path}/bucket", {})

    @pytest.fixture
    def backdoor(self, tmp_path: Path) -> Callable[[str], bytes | None]:
        return _on_disk(tmp_path / "bucket")
