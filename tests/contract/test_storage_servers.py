"""The storage contract on real servers, stacked as the product stacks them."""

from collections.abc import Callable, Mapping
from itertools import cycle
from pathlib import Path
from typing import ClassVar

import pytest

from tests.servers import Server
from wabucketref.contracts.factories import StorageFactory
from wabucketref.contracts.storage import Storage
from wabucketref.retry import RetryPolicy
from wabucketref.store.drivers.probe import settle
from wabucketref.store.native.factory import GS, S3
from wabucketref.store.wrappers.limited import Limited
from wabucketref.store.wrappers.retrying import Retrying
from wabucketref.store.wrappers.wrapper import Wrapper
from wabucketref.testing.storage import StorageConformance


class Kept(Wrapper):
    """A connection that outlives a check, because making one takes a while."""

    passes_many = True

    def close(self) -> None:
        return


def _opener(
    factory: StorageFactory, server: Server, cache: Path, plane: Mapping[str, str], path: str = ""
) -> Callable[[], Storage]:
    """Hands out three independent connections in turn."""
    url = server.url(server.make_bucket()) + path
    drivers = [factory.open(url, {**server.environ, **plane}) for _ in range(3)]
    policy = RetryPolicy(attempts=3)
    stacks = cycle([Kept(settle(Retrying(Limited(driver, 16), policy), cache)) for driver in drivers])
    return lambda: next(stacks)


FSSPEC = {"WABUCKET_DATA_PLANE": "fsspec"}
NATIVE = {"WABUCKET_DATA_PLANE": "native"}


@pytest.mark.needs("moto")
class TestMoto(StorageConformance):
    plane: ClassVar[Mapping[str, str]] = NATIVE

    @pytest.fixture(scope="class")
    @classmethod
    def open_store(cls, moto_s3: Server, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Storage]:
        return _opener(S3, moto_s3, tmp_path_factory.mktemp("probes"), cls.plane)

    def test_found_to_honour_conditions(self, open_store: Callable[[], Storage]) -> None:
        capabilities = open_store().capabilities
        assert capabilities.create_if_absent
        assert capabilities.replace_if_match
        assert capabilities.many == (self.plane is NATIVE)


class TestMotoFsspec(TestMoto):
    plane = FSSPEC


@pytest.mark.needs("rclone")
class TestRclone(StorageConformance):
    plane: ClassVar[Mapping[str, str]] = NATIVE
    deviations: ClassVar[Mapping[str, str]] = {
        "no_torn_reads": "rclone serve s3 rewrites the file in place; a reader may see a mix, which digests find out",
        "multipart_part_again": "rclone serve s3 passes parts on as they come; other bytes for one come too late",
    }

    @pytest.fixture(scope="class")
    @classmethod
    def open_store(cls, rclone_s3: Server, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Storage]:
        return _opener(S3, rclone_s3, tmp_path_factory.mktemp("probes"), cls.plane, "/a/prefix")

    def test_found_to_ignore_conditions(self, open_store: Callable[[], Storage]) -> None:
        capabilities = open_store().capabilities
        assert not capabilities.create_if_absent
        assert not capabilities.replace_if_match


class TestRcloneFsspec(TestRclone):
    plane = FSSPEC


@pytest.mark.needs("gcs")
class TestGcsEmulator(StorageConformance):
    plane: ClassVar[Mapping[str, str]] = NATIVE
    deviations: ClassVar[Mapping[str, str]] = {
        "multipart_abort": "the emulator has no request that gives an upload up; it keeps the session"
    }

    @pytest.fixture(scope="class")
    @classmethod
    def open_store(cls, gcs_emulator: Server, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Storage]:
        return _opener(GS, gcs_emulator, tmp_path_factory.mktemp("probes"), cls.plane, "/a/prefix")

    def test_found_to_ignore_conditions(self, open_store: Callable[[], Storage]) -> None:
        assert not open_store().capabilities.create_if_absent


class TestGcsEmulatorFsspec(TestGcsEmulator):
    plane = FSSPEC
