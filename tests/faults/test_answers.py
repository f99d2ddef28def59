"""Answers that are cut, damaged, of something else, or not the store's at all."""

import base64
import hashlib
import re
from dataclasses import dataclass

import pytest

from tests.faults.conftest import MakeNet
from tests.faults.http.exchange import Exchange
from tests.faults.http.wire import Body, whole
from tests.faults.network import FILES
from tests.faults.proxy import Cut, Flip, Mishap, Rewrite, Rule, Status
from tests.faults.test_network import getting, putting
from tests.servers import Server

pytestmark = pytest.mark.usefixtures("plane")

PAGE = b"<html><body>Please log in to the guest network</body></html>"
PORTAL = Status(200, body=PAGE)
ERROR = Status(200, "InternalError")
LARGE = bytes(range(256)) * (68 << 10)
"""17 MiB: three parts."""
STORES = [
    pytest.param("moto_s3", marks=pytest.mark.needs("moto")),
    pytest.param("gcs_emulator", marks=pytest.mark.needs("gcs")),
]


@pytest.fixture(params=STORES)
def server(request: pytest.FixtureRequest) -> Server:
    found: Server = request.getfixturevalue(request.param)
    return found


def in_chunks(after: int) -> list[Mishap]:
    """A body that comes in chunks, and breaks off."""
    return [Rewrite({"Content-Length": None, "Transfer-Encoding": "chunked"}), Cut(after)]


WRONG: list[list[Mishap]] = [
    [Cut(500)],
    [Rewrite({"Content-Length": "500"})],
    [Rewrite(body=lambda body: body[:500])],
    [Rewrite(body=lambda body: body + b"more")],
    in_chunks(500),
    [PORTAL],
    [ERROR],
    [Status(204)],
    [Status(302, headers={"Location": "http://127.0.0.1:9/login"}, body=PAGE)],
]


@pytest.mark.row("W3")
def test_files_that_come_down_wrong_are_fetched_anew(net: MakeNet, server: Server) -> None:
    files: dict[str, bytes | None] = {f"{n:02}": b"%02d" % n * 500 for n in range(len(WRONG))}
    rules = [getting(server, f"{n:02}", mishap) for n, wrong in enumerate(WRONG) for mishap in wrong]
    one = net(server, *rules)
    one.upload(files)
    assert one.download() == files
    assert one.proxy.seen("GET", r"/\d\d$")


@pytest.mark.row("W3")
def test_what_stays_wrong_is_damage(net: MakeNet, server: Server) -> None:
    for mishap in (PORTAL, Rewrite(body=lambda body: body[:-1])):
        one = net(server, getting(server, "a.txt", mishap, "@1+"))
        one.upload()
        error = one.refused(one.download)
        assert type(error).exit_code == 7
        assert "a.txt" in str(error)
        assert not any(one.world.directory.glob("out-*"))
        assert len(one.proxy.seen("GET", r"^(?!/storage).*/a\.txt$")) == 3


def ranges(server: Server, *mishaps: list[Mishap]) -> list[Rule]:
    """Rules for the ranges of a large file, in order."""
    return [
        Rule(mishap, "GET", "/large$", headers={"Range": f"bytes={n * (8 << 20)}-"})
        for n, wrong in enumerate(mishaps)
        for mishap in wrong
    ]


@pytest.mark.row("W3")
def test_ranges_that_come_down_wrong_are_fetched_anew(net: MakeNet, server: Server) -> None:
    whole = [Rewrite(status=200, headers={"Content-Range": None}, body=lambda _: LARGE)]
    other = [Rewrite({"Content-Range": f"bytes 0-9/{len(LARGE)}"})]
    one = net(server, *ranges(server, whole, other, [Rewrite(body=lambda body: body[:-1])]))
    one.upload({"large": LARGE})
    assert one.download() == {"large": LARGE}
    two = net(server, *ranges(server, [Rewrite(body=lambda body: body + b"more")], whole, in_chunks(100)))
    two.upload({"large": LARGE})
    assert two.download() == {"large": LARGE}


@pytest.mark.row("W3")
def test_a_list_and_a_manifest_that_come_down_wrong(net: MakeNet, server: Server) -> None:
    for mishap in (PORTAL, ERROR, Flip(at=30), Rewrite(body=lambda body: body[:-20])):
        one = net(server)
        one.upload()
        for name in (r"manifest\.json", r"entries\.jsonl\.zst"):
            one.proxy.add(getting(server, name, mishap))
        assert one.download() == FILES
    one.proxy.add(getting(server, r"manifest\.json", PORTAL, "@1+"))
    error = one.refused(one.download)
    assert type(error).exit_code == 7
    assert "manifest" in str(error)


@pytest.mark.row("W3")
@pytest.mark.needs("moto")
def test_a_page_instead_of_a_list_is_not_an_empty_bucket(net: MakeNet, moto_s3: Server) -> None:
    for mishap in (PORTAL, ERROR):
        one = net(moto_s3, Rule(mishap, "GET", query="list-type", on="@1-2"))
        one.upload()
        assert one.download() == FILES
        one.proxy.add(Rule(mishap, "GET", query="list-type", on="@1+"))
        error = one.refused(one.download, "dataset/cats:none")
        assert type(error).exit_code == 5


@pytest.mark.row("W3")
def test_a_page_instead_of_the_answer_to_a_write(net: MakeNet, server: Server) -> None:
    """It did not get there, whatever the status says."""
    files: dict[str, bytes | None] = {**FILES, "large": LARGE}
    names = ["a.txt", r"manifest\.json", r"entries\.jsonl\.zst", "claim.*json"]
    one = net(server, *[putting(server, name, PORTAL) for name in names])
    one.proxy.add(Rule(PORTAL, "POST", query="uploads|uploadType=resumable&name"))
    one.proxy.add(Rule(PORTAL, "PUT", query="upload_id|uploadId"))
    if server.scheme == "s3":
        one.proxy.add(Rule(PORTAL, "POST", query="uploadId"))
    one.upload(files)
    assert one.download() == files
    one = net(server, putting(server, "a.txt", PORTAL, "@1+"))
    error = one.refused(one.upload)
    assert type(error).exit_code == 5
    assert "store" in str(error)


@pytest.mark.row("W4")
def test_a_bit_that_flips_on_the_way_down(net: MakeNet, server: Server) -> None:
    files: dict[str, bytes | None] = {**FILES, "large": LARGE}
    one = net(server, getting(server, "a.txt", Flip(), "@1-2"), Rule(Flip(), "GET", "/large$", headers={"Range": "."}))
    one.upload(files)
    assert one.download() == files
    one.proxy.add(getting(server, "a.txt", Flip(at=5), "@1+"))
    error = one.refused(one.download)
    assert type(error).exit_code == 7
    assert "'a.txt' in the bucket is not what its manifest says" in str(error)


def every_write(server: Server) -> list[Rule]:
    """One bit flips in the first try of each object of an upload."""
    names = ["a.txt", r"b\.bin", r"manifest\.json", r"entries\.jsonl\.zst", "claim.*json"]
    return [putting(server, name, Flip(up=True)) for name in names]


@pytest.mark.row("W4")
def test_a_bit_that_flips_on_the_way_up(net: MakeNet, server: Server) -> None:
    """The store does not notice; its checksum of what it stored is compared."""
    one = net(server, *every_write(server))
    one.upload()
    assert one.download() == FILES


@pytest.mark.row("W4")
@pytest.mark.needs("rclone")
def test_a_store_that_refuses_what_was_damaged_on_the_way_up(net: MakeNet, rclone_s3: Server) -> None:
    """Parts of large files, too."""
    files: dict[str, bytes | None] = {**FILES, "large": LARGE}
    one = net(rclone_s3, *every_write(rclone_s3), Rule(Flip(up=True), "PUT", query="partNumber=2"))
    one.upload(files)
    assert one.download() == files


@dataclass
class Forge(Mishap):
    """Other bytes of the same length go up, and their checksum with them, or none."""

    body: bytes = b""
    declared: bool = True

    async def asked(self, exchange: Exchange) -> None:
        checksum = base64.b64encode(hashlib.md5(self.body).digest()).decode()
        exchange.request.set("Content-MD5", checksum if self.declared else None)

    def sending(self, exchange: Exchange, body: Body) -> Body:
        return self._exchanged(body)

    async def _exchanged(self, body: Body) -> Body:
        await whole(body)
        yield self.body


@pytest.mark.row("W4")
@pytest.mark.needs("rclone")
@pytest.mark.parametrize("declared", [True, False])
def test_who_sits_between_cannot_exchange_what_goes_up_over_plain_http(
    net: MakeNet, rclone_s3: Server, declared: bool
) -> None:
    """The signature covers the checksum, and rclone's server checks both."""
    assert FILES["a.txt"] is not None
    forged = Forge(body=bytes(len(FILES["a.txt"])), declared=declared)
    one = net(rclone_s3, Rule(forged, "PUT", r"/a\.txt$", on="@1+"))
    one.refused(one.upload)


@pytest.mark.row("W4")
@pytest.mark.needs("rclone")
def test_every_body_that_goes_up_over_plain_http_is_signed(net: MakeNet, rclone_s3: Server) -> None:
    """By its MD5 or its SHA-256: also the list of the parts of a large file, which has no Content-MD5."""
    one = net(rclone_s3)
    one.upload({**FILES, "large": LARGE})
    sent = [request.request for request in one.proxy.seen("PUT|POST")]
    assert len(sent) > len(FILES) + 5
    for head in sent:
        names = (head.get("Authorization") or "").partition("SignedHeaders=")[2].partition(",")[0].split(";")
        by_content = re.fullmatch("[0-9a-f]{64}", head.get("X-Amz-Content-Sha256") or "")
        on_this_machine = "x-amz-checksum-crc32c" in names  # test_sums.py: elsewhere it is never sent by plain http
        assert by_content or "content-md5" in names or on_this_machine, head


@pytest.mark.row("W4")
@pytest.mark.needs("gcs")
def test_a_large_object_that_is_not_what_was_sent(net: MakeNet, gcs_emulator: Server) -> None:
    one = net(gcs_emulator, Rule(Flip(up=True), "PUT", query="upload_id", on="@2"))
    one.upload({"large": LARGE})
    assert one.download() == {"large": LARGE}
