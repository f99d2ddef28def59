"""S3 and GCS drivers against servers: what the shared contract does not say."""

import os
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

from tests.planes import GS as GCS
from tests.planes import S3
from tests.servers import Server
from wabucketref.contracts.storage import ObjectInfo
from wabucketref.errors import (
    AlreadyExists,
    NotAuthorised,
    NotFound,
    OutcomeUnknown,
    PreconditionFailed,
    SettingsError,
    TransientError,
)
from wabucketref.store.drivers import s3_copy
from wabucketref.store.drivers.s3 import S3Storage
from wabucketref.store.drivers.s3_client import S3Client, options_from
from wabucketref.store.drivers.s3_session import AwsFiles
from wabucketref.store.drivers.urls import parse_bucket_url
from wabucketref.store.native.s3 import NativeS3

pytestmark = pytest.mark.usefixtures("plane")


@pytest.fixture
def moto(moto_s3: Server, plane: str) -> Iterator[S3Storage]:
    store = S3.open(moto_s3.url(moto_s3.make_bucket()), moto_s3.environ)
    yield store
    store.close()


@pytest.mark.row("B1")
@pytest.mark.needs("moto", "gcs")
def test_a_missing_bucket_is_said_to_be_missing(moto_s3: Server, gcs_emulator: Server) -> None:
    for factory, server in ((S3, moto_s3), (GCS, gcs_emulator)):
        store = factory.open(server.url("no-such-bucket"), server.environ)
        for call in (
            lambda store=store: store.head("a"),
            lambda store=store: store.put("a", b""),
            lambda store=store: store.put_stream("a", iter([b"x" * (9 << 20)]), 9 << 20),
            lambda store=store: list(store.list("")),
        ):
            with pytest.raises(NotFound) as caught:
                call()
            assert "buckets are not created" in (caught.value.hint or "")
        store.close()


@pytest.mark.needs("rclone")
def test_wrong_credentials(rclone_s3: Server) -> None:
    secret = "a-wrong-secret-that-must-not-be-shown"
    store = S3.open("s3://some-bucket", {**rclone_s3.environ, "AWS_SECRET_ACCESS_KEY": secret})
    with pytest.raises(NotAuthorised) as caught:
        store.put("a", b"")
    assert secret not in str(caught.value) + str(caught.value.hint) + repr(caught.value.__cause__)


@pytest.mark.needs("moto")
def test_no_credentials(moto_s3: Server) -> None:
    environ = {name: value for name, value in moto_s3.environ.items() if "KEY" not in name}
    with pytest.raises(NotAuthorised, match="credentials") as caught:
        S3.open("s3://some-bucket", environ).put("a", b"")
    assert "asked:" in (caught.value.hint or "")


def test_nobody_listens() -> None:
    environ = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "y", "AWS_ENDPOINT_URL": "http://127.0.0.1:9"}
    for store in (S3.open("s3://bucket", environ), GCS.open("gs://bucket", {"STORAGE_EMULATOR_HOST": "127.0.0.1:9"})):
        with pytest.raises(TransientError) as caught:
            store.put("a", b"", if_absent=True)
        assert caught.value.unreachable
        assert not isinstance(caught.value, OutcomeUnknown)


def test_a_malformed_endpoint() -> None:
    environ = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "y", "AWS_ENDPOINT_URL": "not a url"}
    with pytest.raises(SettingsError, match="endpoint"):
        S3.open("s3://bucket", environ).head("a")


@pytest.mark.needs("moto")
def test_a_closed_storage_opens_again_and_a_forked_child_can_use_it(moto: S3Storage) -> None:
    moto.put("a", b"1")
    moto.close()
    assert moto.read("a", limit=9)[0] == b"1"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # forking beside threads is what is tested
        child = os.fork()
    if child == 0:
        try:
            moto.put("b", moto.read("a", limit=9)[0])
            os._exit(0)
        finally:
            os._exit(1)
    assert os.waitpid(child, 0)[1] == 0
    assert moto.read("b", limit=9)[0] == b"1"


@pytest.mark.needs("moto")
def test_large_copies_go_in_parts(moto: S3Storage) -> None:
    data = os.urandom(12 << 20)
    moto.put("a", data)
    info = s3_copy.Copies(moto, part_bytes=5 << 20).copy("a", "b", if_absent=False, seen=None)
    assert info.size == len(data)
    assert (info.etag or "").endswith("-3")
    assert moto.read("b", limit=1 << 30)[0] == data


class LosingAnswers(S3Storage):
    """Carries out the end of an upload, then says that it does not know."""

    lost: Exception = OutcomeUnknown("the answer was lost")
    carried_out = True

    def finish_upload(self, *args: Any, **options: Any) -> ObjectInfo:
        if self.carried_out:
            super().finish_upload(*args, **options)
        raise self.lost


@pytest.mark.needs("moto")
@pytest.mark.parametrize("lost", [OutcomeUnknown("lost"), NotFound("NoSuchUpload")])
def test_the_end_of_an_upload_is_read_back(moto_s3: Server, lost: Exception, plane: str) -> None:
    address = parse_bucket_url(moto_s3.url(moto_s3.make_bucket()), "s3")
    environ = moto_s3.environ
    client = (
        NativeS3(address, environ, 60.0) if plane == "native" else S3Client(options_from(environ), AwsFiles.of(environ))
    )
    store = LosingAnswers(address, client)
    store.lost = lost

    def upload() -> ObjectInfo:
        parts = store.start_multipart("a", 5 << 20)
        parts.put_part(1, b"x" * (5 << 20))
        parts.put_part(2, b"y")
        return parts.complete()

    store.carried_out = False
    with pytest.raises(type(lost)):
        upload()
    store.put("a", b"of another writer")
    with pytest.raises(type(lost)):
        upload()
    store.carried_out = True
    assert upload() == store.head("a")
    store.close()


@pytest.mark.needs("moto")
def test_listings_of_many_pages(moto: S3Storage) -> None:
    moto.page_size = 3
    names = [f"d/{number:04}" for number in range(10)]
    for name in names:
        moto.put(name, b"")
    assert [info.key for info in moto.list("d/")] == names


class Heeding(S3Storage):
    """Takes the condition on a copy for what it means, which this server does not; counts requests."""

    copies = started = 0

    def copy_whole(
        self, source: str, key: str, size: int, *, if_absent: bool = False, etag: str | None = None
    ) -> ObjectInfo:
        self.copies += 1
        if if_absent and self.head(key) is not None:
            raise AlreadyExists("there is one")
        return super().copy_whole(source, key, size, if_absent=if_absent, etag=etag)

    def start_upload(self, key: str) -> str:
        self.started += 1
        return super().start_upload(key)


@pytest.mark.needs("moto")
def test_a_store_that_heeds_conditions_on_copies_copies_by_one_request(moto: S3Storage) -> None:
    store = Heeding(moto._address, moto._client)
    seen = store.put("a", b"data")
    for key in ("b", "c", "d"):
        store.copy("a", key, if_absent=True, seen=seen)
        assert store.read(key, limit=9)[0] == b"data"
    assert (store.started, store.copies) == (1, 3)


@pytest.mark.needs("moto")
def test_where_the_condition_on_a_copy_is_ignored_the_end_of_an_upload_carries_it(moto: S3Storage) -> None:
    seen = moto.put("a", b"data")
    moto.copy("a", "b", if_absent=True, seen=seen)
    moto.put("c", b"other")
    with pytest.raises(AlreadyExists):
        moto.copy("a", "c", if_absent=True, seen=seen)
    assert moto.read("c", limit=9)[0] == b"other"


@pytest.mark.needs("moto")
def test_a_source_that_is_gone_is_not_taken_for_a_target_that_is_there(moto: S3Storage) -> None:
    store = Heeding(moto._address, moto._client)
    seen = store.put("a", b"data")
    store.copy("a", "b", if_absent=True, seen=seen)
    store.delete("a")
    with pytest.raises((NotFound, PreconditionFailed)):
        store.copy("a", "c", if_absent=True, seen=seen)
