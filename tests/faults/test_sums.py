"""Bodies that go up with CRC32C instead of MD5, to a store that was seen to check it (the raw server of the benchmark
does, as AWS), and back to MD5 where one does not, or does no more."""

import hashlib
import re
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.benchmarks.server import build, start_raw
from tests.faults.conftest import Flaky, MakeNet
from tests.faults.http.exchange import Exchange
from tests.faults.network import FILES, Net
from tests.faults.proxy import Flip, Mishap, Reset, Rewrite, Rule, Status
from tests.servers import Server
from wabucketref.contracts.storage import Part
from wabucketref.errors import NotFound, TransientError, UsageError, WrittenWrong
from wabucketref.store.drivers.s3 import S3Storage
from wabucketref.store.format import crc32c
from wabucketref.store.native.factory import S3

pytestmark = [pytest.mark.usefixtures("plane"), pytest.mark.needs("cc")]

CRC32C = "x-amz-checksum-crc32c"
MIB = 1 << 20
LARGE = bytes(range(256)) * (68 << 10)
"""17 MiB: three parts."""
TREE = {**FILES, "large": LARGE}


@pytest.fixture(scope="session")
def checking_s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    place = tmp_path_factory.mktemp("checking")
    raw = start_raw(build(place), place)
    made = Server("raw", "s3", raw.endpoint, raw.environ, None, place, raw.new_bucket)  # type: ignore[arg-type]
    yield made
    raw.stop()


def bodies(net: Net) -> list[Exchange]:
    """What was sent of files, after the trials, by which sums."""
    return [one for one in net.proxy.seen("PUT", r"/(b\.bin|large)$") if one.status == 200]


def sums(net: Net) -> set[str]:
    """How the files were sent."""
    names = (CRC32C, "content-md5")
    return {name for one in bodies(net) for name in names if one.request.get(name) is not None}


@pytest.mark.row("W4")
def test_a_store_that_refuses_a_wrong_crc32c_is_told_no_md5(net: MakeNet, checking_s3: Server) -> None:
    one = net(checking_s3)
    one.upload(TREE)
    assert one.download() == TREE
    assert len(bodies(one)) == 4
    assert sums(one) == {CRC32C}

    def trials() -> list[int | None]:
        return sorted(seen.status for seen in one.proxy.seen("PUT", "/.wabucket-probe/") if seen.request.get(CRC32C))

    assert trials() == [200, 400]
    one.upload({**FILES, "other": LARGE}, "dataset/cats:two")
    assert trials() == [200, 400], "it is kept what the store does"
    assert sums(one) == {CRC32C}


@pytest.mark.row("W4")
def test_what_was_damaged_on_the_way_up_is_refused_by_its_crc32c(net: MakeNet, checking_s3: Server) -> None:
    damaged = [Rule(Flip(up=True), "PUT", r"/b\.bin$"), Rule(Flip(up=True), "PUT", query="partNumber=2")]
    one = net(checking_s3, *damaged)
    one.upload(TREE)
    refused = [seen.status for rule in damaged for seen in one.proxy.seen("PUT", rule.path, rule.query)]
    assert sorted(status or 0 for status in refused) == [200, 200, 400, 400]
    assert one.download() == TREE


@pytest.mark.row("W4")
@pytest.mark.parametrize(
    "name",
    [
        pytest.param("moto_s3", marks=pytest.mark.needs("moto")),
        pytest.param("rclone_s3", marks=pytest.mark.needs("rclone")),
    ],
)
def test_a_store_that_takes_a_wrong_crc32c_is_told_md5(net: MakeNet, name: str, request: pytest.FixtureRequest) -> None:
    one = net(request.getfixturevalue(name))
    one.upload(TREE)
    assert sums(one) == {"content-md5"}
    assert one.download() == TREE


@pytest.mark.row("W4")
def test_an_answer_with_another_crc32c_is_of_other_bytes(net: MakeNet, checking_s3: Server) -> None:
    wrong = Rewrite({CRC32C: crc32c.encoded(1)})
    one = net(checking_s3, Rule(wrong, "PUT", r"/b\.bin$"), Rule(wrong, "PUT", query="partNumber=2"))
    one.upload(TREE)
    assert len(one.proxy.seen("PUT", r"/b\.bin$")) == 2
    assert len(one.proxy.seen("POST", query="uploads")) == 2, "a part that arrived damaged ends its upload"
    assert one.download() == TREE


@pytest.mark.row("W4")
def test_a_store_that_checks_no_more_is_told_md5_again(net: MakeNet, checking_s3: Server) -> None:
    """The answer without it is looked into: here by reading the object, as the etags of this store are no MD5."""
    silent = Rewrite({CRC32C: None})
    one = net(checking_s3, Rule(silent, "PUT", r"/b\.bin$"))
    one.upload({"b.bin": FILES["deep/b.bin"]})
    assert len(one.proxy.seen("PUT", r"/b\.bin$")) == len(one.proxy.seen("GET", r"/b\.bin$")) == 1
    one = net(checking_s3, Rule(silent, "PUT", query="partNumber=2"))
    one.upload({"large": LARGE})
    begun = one.proxy.seen("POST", query="uploads")
    assert [seen.request.get("x-amz-checksum-algorithm") for seen in begun] == ["CRC32C", None]
    assert {seen.request.get(CRC32C) for seen in bodies(one)[-3:]} == {None}
    assert one.download() == {"large": LARGE}


def opened(server: Server, plane: str, bucket: str | None = None) -> S3Storage:
    """A bucket of a store that passes for one that checks."""
    store = S3.open(server.url(bucket or server.make_bucket()), {**server.environ, "WABUCKET_DATA_PLANE": plane})
    assert isinstance(store, S3Storage)
    store.learn({"sums": True})
    return store


def proves(store: S3Storage) -> bool:
    """Whether it is found to check CRC32C."""
    return store.trials["sums"](store.put("trial", b"first"))


@pytest.mark.row("W4")
@pytest.mark.needs("moto")
def test_what_a_store_that_does_not_say_the_crc32c_took_damaged_is_found(
    flaky: Flaky, moto_s3: Server, plane: str
) -> None:
    _, seen = flaky(
        moto_s3, Rule(Flip(up=True), "PUT", "/damaged$"), Rule(Flip(up=True), "PUT", query="partNumber=1(&|$)")
    )
    with closing(opened(seen, plane)) as store:
        with pytest.raises(WrittenWrong):
            store.put("damaged", LARGE[:MIB])
        assert not store._checksums.sends_crc32c
        store.learn({"sums": True})
        upload_id = store.start_upload("parts")
        with pytest.raises(WrittenWrong):
            store.send_part("parts", upload_id, 1, LARGE[: 5 * MIB], summed=True)
        assert not store._checksums.sends_crc32c
        assert store.put("whole", LARGE[:MIB]).etag == hashlib.md5(LARGE[:MIB]).hexdigest()


REFUSALS = [Status(501, "NotImplemented"), Status(400, "InvalidRequest"), Rewrite({"x-amz-checksum-algorithm": None})]


@pytest.mark.parametrize("refusal", REFUSALS, ids=["501", "400", "silent"])
def test_a_store_that_takes_no_uploads_with_crc32c_gets_their_parts_with_md5(
    flaky: Flaky, checking_s3: Server, plane: str, refusal: Mishap
) -> None:
    proxy, seen = flaky(checking_s3, Rule(refusal, "POST", query="uploads"))
    with closing(opened(seen, plane)) as store:
        for key in ("one", "two"):
            upload = store.start_multipart(key, 5 * MIB)
            upload.put_part(1, LARGE[: 5 * MIB])
            upload.complete()
        begun = proxy.seen("POST", query="uploads")
        assert [seen.request.get("x-amz-checksum-algorithm") for seen in begun] == ["CRC32C", None, None]
        assert all(seen.request.get("content-md5") for seen in proxy.seen("PUT", query="partNumber"))
        assert len(proxy.seen("DELETE", query="uploadId")) == (isinstance(refusal, Rewrite))
        assert proves(store), "single bodies are another matter"


@pytest.mark.parametrize("method", ["PUT", "POST"])
def test_a_store_that_goes_wrong_with_the_crc32c_of_parts_gets_the_file_with_md5(
    net: MakeNet, checking_s3: Server, method: str
) -> None:
    """At a part, or at the end."""
    one = net(checking_s3, Rule(Status(400, "InvalidRequest"), method, query="uploadId"))
    one.upload({"large": LARGE})
    begun = one.proxy.seen("POST", query="uploads")
    assert [seen.request.get("x-amz-checksum-algorithm") for seen in begun] == ["CRC32C", None]
    assert len(one.proxy.seen("DELETE", query="uploadId")) == 1
    assert one.download() == {"large": LARGE}


def test_an_upload_goes_on_as_it_was_begun(checking_s3: Server, plane: str) -> None:
    """Whatever the process that goes on thinks of the store; more parts than fit on a page of a listing."""
    bucket, page = checking_s3.make_bucket(), 1000
    with closing(opened(checking_s3, plane, bucket)) as store:
        for checks_then, checks_now, count in ((True, False, page + 1), (False, True, 2), (True, True, 2)):
            store.learn({"sums": checks_then})
            begun = store.start_multipart("k", 1)
            parts = [begun.put_part(number, b"x") for number in range(1, count + 1)]
            store.learn({"sums": checks_now})
            upload = store.resume_multipart("k", begun.upload_id, 1, parts)
            assert len(upload.landed) == count
            upload.put_part(count + 1, b"y")
            upload.complete()
            assert store.read("k", limit=MIB)[0] == b"x" * count + b"y"


def test_parts_whose_crc32c_the_store_does_not_tell_are_sent_again(
    flaky: Flaky, checking_s3: Server, plane: str
) -> None:
    untold = Rewrite(body=lambda body: re.sub(b"<ChecksumCRC32C>.*?</ChecksumCRC32C>", b"", body, count=1))
    _, seen = flaky(checking_s3, Rule(untold, "GET", query="uploadId"))
    with closing(opened(seen, plane)) as store:
        begun = store.start_multipart("k", 1)
        parts = [begun.put_part(number, b"x") for number in (1, 2)]
        upload = store.resume_multipart("k", begun.upload_id, 1, parts)
        assert upload.landed == {2: parts[1]}
        upload.put_part(1, b"x")
        upload.complete()
        assert store.read("k", limit=MIB)[0] == b"xx"


def test_an_upload_of_which_nobody_tells_how_it_was_begun_starts_over(
    flaky: Flaky, checking_s3: Server, plane: str
) -> None:
    """Without the right to list its parts."""
    _, seen = flaky(checking_s3, Rule(Status(403, "AccessDenied"), "GET", query="uploadId", on="@1+"))
    with closing(opened(seen, plane)) as store:
        begun = store.start_multipart("k", 1)
        part = begun.put_part(1, b"x")
        with pytest.raises(NotFound, match="does not go on"):
            store.resume_multipart("k", begun.upload_id, 1, [part]).put_part(2, b"y")
        with pytest.raises(NotFound, match="does not go on"):
            store.resume_multipart("k", begun.upload_id, 1, [part]).complete()
        with pytest.raises(UsageError, match="checksum for each part"):
            store.finish_upload("k", begun.upload_id, [(1, part.etag or "")], 1, if_absent=False)


def test_without_the_library_in_c_all_goes_with_md5(
    checking_s3: Server, plane: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(opened(checking_s3, plane)) as store:
        begun = store.start_multipart("k", 1)
        begun.put_part(1, b"x")
        monkeypatch.setattr(crc32c, "_extend", lambda: None)
        assert not proves(store)
        assert "ContentMD5" in store.asked_put("k", LARGE)[1]
        assert not store.begin_upload("k").summed
        with pytest.raises(NotFound, match="CRC32C"):
            store.resume_multipart("k", begun.upload_id, 1, [Part(1, 1)])


ENDPOINTS = {
    None: True,
    "https://store.example": True,
    "http://127.0.0.1:9": True,
    "http://[::1]:9": True,
    "http://10.0.0.1:9000": False,
    "http://store.example": False,
}
"""Whether bodies need nothing more than a checksum there."""


@pytest.mark.row("X5")
@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_over_plain_http_to_another_machine_bodies_are_bound_by_md5(endpoint: str | None, plane: str) -> None:
    """By fsspec's client, whatever the checksum, by the SHA-256 in the signature."""
    keys = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "y", "AWS_REGION": "us-east-1"}
    environ = {**keys, "WABUCKET_DATA_PLANE": plane} | ({"AWS_ENDPOINT_URL": endpoint} if endpoint else {})
    with closing(S3.open("s3://b1c", environ)) as store:
        assert isinstance(store, S3Storage)
        assert set(store.trials) == ({"sums"} if ENDPOINTS[endpoint] or plane == "fsspec" else set())


ANSWERS = {
    "500": (Status(500, "InternalError"), "@3+", False),
    "another reason": (Status(400, "InvalidArgument"), "@3+", False),
    "the same by another name": (Status(400, "InvalidDigest"), "@3+", True),
    "nothing": (Reset(), "@3+", False),
    "nothing once": (Reset(), "@3", True),
    "not now": (Status(503, "SlowDown"), "@3", None),
}
"""And whether it is taken for one that checks; None: asked again."""


@pytest.mark.parametrize("what", ANSWERS)
def test_what_a_store_may_say_of_a_wrong_crc32c(flaky: Flaky, checking_s3: Server, plane: str, what: str) -> None:
    answer, on, proven = ANSWERS[what]
    _, seen = flaky(checking_s3, Rule(answer, "PUT", "trial", on=on))
    with closing(opened(seen, plane)) as store:
        if proven is None:
            with pytest.raises(TransientError):
                proves(store)
        assert proves(store) == (proven is not False)
