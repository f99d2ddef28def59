"""A request that is over is gone, with what was sent and what came, whatever it left behind."""

import asyncio
import gc
import weakref
from collections.abc import Iterator

import pytest

from wabucketref.store.drivers.loop import run
from wabucketref.store.drivers.pace import keep_pace


class Body:
    """Stands for megabytes."""


@pytest.fixture(autouse=True)
def no_collection() -> Iterator[None]:
    """What only the collector of cycles would free stays: that comes rarely, and megabytes would wait for it."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def test_a_failed_request_does_not_keep_what_was_sent() -> None:
    async def fail(body: Body) -> None:
        raise OSError("no")

    def send() -> "weakref.ref[Body]":
        body = Body()
        try:
            run(fail(body))
        except OSError:
            return weakref.ref(body)
        raise AssertionError

    assert send()() is None


def test_a_connection_does_not_keep_the_request_that_opened_it() -> None:
    """The event loop keeps a request's context for what is to be called back: for each connection, as long as it
    lasts."""
    opened: list[asyncio.TimerHandle] = []

    async def ask() -> Body:
        opened.append(asyncio.get_running_loop().call_later(3600, len, ()))
        return Body()

    def answer() -> "weakref.ref[Body]":
        return weakref.ref(run(keep_pace(ask, 10)))

    found = answer()
    run(asyncio.sleep(0.01))  # the loop lets go of the task after who waits is told
    assert found() is None
    opened[0].cancel()
