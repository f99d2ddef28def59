"""The contract of storages, on azurite."""

from collections.abc import Callable
from itertools import cycle

import pytest

from wabucketref.contracts.storage import Storage
from wabucketref.testing import StorageConformance
from wabucketref_azure import PLUGIN


class Kept:
    """A connection that outlives a check, because making one takes a while."""

    def __init__(self, inner: Storage) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)

    def close(self) -> None:
        return


class OfAPlane:
    """On azurite, in a directory of its own."""

    plane = ""

    @pytest.fixture(scope="class")
    @classmethod
    def open_store(cls, azurite, container: str) -> Callable[[], Storage]:
        environ = {**azurite.environ, "WABUCKET_DATA_PLANE": cls.plane}
        stores = cycle([Kept(PLUGIN.open(f"az://{container}/a/{cls.plane}", environ)) for _ in range(3)])
        return lambda: next(stores)

    @pytest.fixture
    def backdoor(self, backdoor_of, container: str):
        return lambda key: backdoor_of(container, f"a/{self.plane}/{key}")


class TestAzure(OfAPlane, StorageConformance):
    plugin = ("az", PLUGIN)
    plane = "native"


class TestAzureBySdk(OfAPlane, StorageConformance):
    plane = "fsspec"
