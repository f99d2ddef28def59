"""Stores that throttle, refuse for good, keep versions, lock, archive, or list late."""

import pytest

from tests.faults import buckets
from tests.faults.conftest import MakeNet
from tests.faults.network import FILES, Net
from tests.faults.proxy import Crowd, DelayList, Precondition, Rule, Status
from tests.faults.test_answers import LARGE
from tests.faults.test_network import putting
from tests.logs import said
from tests.servers import Server
from wabucketref.errors import AlreadyExists, Archived, NotAuthorised, PreconditionFailed
from wabucketref.model.reference import ArtifactRef
from wabucketref.operations.doctor import doctor
from wabucketref.operations.remove import remove
from wabucketref.operations.verify import verify

pytestmark = pytest.mark.usefixtures("plane")

REF = ArtifactRef.parse("dataset/cats:one")


@pytest.mark.row("W6", "O8")
@pytest.mark.needs("moto")
def test_what_is_refused_for_good_is_asked_once(net: MakeNet, moto_s3: Server) -> None:
    for status, code, exit_code in (
        (501, "NotImplemented", 2),
        (400, "EntityTooLarge", 2),
        (400, "KeyTooLongError", 2),
        (400, "InvalidArgument", 2),
        (405, "MethodNotAllowed", 2),
        (403, "AccessDenied", 4),
        (400, "KMS.DisabledException", 4),
        (403, "InvalidRequestPayer", 4),
        (404, "NoSuchBucket", 3),
    ):
        one = net(moto_s3, Rule(Status(status, code), "PUT", r"/a\.txt$"))
        error = one.refused(one.upload)
        assert type(error).exit_code == exit_code
        assert code in str(error)
        assert "PROXY" in str(error)
        assert one.slept == []


@pytest.mark.row("W6")
@pytest.mark.needs("gcs")
def test_what_google_refuses_for_good_is_asked_once(net: MakeNet, gcs_emulator: Server) -> None:
    for status, exit_code in ((400, 2), (401, 4), (403, 4), (405, 2), (411, 2), (413, 2), (501, 2)):
        body = b'{"error": {"code": %d, "message": "no, and why"}}' % status
        one = net(gcs_emulator, putting(gcs_emulator, "a.txt", Status(status, body=body)))
        error = one.refused(one.upload)
        assert type(error).exit_code == exit_code
        assert f"{status} (no, and why)" in str(error)
        assert "PROXY" in str(error)
        assert one.slept == []


@pytest.mark.row("W6")
@pytest.mark.needs("rclone")
def test_a_name_that_is_too_long_for_the_disk_of_the_store(net: MakeNet, rclone_s3: Server) -> None:
    """rclone answers 500, which may pass: it is given up as all others are."""
    one = net(rclone_s3)
    with one.open() as workspace:
        storage = workspace.open_storage(one.world.bucket)
        error = one.refused(storage.put, "a" * 300, b"1")
    assert type(error).exit_code == 5
    assert len(one.proxy.seen("PUT", "/aaa")) <= 8


@pytest.mark.row("O3")
@pytest.mark.needs("rclone", "gcs")
@pytest.mark.parametrize("part", ["rclone_s3", "gcs_emulator"])
def test_a_store_that_ignores_conditions_is_found_out(
    net: MakeNet, request: pytest.FixtureRequest, part: str, caplog: pytest.LogCaptureFixture
) -> None:
    """By trying; it is said, once, and behind a proxy that keeps conditions it is not."""
    one = net(request.getfixturevalue(part))
    one.upload()
    assert "has no conditional put" in caplog.text
    with one.open() as workspace:
        (found,) = [probe for probe in doctor(workspace) if probe.name == "conditional put"]
        assert "by claims" in found.text
    caplog.clear()
    one = net(request.getfixturevalue(part), Rule(Precondition()))
    one.upload()
    assert said(caplog) == []
    error = one.refused(one.upload, {"a": b"other"})
    assert type(error).exit_code == 6


@pytest.mark.row("O3")
@pytest.mark.needs("gcs")
@pytest.mark.parametrize("sources", [True, False], ids=["heeded", "ignored"])
def test_a_store_that_heeds_the_condition_on_a_source_is_asked_once_a_copy(
    net: MakeNet, gcs_emulator: Server, sources: bool
) -> None:
    """Which is found out by the first copy, in the place of looking at source and copy after each."""
    one = net(gcs_emulator, Rule(Precondition(sources)))
    with one.open() as workspace:
        storage = workspace.open_storage(one.world.bucket)
        seen = storage.put("a", b"data")
        first = storage.copy("a", "first", if_absent=True, seen=seen)
        begun = len(one.proxy.seen())
        second = storage.copy("a", "second", if_absent=True, seen=seen)
        assert len(one.proxy.seen()) == begun + 1
        assert (first.as_seen, second.as_seen) == (sources, sources)
        assert storage.head("second") == second
        storage.put("a", b"other")
        for key, error in (("second", AlreadyExists), ("third", PreconditionFailed))[: 1 + sources]:
            refused = one.refused(lambda key=key: storage.copy("a", key, if_absent=True, seen=seen))
            assert type(refused) is error


@pytest.mark.row("O9")
@pytest.mark.needs("moto")
def test_a_store_that_takes_only_a_few_requests_at_once(net: MakeNet, moto_s3: Server) -> None:
    """Without any wait between tries it is still met: fewer requests are made at once."""
    crowd = Crowd(4)
    files: dict[str, bytes | None] = {f"{number:03}": b"%03d" % number for number in range(100)}
    one = net(moto_s3, Rule(crowd, "PUT", r"/\d{3}$"))
    one.upload(files)
    assert one.download() == files
    assert crowd.struck < 100


@pytest.mark.row("O9")
@pytest.mark.needs("moto", "gcs")
@pytest.mark.parametrize("part", ["moto_s3", "gcs_emulator"])
def test_an_object_that_takes_one_write_a_second(net: MakeNet, request: pytest.FixtureRequest, part: str) -> None:
    """The manifest and the claim are not hammered: each try waits twice as long as the one before."""
    server = request.getfixturevalue(part)
    slow = Status(429, "SlowDown")
    rules = [putting(server, name, slow, "@1-4") for name in (r"manifest\.json", "claim.*json")]
    one = net(server, *rules)
    one.upload()
    assert one.slept == pytest.approx([0.2, 0.4, 0.8, 1.6] * 2)
    assert one.download() == FILES


def versioned(net: Net) -> None:
    s3 = buckets.client(net.server)
    bucket = net.world.bucket.removeprefix("s3://")
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    s3.close()


@pytest.mark.row("O8")
@pytest.mark.needs("moto")
def test_a_bucket_that_keeps_versions(net: MakeNet, moto_s3: Server, caplog: pytest.LogCaptureFixture) -> None:
    """Delete markers are as good as nothing; that old versions remain is said."""
    one = net(moto_s3)
    versioned(one)
    one.upload({**FILES, "large": LARGE})
    assert one.download() == {**FILES, "large": LARGE}
    with one.open(tracker="embedded") as workspace:
        one.upload({"a.txt": b"new"}, overwrite=True)
        assert one.download() == {"a.txt": b"new"}
        assert verify(workspace, REF, deep=True).damage == ()
        assert said(caplog) == []
        remove(workspace, REF)
    assert "keeps old versions" in caplog.text
    error = one.refused(one.download)
    assert type(error).exit_code == 3
    one.upload()
    assert one.download() == FILES


@pytest.mark.row("O8")
@pytest.mark.needs("moto")
def test_what_is_locked_is_said_to_be(net: MakeNet, moto_s3: Server) -> None:
    one = net(moto_s3, Rule(Status(403, "AccessDenied"), "DELETE", r"/a\.txt$", on="@1+"))
    one.upload()
    error = one.refused(one.upload, {"b": b"1"}, overwrite=True)
    assert type(error) is NotAuthorised
    assert "a.txt" in str(error)


@pytest.mark.row("O8")
@pytest.mark.needs("moto")
def test_an_object_in_an_archive(net: MakeNet, moto_s3: Server) -> None:
    one = net(moto_s3)
    one.upload()
    s3, bucket = buckets.client(moto_s3), one.world.bucket.removeprefix("s3://")
    source = {"Bucket": bucket, "Key": "dataset/cats/one/a.txt"}
    s3.copy_object(**source, CopySource=source, StorageClass="GLACIER")
    s3.close()
    error = one.refused(one.download)
    assert type(error) is Archived
    assert error.exit_code == 3
    assert "restore" in (error.hint or "")


@pytest.mark.row("O8")
@pytest.mark.needs("moto")
def test_listings_that_are_late(net: MakeNet, moto_s3: Server) -> None:
    """What a manifest says is not asked of a listing."""
    one = net(moto_s3, Rule(DelayList()))
    one.upload()
    assert one.download() == FILES
    assert one.upload().transfer.bytes_moved == 0
    error = one.refused(one.upload, {"a": b"other"})
    assert type(error).exit_code == 6
    with one.open() as workspace:
        assert verify(workspace, REF, deep=True).damage == ()
    one.upload({"a": b"other"}, overwrite=True)
    assert one.download() == {"a": b"other"}
