"""The contexts of a background service's clients: opened once each, and not kept for ever."""

import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from wabucketref.errors import SettingsError
from wabucketref.service.remote.contexts import ClientContexts
from wabucketref.service.remote.host import Host
from wabucketref.service.service import Service
from wabucketref.service.wabucket_pb2 import Greeting


@dataclass
class FakeService:
    """As much of a service as decides whether its context may be closed."""

    busy: bool = False


@dataclass
class FakeContext:
    """Counts how often it is closed."""

    name: str
    fake: FakeService = field(default_factory=FakeService)
    finish_timeout: float = 1.0
    tracker_place: str = "memory"
    closed: int = 0

    @property
    def service(self) -> Service:
        return cast(Service, self.fake)

    def close(self) -> None:
        self.closed += 1


class Opener:
    """Opens contexts and keeps account of them."""

    def __init__(self) -> None:
        self.made: list[FakeContext] = []
        self.refuse = False
        self.wait = threading.Event()
        self.wait.set()

    def __call__(self, settings: str, environ: Mapping[str, str]) -> FakeContext:
        assert self.wait.wait(10)
        if self.refuse:
            raise SettingsError("no")
        self.made.append(FakeContext(environ["AWS_ACCESS_KEY_ID"]))
        return self.made[-1]

    @property
    def open(self) -> list[str]:
        return [one.name for one in self.made if not one.closed]


@pytest.fixture
def opener() -> Opener:
    return Opener()


def greeting(client: str, key: str) -> Greeting:
    return Greeting(client=client, version="1", settings_json="{}", environ={"AWS_ACCESS_KEY_ID": key})


def entries(host: Host) -> int:
    """How many contexts the host knows, open or about to be."""
    contexts: Any = host._contexts
    return len(contexts._entries)


def test_contexts_of_clients_that_are_gone_are_closed(opener: Opener) -> None:
    host = Host(opener)
    for number in range(100):
        host.greet(greeting(f"client-{number}", f"key-{number}"))
        host.leave(host.client(f"client-{number}"))
    assert opener.open == [f"key-{number}" for number in range(96, 100)], "the last few stay"
    assert entries(host) == 4
    assert max(one.closed for one in opener.made) == 1


def test_a_context_is_used_again(opener: Opener) -> None:
    host = Host(opener)
    for number in range(20):
        host.greet(greeting(f"client-{number}", "key"))
        host.leave(host.client(f"client-{number}"))
    assert opener.open == ["key"]
    assert len(opener.made) == 1


def test_a_context_is_opened_once_for_clients_that_come_together(opener: Opener) -> None:
    host = Host(opener)
    opener.wait.clear()
    with ThreadPoolExecutor(8) as pool:
        coming = [pool.submit(host.greet, greeting(f"client-{number % 4}", "key")) for number in range(8)]
        opener.wait.set()
        for one in coming:
            one.result(10)
    assert len(opener.made) == 1
    assert len(host.clients()) == 4, "who greets twice at once is one client"
    for client in host.clients():
        host.leave(client)
    for number in range(4):
        host.greet(greeting("other", f"other-{number}"))
        host.leave(host.client("other"))
    assert "key" not in opener.open, "it was taken as often as it was given back"


def test_what_cannot_be_opened_leaves_nothing(opener: Opener) -> None:
    host = Host(opener)
    opener.refuse = True
    for number in range(20):
        with pytest.raises(SettingsError):
            host.greet(greeting("client", f"key-{number}"))
    assert entries(host) == 0
    opener.refuse = False
    host.greet(greeting("client", "key-0"))
    assert opener.open == ["key-0"]


def test_a_trace_that_cannot_be_written_gives_the_context_back(opener: Opener) -> None:
    host = Host(opener)
    bad = greeting("client", "key")
    bad.trace = "/proc/none/trace"
    with pytest.raises(Exception, match="trace"):
        host.greet(bad)
    for number in range(4):
        host.greet(greeting("other", f"other-{number}"))
        host.leave(host.client("other"))
    assert "key" not in opener.open


def test_a_context_is_closed_once_its_last_run_has_ended(opener: Opener) -> None:
    contexts = ClientContexts(opener)
    taken = [contexts.take(greeting("client", f"key-{number}")) for number in range(5)]
    opener.made[0].fake.busy = True
    for one in taken:
        contexts.give_back(one)
    contexts.close_idle()
    assert len(opener.open) == 5, "one has a run that goes on without its client"
    opener.made[0].fake.busy = False
    contexts.close_idle()
    assert opener.open == [f"key-{number}" for number in range(1, 5)]
