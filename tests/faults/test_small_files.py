"""Very many small files, many under way at once from one thread: what befalls some leaves the others alone."""

from collections import Counter

import pytest

from tests.faults import buckets, trees
from tests.faults.conftest import Flaky, MakeNet, MakeWorld
from tests.faults.network import REF, Net
from tests.faults.proxy import Call, Cut, DropAnswer, Exchange, Mishap, Reset, Rule, Status
from tests.servers import Server
from wabucketref.errors import IntegrityError, NotFound, SourceChanged

pytestmark = pytest.mark.needs("moto")

NUMBER = 120
FILES: dict[str, bytes | None] = {f"d{n % 7}/{n:03}": b"%03d" % n * (n * 40) for n in range(NUMBER)}
UPLOAD = ("upload", "src", "-n", "cats", "-t", "dataset", "-a", "one")
DOWNLOAD = ("download", REF, "-d", "out")
SOME: dict[int, Mishap] = {
    10: Reset(),
    30: Cut(10, up=True, reset=True),
    50: DropAnswer(),
    51: DropAnswer(reset=True),
    70: Status(500, "InternalError"),
    90: Status(503, "SlowDown", {"Retry-After": "7"}),
}


@pytest.fixture(autouse=True)
def native(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WABUCKET_DATA_PLANE", "native")


def asked(net: Net, method: str) -> Counter[str]:
    """How often each file was, by its number."""
    return Counter(one.path[-3:] for one in net.proxy.seen(method, r"/d\d/\d\d\d$"))


@pytest.mark.row("W1")
@pytest.mark.parametrize("method", ["PUT", "GET"])
def test_what_befalls_some_is_mended_and_the_others_go_once(net: MakeNet, moto_s3: Server, method: str) -> None:
    rules = [Rule(mishap, method, f"/{n:03}$") for n, mishap in SOME.items()]
    one = net(moto_s3, *rules)
    one.upload(FILES)
    assert one.download() == FILES
    times = asked(one, method)
    assert len(times) == NUMBER
    twice = {n for n, count in times.items() if count > 1}
    assert {f"{n:03}" for n in SOME} - {"050", "051"} <= twice
    # An end of a connection may strike another request that was begun on it just then.
    assert len(twice) <= 2 * len(SOME)
    assert max(times.values()) <= 3
    assert [seconds for seconds in one.slept if seconds >= 7] == [7]


@pytest.mark.row("S4")
def test_a_file_that_changes_while_others_are_sent(net: MakeNet, moto_s3: Server) -> None:
    one = net(moto_s3)

    def change(exchange: Exchange) -> None:
        (one.world.directory / "src-0" / "d6" / "118").write_bytes(b"other")

    one.proxy.add(Rule(Call(change), "PUT", r"/d\d/\d\d\d$"))
    assert type(one.refused(one.upload, FILES)) is SourceChanged
    assert isinstance(one.refused(one.download), NotFound)
    assert asked(one, "PUT")["118"] == 0


@pytest.mark.row("W4")
def test_a_damaged_object_among_many(net: MakeNet, moto_s3: Server) -> None:
    """It is read as often as any that seems damaged on its way, and then nothing is there."""
    one = net(moto_s3)
    one.upload(FILES)
    name = one.world.bucket.removeprefix("s3://")
    s3 = buckets.client(moto_s3)
    s3.put_object(Bucket=name, Key="dataset/cats/one/d4/060", Body=b"x" * len(FILES["d4/060"] or b""))
    assert type(one.refused(one.download)) is IntegrityError
    assert asked(one, "GET")["060"] == 3
    assert not (one.world.directory / "out-0").exists()


@pytest.mark.row("K1")
def test_killed_in_the_middle_only_the_rest_is_sent_and_fetched(
    make_world: MakeWorld, moto_s3: Server, flaky: Flaky
) -> None:
    proxy, seen = flaky(moto_s3)
    world = make_world(seen)
    net = Net(world, proxy, moto_s3)
    trees.make(world.directory / "src", FILES)
    for command, method, point in ((UPLOAD, "PUT", "upload.file_stored"), (DOWNLOAD, "GET", "download.file_verified")):
        before = asked(net, method).total()
        assert world.run(*command, points=f"{point}=kill@80").code == -9
        first = asked(net, method).total() - before
        world.ok(*command)
        again = asked(net, method).total() - before - first
        assert NUMBER - first <= again <= NUMBER - 79, (method, first, again)
    assert trees.read(world.directory / "out") == FILES
