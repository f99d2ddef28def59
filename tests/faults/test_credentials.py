"""Credentials that are missing, wrong, weak or worn out, and clocks that are off."""

import re
import stat
import sys
from pathlib import Path

import pytest

from tests.faults import invariants, trees
from tests.faults.conftest import MakeNet, MakeWorld
from tests.faults.network import FILES, Net
from tests.faults.procs import Ended, World
from tests.faults.proxy import Expire, Rule, Status
from tests.faults.test_answers import LARGE
from tests.servers import ACCESS_KEY, SECRET_KEY, Server, faketime_library
from wabucketref.errors import NotAuthorised

pytestmark = pytest.mark.usefixtures("plane")

UPLOAD = ("upload", "src", "-n", "cats", "-t", "dataset", "-a")


@pytest.mark.row("C1")
@pytest.mark.needs("rclone")
def test_credentials_that_are_no_good_are_refused_at_once(net: MakeNet, rclone_s3: Server) -> None:
    """No try is repeated, whatever is wrong with them."""
    wrong = {
        "a wrong secret": {"AWS_SECRET_ACCESS_KEY": "a-wrong-secret-that-is-long-enough-to-be-one"},
        "an unknown key": {"AWS_ACCESS_KEY_ID": "AKIAUNKNOWNUNKNOWN01"},
        "none": {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""},
    }
    for what, changes in wrong.items():
        for _ in range(5):
            one = net(rclone_s3)
            one.world.env.update(changes)
            error = one.refused(one.upload)
            if not one.slept:
                break  # else its answer was lost: rclone hangs up on a body that it does not want
        assert type(error) is NotAuthorised, what
        assert "AWS_ACCESS_KEY_ID" in (error.hint or ""), what
        assert "a-wrong-secret" not in f"{error}{error.hint}"
        asked = [(one.method, one.path, one.query) for one in one.proxy.log]
        # side by side: four trials, the header, what lies around it, and the aliases before
        assert len(asked) == len(set(asked)) <= (0 if what == "none" else 7), what
        assert one.slept == [], what


@pytest.mark.row("C1")
@pytest.mark.needs("moto")
@pytest.mark.parametrize("code", ["InvalidAccessKeyId", "SignatureDoesNotMatch", "AccessDenied", "AccountProblem"])
def test_what_is_revoked_in_the_middle_is_not_tried_again(net: MakeNet, moto_s3: Server, code: str) -> None:
    one = net(moto_s3, Rule(Status(403, code), "PUT", r"/(a\.txt|b\.bin)$", on="@1+"))
    error = one.refused(one.upload)
    assert type(error) is NotAuthorised
    assert code in str(error)
    assert "PROXY" in str(error)
    assert one.slept == []
    assert len(one.proxy.seen("PUT", r"/a\.txt$")) <= 1


@pytest.mark.row("C1", "O7")
@pytest.mark.needs("moto")
def test_the_right_to_give_parts_back_is_optional(
    net: MakeNet, moto_s3: Server, caplog: pytest.LogCaptureFixture
) -> None:
    """The error is the one that matters; that parts are left is a warning."""
    refused = Status(403, "AccessDenied")
    one = net(
        moto_s3,
        Rule(Status(400, "EntityTooLarge"), "POST", query="uploadId", on="@1+"),
        Rule(refused, "DELETE", query="uploadId", on="@1+"),
    )
    error = one.refused(one.upload, {"large": LARGE})
    assert "EntityTooLarge" in str(error)
    assert "AccessDenied" in caplog.text
    assert "left in" in caplog.text


HELPER = """#!{python}
import json, pathlib
count = pathlib.Path(__file__).with_name("asked")
number = len(count.read_text()) if count.exists() else 0
count.write_text("x" * (number + 1))
print(json.dumps({{"Version": 1, "AccessKeyId": "{key}", "SecretAccessKey": "{secret}",
    "SessionToken": f"token-{{number}}", "Expiration": "2099-01-01T00:00:00Z"}}))
"""


@pytest.fixture
def helper(tmp_path: Path) -> Path:
    """A credential process that gives another token each time, and notes how often it was asked."""
    program = tmp_path / "helper"
    program.write_text(HELPER.format(python=sys.executable, key=ACCESS_KEY, secret=SECRET_KEY))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    (tmp_path / "config").write_text(f"[default]\ncredential_process = {program}\n")
    return tmp_path / "config"


def with_helper(net: MakeNet, server: Server, config: Path, *rules: Rule) -> Net:
    one = net(server, *rules)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        del one.world.env[name]
    one.world.env["AWS_CONFIG_FILE"] = str(config)
    return one


@pytest.mark.row("C3")
@pytest.mark.needs("moto")
def test_a_token_that_expires_in_the_middle_is_renewed(net: MakeNet, moto_s3: Server, helper: Path) -> None:
    """The provider is asked once, however many requests meet it; no part is sent twice."""
    one = with_helper(net, moto_s3, helper, Rule(Expire("token-0"), query="partNumber=2", on="@1+"))
    one.upload({"large": LARGE, **FILES})
    parts = [part for part in one.proxy.seen("PUT", query="partNumber") if part.status == 200]
    assert sum(part.sent for part in parts) == len(LARGE)
    assert helper.with_name("asked").read_text() == "xx"
    assert one.download() == {"large": LARGE, **FILES}
    assert one.slept == []


@pytest.mark.row("C3")
@pytest.mark.needs("moto")
def test_many_requests_at_once_meet_an_expired_token(net: MakeNet, moto_s3: Server, helper: Path) -> None:
    files: dict[str, bytes | None] = {f"{number:02}": b"%02d" % number for number in range(30)}
    one = with_helper(net, moto_s3, helper, Rule(Expire("token-0"), "PUT", r"/\d\d$", on="@1+"))
    one.upload(files)
    assert helper.with_name("asked").read_text() == "xx"
    assert one.download() == files


@pytest.mark.row("C3", "C1")
@pytest.mark.needs("moto")
def test_a_token_that_stays_expired(net: MakeNet, moto_s3: Server, helper: Path) -> None:
    """HEAD requests, whose answers carry no reason, say it as well."""
    one = with_helper(net, moto_s3, helper, Rule(Expire(), "PUT|GET|HEAD", r"/a\.txt$", on="@1+"))
    error = one.refused(one.upload)
    assert type(error) is NotAuthorised
    assert "ExpiredToken" in str(error)
    assert "new credentials" in (error.hint or "")
    assert len(one.proxy.seen("PUT", r"/a\.txt$")) == 2
    with one.open() as workspace:
        storage = workspace.open_storage(one.world.bucket)
        assert "ExpiredToken" in str(one.refused(storage.head, "a.txt"))


def at(time: str, world: World, *argv: str) -> Ended:
    """A command line that sees the time that is given as libfaketime knows it."""
    faked = {"LD_PRELOAD": str(faketime_library()), "FAKETIME": time, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    return world.alone(*argv, env=faked)


@pytest.mark.row("C2")
@pytest.mark.needs("rclone", "faketime")
def test_a_clock_that_is_off_is_said_with_the_minutes(make_world: MakeWorld, rclone_s3: Server) -> None:
    """rclone refuses with RequestTimeTooSkewed, as AWS does."""
    world = make_world(rclone_s3)
    trees.make(world.directory / "src", FILES)
    ended = at("+20m", world, "--json", *UPLOAD, "one")
    assert ended.code == 4, ended
    assert re.search(r"your clock is (19|20) min ahead of the store's", ended.json()["error"]["hint"]), ended
    doctor = at("@1970-01-02 00:00:00", world, "doctor")
    assert re.search(r"your clock is \d{8} min behind the store's", doctor.out), doctor
    assert world.run(*UPLOAD, "one").code == 0


@pytest.mark.row("C2")
@pytest.mark.needs("moto", "faketime")
def test_the_order_of_versions_does_not_depend_on_clocks(make_world: MakeWorld, moto_s3: Server) -> None:
    """moto takes any time."""
    world = make_world(moto_s3)
    trees.make(world.directory / "src", FILES)
    ended = at("@2099-01-02 00:00:00", world, *UPLOAD, "a0")
    assert ended.code == 0, ended
    trees.make(world.directory / "src", {"later": b"x"})
    assert world.run(*UPLOAD, "a1").code == 0
    items = world.ok("ls", "dataset/cats")["items"]
    assert [(item["alias"], item["version"]) for item in items] == [("a1", "v1"), ("a0", "v0")]
    assert "latest" in items[0]["aliases"]
    invariants.settled(world)
