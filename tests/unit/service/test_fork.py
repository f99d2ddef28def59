"""A forked child has none of its parent's threads: it is told so at once, whatever lock was held when it was made."""

import os
import threading
import time
import traceback
from collections.abc import Callable

import pytest

from tests.unit.service.fakes import KEY, Floor, upload_plan
from wabucketref.errors import UsageError
from wabucketref.model.run import RunState
from wabucketref.service.client import RunClient
from wabucketref.service.wabucket_pb2 import ConfigRecord, Record

pytestmark = pytest.mark.filterwarnings("ignore:This process.*is multi-threaded:DeprecationWarning")


def in_child(action: Callable[[], None], seconds: float = 10) -> str:
    """What `action` reports from a forked child; fails when the child hangs."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            action()
            os.write(writer, b"ok")
        except BaseException:
            os.write(writer, traceback.format_exc().encode()[-4000:])
        finally:
            os._exit(0)
    os.close(writer)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        done, _ = os.waitpid(pid, os.WNOHANG)
        if done:
            break
        time.sleep(0.01)
    else:
        os.kill(pid, 9)
        os.waitpid(pid, 0)
        os.close(reader)
        pytest.fail("the child hangs")
    with os.fdopen(reader, "rb") as told:
        return told.read().decode()


def publish(client: RunClient) -> None:
    client.publish(Record(config=ConfigRecord(update_json='{"child": 1}')))


USES: dict[str, Callable[[RunClient], object]] = {
    "record": publish,
    "upload": lambda client: client.send(upload_plan(), lambda done: done),
    "finish": lambda client: client.finish(0, RunState.FINISHED, 600),
    "status": lambda client: client.status(),
}


@pytest.mark.parametrize("use", USES)
def test_a_child_gets_a_clear_error(floor: Floor, use: str) -> None:
    client = floor.start()

    def child() -> None:
        with pytest.raises(UsageError, match="belongs to the parent process") as caught:
            USES[use](client)
        assert "forked" in (caught.value.hint or "")
        floor.service.close()

    assert in_child(child) == "ok"
    publish(client)
    assert client.finish(0, RunState.FINISHED, 10) == "recorded"


def test_locks_held_at_the_fork_do_not_matter(floor: Floor) -> None:
    client = floor.start()
    stream = floor.service.stream(KEY.run_id)
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with floor.service._lock, stream.handler._lock, stream.journal.changed, stream.tickets._condition:
            held.set()
            done.wait(20)

    holder = threading.Thread(target=hold)
    holder.start()
    assert held.wait(10)

    def child() -> None:
        for use in USES.values():
            with pytest.raises(UsageError):
                use(client)
        floor.service.close()

    assert in_child(child) == "ok"
    done.set()
    holder.join(10)
    client.finish(0, RunState.FINISHED, 10)


def test_the_journal_is_free_once_the_parent_is_done_though_a_child_lives(floor: Floor) -> None:
    floor.tracker.before = lambda name: None  # type: ignore[union-attr]
    floor.start()
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(writer)
        os.read(reader, 1)
        os._exit(0)
    floor.service.close()
    stream, _ = floor.service.recover(floor.journals[0])
    stream.abandon()
    os.close(writer)
    os.close(reader)
    os.waitpid(pid, 0)
