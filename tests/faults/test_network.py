"""Connections that break, stall or go astray, and answers that ask to come again."""

import re
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from tests.faults.conftest import MakeNet
from tests.faults.proxy import Cut, DropAnswer, Mishap, Reset, Rule, Status
from tests.servers import Server

pytestmark = pytest.mark.usefixtures("plane")

A = r"/a\.txt$"
FOREVER = "@1+"
UP: list[Mishap] = [
    Reset(),
    Cut(10, up=True),
    Cut(10, up=True, reset=True),
    DropAnswer(),
    DropAnswer(reset=True),
    *[Status(status) for status in (408, 429, 500, 502, 503, 504)],
    Status(503, "SlowDown"),
    Status(500, "InternalError"),
]
DOWN: list[Mishap] = [Reset(), Cut(0), Cut(700), Cut(700, reset=True), DropAnswer(), *UP[5:]]
STORES = [
    pytest.param("moto_s3", marks=pytest.mark.needs("moto")),
    pytest.param("rclone_s3", marks=pytest.mark.needs("rclone")),
    pytest.param("gcs_emulator", marks=pytest.mark.needs("gcs")),
]


@pytest.fixture(params=STORES)
def server(request: pytest.FixtureRequest) -> Server:
    found: Server = request.getfixturevalue(request.param)
    return found


def putting(server: Server, name: str, mishap: Mishap, on: str = "") -> Rule:
    """A rule for what stores the file."""
    if server.scheme == "gs":
        return Rule(mishap, "POST", query=f"name=[^&]*(%2F|/){name}(&|$)", on=on)
    return Rule(mishap, "PUT", f"/{name}$", on=on)


def getting(server: Server, name: str, mishap: Mishap, on: str = "") -> Rule:
    """A rule for what reads the file's bytes."""
    return Rule(mishap, "GET", f"^(?!/storage).*/{name}$", on=on)


@pytest.mark.row("W1")
def test_what_passes_is_tried_again(net: MakeNet, server: Server) -> None:
    """One file for each way to fail, twice in a row each."""
    files: dict[str, bytes | None] = {f"{n:02}": b"%02d" % n * 500 for n in range(max(len(UP), len(DOWN)))}
    one = net(
        server,
        *[putting(server, f"{n:02}", mishap, "@1-2") for n, mishap in enumerate(UP)],
        *[getting(server, f"{n:02}", mishap, "@1-2") for n, mishap in enumerate(DOWN)],
    )
    one.upload(files)
    sending = len(one.slept)
    assert one.download() == files
    # A mishap may also end idle connections, each of which costs whoever takes it next a try.
    assert len(UP) <= sending <= 3 * len(UP)
    assert len(DOWN) <= len(one.slept) - sending <= 3 * len(DOWN)
    assert max(one.slept) < 1


@pytest.mark.row("W1")
def test_what_does_not_pass_is_given_up(net: MakeNet, server: Server) -> None:
    """8 tries in all, whatever asks for them, and a message with the count, the code and the request's id."""
    for status, code in ((503, "SlowDown"), (500, "InternalError")):
        rule = putting(server, "a.txt", Status(status, code), FOREVER)
        one = net(server, rule)
        error = one.refused(one.upload)
        assert type(error).exit_code == 5
        assert re.search(rf"bucket .*a\.txt.*({code}|{status}).*gave up after 8 tries in 25\.\d s", str(error))
        assert "PROXY" in str(error)
        assert rule.hits == 8


@pytest.mark.row("W1")
@pytest.mark.needs("moto")
def test_servers_that_say_when_to_come_again(net: MakeNet, moto_s3: Server) -> None:
    """In seconds or by a date; what is huge is capped, what is negative or nonsense counts as nothing."""
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=31), usegmt=True)
    past = format_datetime(datetime.now(UTC) - timedelta(days=1), usegmt=True)
    asked = {"7": 7, soon: 30, "99999999": 60, "-5": 0, past: 0, "someday": 0, "1e999": 0, "nan": 0}
    rules = [Rule(Status(503, headers={"Retry-After": value}), "PUT", f"/{n}$") for n, value in enumerate(asked)]
    one = net(moto_s3, *rules)
    with one.open() as workspace:
        storage = workspace.open_storage(one.world.bucket)
        for number in range(len(asked)):
            storage.put(str(number), b"")
    for (value, seconds), slept in zip(asked.items(), one.slept, strict=True):
        assert abs(slept - seconds) < 20 if value == soon else abs(slept - seconds) < 1, value


@pytest.mark.row("W1")
@pytest.mark.needs("moto")
def test_the_deadline_holds(net: MakeNet, moto_s3: Server) -> None:
    one = net(moto_s3, Rule(Status(429, headers={"Retry-After": "40"}), "PUT", A, on=FOREVER))
    error = one.refused(one.upload, deadline=100)
    assert re.search(r"429.*gave up after 3 tries in 80\.0 s", str(error))
    assert one.clock.now == 80
