"""Writes that the store carried out or not, and of which it says nothing, something else, or both."""

import re

import pytest

from tests.faults import buckets
from tests.faults.conftest import MakeNet
from tests.faults.network import FILES, Net
from tests.faults.proxy import Call, DropAnswer, Exchange, Flip, Mishap, Precondition, Rewrite, Rule, Status
from tests.faults.test_answers import LARGE
from tests.faults.test_network import putting
from tests.servers import Server
from wabucketref.errors import AliasTaken, OutcomeUnknown

pytestmark = pytest.mark.usefixtures("plane")

HEADER = r"manifest\.json"
NO_SUCH_UPLOAD = b"<Error><Code>NoSuchUpload</Code><Message>it is over</Message></Error>"
INTERNAL = b"<Error><Code>InternalError</Code><Message>or not</Message></Error>"


def other(net: Net) -> Net:
    """Another home that writes to the same bucket, past the proxy."""
    aside = net.world.directory / "other"
    aside.mkdir(exist_ok=True)
    world = type(net.world)(net.world.zygote, aside, dict(net.server.environ), net.world.bucket)
    return Net(world, net.proxy, net.server)


@pytest.mark.row("O1")
@pytest.mark.needs("moto", "gcs")
@pytest.mark.parametrize("part", ["moto_s3", "gcs_emulator"])
def test_the_answer_to_the_commit_is_lost(net: MakeNet, request: pytest.FixtureRequest, part: str) -> None:
    """It is found to be there, and to be ours: in whatever way the answer got lost, and if it arrived damaged."""
    server = request.getfixturevalue(part)
    for mishaps in ([DropAnswer()], [DropAnswer(reset=True)], [Rewrite(status=500)], [Flip(up=True), DropAnswer()]):
        one = net(server, Rule(Precondition()), *[putting(server, HEADER, mishap) for mishap in mishaps])
        one.upload()
        assert one.download() == FILES
        with pytest.raises(AliasTaken):
            one.upload({"a": b"other"})


@pytest.mark.row("O1", "W1")
@pytest.mark.needs("moto", "gcs")
@pytest.mark.parametrize("part", ["moto_s3", "gcs_emulator"])
def test_no_client_repeats_a_request_by_itself(net: MakeNet, request: pytest.FixtureRequest, part: str) -> None:
    """HTTP clients send again what they take for idempotent; the answer would be about the second request then."""
    one = net(request.getfixturevalue(part), Rule(Precondition()))
    writes = "PUT|POST|DELETE"
    with one.open() as workspace:
        storage = workspace.open_storage(one.world.bucket)
        assert storage.capabilities.replace_if_match
        for write in (
            lambda etag: storage.put("a", b"2", if_match=etag),
            lambda etag: storage.put("a", b"", if_match=etag),
            lambda etag: storage.delete("a", if_match=etag),
        ):
            for reset in (False, True):
                etag = storage.put("a", b"1").etag
                begun = len(one.proxy.seen(writes))
                one.proxy.add(Rule(DropAnswer(reset), writes))
                assert type(one.refused(write, etag)) is OutcomeUnknown
                assert len(one.proxy.seen(writes)) == begun + 1


@pytest.mark.row("O1")
@pytest.mark.needs("moto")
def test_the_commit_of_another_is_not_taken_for_ours(net: MakeNet, moto_s3: Server) -> None:
    """A rival whose claim nobody sees commits in the last moment; and our own answer is lost as well."""
    for mishaps in ([], [DropAnswer()]):
        one = net(moto_s3)
        rival = other(one)

        def commit(exchange: Exchange, one: Net = one, rival: Net = rival) -> None:
            s3 = buckets.client(moto_s3)
            bucket = one.world.bucket.removeprefix("s3://")
            s3.delete_object(Bucket=bucket, Key="dataset/cats/one/.wabucket/claim.json")
            rival.upload({"a": b"of the rival"})
            s3.close()

        for mishap in [Call(commit), *mishaps]:
            one.proxy.add(putting(moto_s3, HEADER, mishap))
        error = one.refused(one.upload)
        assert type(error).exit_code == 6
        assert one.download() == {"a": b"of the rival"}


@pytest.mark.row("O2")
@pytest.mark.needs("moto")
def test_a_conflict_that_was_none(net: MakeNet, moto_s3: Server) -> None:
    """The store says 409 or 412 though nothing is there: it is asked what is, and tried again."""
    for mishap in (Status(409, "ConditionalRequestConflict"), Status(412, "PreconditionFailed")):
        one = net(moto_s3, *[putting(moto_s3, name, mishap, "@1-2") for name in (HEADER, "a.txt", "claim.json")])
        one.upload()
        assert one.download() == FILES
        one = net(moto_s3, putting(moto_s3, HEADER, mishap, "@1+"))
        error = one.refused(one.upload)
        assert type(error).exit_code == 5
        assert "neither yes nor no" in str(error)
        assert "gave up after 8 tries" in str(error)


@pytest.mark.row("O4")
@pytest.mark.needs("moto")
@pytest.mark.parametrize(
    "mishap",
    [
        DropAnswer(),
        Rewrite(status=500),
        Rewrite(body=lambda _: INTERNAL),
        Rewrite(status=404, body=lambda _: NO_SUCH_UPLOAD),
        Rewrite(body=lambda _: b"<html>come in</html>"),
    ],
    ids=["lost", "500", "200 with an error", "404", "200 with a page"],
)
def test_a_large_upload_that_is_there_is_not_sent_again(net: MakeNet, moto_s3: Server, mishap: Mishap) -> None:
    one = net(moto_s3, Rule(mishap, "POST", query="uploadId"))
    result = one.upload({"large": LARGE})
    assert sum(part.sent for part in one.proxy.seen("PUT", query="partNumber")) == len(LARGE)
    assert result.transfer.bytes_moved == len(LARGE)
    assert one.download() == {"large": LARGE}


@pytest.mark.row("O4")
@pytest.mark.needs("moto")
def test_a_large_upload_that_is_not_there_is_completed(net: MakeNet, moto_s3: Server) -> None:
    for mishap in (Status(500, "InternalError"), Status(200, "InternalError"), Status(503, "SlowDown")):
        one = net(moto_s3, Rule(mishap, "POST", query="uploadId"))
        one.upload({"large": LARGE})
        assert sum(part.sent for part in one.proxy.seen("PUT", query="partNumber")) == len(LARGE)
        assert one.download() == {"large": LARGE}


@pytest.mark.row("O5")
@pytest.mark.needs("moto")
def test_etags_that_are_no_digests(net: MakeNet, moto_s3: Server) -> None:
    """As under KMS: 32 hexadecimal digits of something else. Nothing is sent twice, our own digest judges."""
    files: dict[str, bytes | None] = {**FILES, "large": LARGE}
    etag = '"' + "0123456789abcdef" * 2 + '"'
    for other_etag in (etag, '"not-hex"', f"W/{etag}"):
        one = net(
            moto_s3,
            Rule(Rewrite({"ETag": other_etag}), "PUT", r"/(a\.txt|b\.bin)$", on="@1+"),
            Rule(Rewrite({"ETag": other_etag}), "GET|HEAD", r"/(a\.txt|b\.bin|large)$", on="@1+"),
        )
        one.upload(files)
        assert one.download() == files
        assert len(one.proxy.seen("PUT", r"/a\.txt$")) == 1


@pytest.mark.row("O5")
@pytest.mark.needs("gcs")
def test_a_store_that_says_no_md5(net: MakeNet, gcs_emulator: Server) -> None:
    """As Google Cloud Storage of objects that it composed of parts."""
    silent = Rewrite(body=lambda body: re.sub(rb'"(md5Hash|crc32c|etag)": ?"[^"]*",? ?', b"", body))
    one = net(gcs_emulator, Rule(silent, "PUT|POST", "^/(upload|storage)", on="@1+"))
    files: dict[str, bytes | None] = {**FILES, "large": LARGE}
    one.upload(files)
    assert one.download() == files
    assert one.upload(files).transfer.bytes_moved == 0
    assert sum(part.sent for part in one.proxy.seen("PUT", query="upload_id")) == len(LARGE)
