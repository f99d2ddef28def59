"""Peers that take a request and then do nothing, or next to nothing."""

import importlib
import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.conftest import MakeNet
from tests.faults.network import FILES
from tests.faults.proxy import Drip, Rule, Stall
from tests.planes import GS as GCS
from tests.planes import S3
from tests.servers import Server, start_rclone
from wabucketref.errors import OutcomeUnknown, TransientError
from wabucketref.retry import RetryPolicy
from wabucketref.store.wrappers.retrying import Retrying

pytestmark = pytest.mark.usefixtures("plane")

STALL = 0.8
LARGE = b"large" * (1 << 20)
"""More than the sockets on the way hold."""
AWS = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "y"}


@pytest.mark.row("W2")
@pytest.mark.needs("moto")
def test_what_stands_still_is_sent_anew_and_other_files_go_on(net: MakeNet, moto_s3: Server) -> None:
    """On the way up and down: silent from the start, silent after headers, silent in the body, a byte a second."""
    up = [Stall(), Stall(1000, up=True), Drip(1.0, up=True)]
    down = [Stall(), Stall(0), Stall(1000), Drip(1.0)]
    files: dict[str, bytes | None] = {str(n): LARGE + b"%d" % n for n in range(4)} | {"other": LARGE}
    one = net(
        moto_s3,
        *[Rule(mishap, "PUT", f"/{n}$") for n, mishap in enumerate(up)],
        *[Rule(mishap, "GET", f"/{n}$") for n, mishap in enumerate(down)],
    )
    begun = time.monotonic()
    one.upload(files, stall_timeout=STALL)
    assert len(up) <= len(one.slept) <= 3 * len(up)  # a busy machine stands still by itself
    assert one.download(stall_timeout=STALL) == files
    assert len(up) + len(down) <= len(one.slept) <= 3 * (len(up) + len(down))
    assert time.monotonic() - begun > 2 * STALL
    order = [one.path.rpartition("/")[2] for one in one.proxy.seen("PUT", r"/(\d|other)$") if one.status == 200]
    assert order.index("other") < len(order) - 1, "it waited for others"


@pytest.mark.row("W2")
@pytest.mark.needs("moto")
def test_what_stands_still_for_ever_is_given_up(net: MakeNet, moto_s3: Server) -> None:
    one = net(moto_s3, Rule(Stall(), "PUT", r"/a\.txt$", on="@1+"))
    error = one.refused(one.upload, stall_timeout=0.1)
    assert type(error) is OutcomeUnknown
    assert "gave up after 8 tries" in str(error)
    one = net(moto_s3, Rule(Drip(1.0), "GET", r"/a\.txt$", on="@1+"))
    one.upload()
    error = one.refused(one.download, stall_timeout=0.1)
    assert "no progress for 0.1 s" in str(error)
    assert "gave up after 8 tries" in str(error)


@pytest.mark.row("W2")
@pytest.mark.needs("rclone")
def test_a_server_that_is_stopped_and_goes_on(net: MakeNet, tmp_path: Path) -> None:
    server = start_rclone(tmp_path)
    try:
        one = net(server)
        os.kill(server.process.pid, signal.SIGSTOP)
        really = one.clock.sleep

        def sleep(seconds: float) -> None:
            os.kill(server.process.pid, signal.SIGCONT)
            really(seconds)

        one.clock.sleep = sleep  # type: ignore[method-assign]
        one.upload(stall_timeout=STALL)
        assert one.slept
        assert one.download() == FILES
    finally:
        server.stop()


@pytest.fixture
def deaf() -> Iterator[str]:
    """The address of a server that never accepts."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        with socket.socket() as first:
            first.connect(listening.getsockname())  # the only place in the queue
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"


@pytest.mark.row("W2", "B1")
def test_a_server_that_never_accepts(deaf: str, plane: str) -> None:
    """As long as nobody has answered the tries end within 10 seconds; each waits up to 4."""
    for module in ("s3fs", "gcsfs") if plane == "fsspec" else ():
        importlib.import_module(module)  # takes longer than a try on a busy machine
    for factory, url, environ in (
        (S3, "s3://bucket", {**AWS, "AWS_ENDPOINT_URL": deaf}),
        (GCS, "gs://bucket", {"STORAGE_EMULATOR_HOST": deaf}),
    ):
        store = factory.open(url, {**environ, "WABUCKET_STALL_TIMEOUT": "0.2"})
        begun, slept = time.monotonic(), []
        policy = RetryPolicy(sleep=slept.append)
        with pytest.raises(TransientError, match="gave up after") as caught:
            Retrying(store, policy).put("a", b"1", if_absent=True)
        assert caught.value.unreachable
        assert time.monotonic() - begun < 10
        store.close()
