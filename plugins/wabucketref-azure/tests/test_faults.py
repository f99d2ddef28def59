"""What the network and the service do wrong, on either plane."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace

import pytest

from azurite_server import Azurite
from wabucketref.contracts.storage import Storage
from wabucketref.errors import (
    AlreadyExists,
    NotFound,
    OutcomeUnknown,
    PreconditionFailed,
    SettingsError,
    TransientError,
    WaBucketError,
)
from wabucketref.plugin.http import Put, Read
from wabucketref.testing.faults import Faults
from wabucketref_azure import PLUGIN

Broken = Callable[[str], tuple[Storage, Faults]]


@pytest.fixture
def broken(azurite: Azurite, container: str, plane: str) -> Iterator[Broken]:
    """Opens a directory of the container through a proxy that breaks what it is told to."""
    with ExitStack() as stack:

        def open_at(directory: str) -> tuple[Storage, Faults]:
            server, _, account = azurite.endpoint.rpartition("/")
            faults = stack.enter_context(Faults(server))
            environ = replace(azurite, endpoint=f"{faults.url}/{account}").environ
            store = PLUGIN.open(f"az://{container}/{directory}-{plane}", {**environ, "WABUCKET_DATA_PLANE": plane})
            stack.callback(store.close)
            return store, faults

        yield open_at


@pytest.fixture(params=["native", "fsspec"])
def plane(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_an_answer_that_is_lost_is_asked_for(broken: Broken) -> None:
    """The service carried the commit out, and the connection broke before its answer: the object tells."""
    store, faults = broken("lost")
    upload = store.start_multipart("a", 4, if_absent=True)
    upload.put_part(1, b"data")
    faults.add("/a?comp=blocklist", lose_answer=True)
    assert upload.complete().size == 4
    assert faults.struck("/a?comp=blocklist") == 1
    assert store.read("a", limit=4)[0] == b"data"
    faults.add("/b", lose_answer=True)
    with pytest.raises(OutcomeUnknown) as caught:
        store.put("b", b"data")
    assert caught.value.unanswered
    assert store.read("b", limit=4)[0] == b"data"


def test_a_reading_request_that_is_lost_is_transient(broken: Broken) -> None:
    store, faults = broken("reading")
    store.put("a", b"data")
    for ask in (lambda: store.head("a"), lambda: store.read("a", limit=4), lambda: store.read_range("a", 1, 2)):
        faults.add("/a", drop=True)
        with pytest.raises(TransientError) as caught:
            ask()
        assert not isinstance(caught.value, OutcomeUnknown)
        assert caught.value.retryable
    assert store.read_range("a", 1, 2) == b"at"


def test_a_busy_service_says_when_to_come_again(broken: Broken) -> None:
    store, faults = broken("busy")
    headers = {"Retry-After": "7", "x-ms-error-code": "ServerBusy", "x-ms-request-id": "the-request"}
    faults.add("/a", status=503, headers=headers)
    with pytest.raises(TransientError, match="503 ServerBusy, request the-request") as caught:
        store.put("a", b"data")
    assert (caught.value.throttled, caught.value.retry_after) == (True, 7.0)
    assert not isinstance(caught.value, OutcomeUnknown)


STATUSES: dict[tuple[int, str], type[WaBucketError]] = {
    (400, "Md5Mismatch"): TransientError,
    (302, ""): SettingsError,
    (500, "InternalError"): OutcomeUnknown,
    (404, "InvalidBlockList"): NotFound,
    (412, "ConditionNotMet"): PreconditionFailed,
}


@pytest.mark.parametrize(("status", "code"), STATUSES)
def test_what_an_answer_means_to_a_write(broken: Broken, status: int, code: str) -> None:
    store, faults = broken("answers")
    headers = {"x-ms-error-code": code, "Location": "http://127.0.0.1:9/elsewhere"}
    faults.add("/a", status=status, headers=headers)
    with pytest.raises(STATUSES[status, code]):
        store.put("a", b"data")
    assert len(faults.requests) == 1


@pytest.mark.parametrize("plane", ["native"])
def test_many_that_fail_fail_alone(broken: Broken) -> None:
    store, faults = broken("many")
    faults.add("/3", lose_answer=True)
    faults.add("/4", status=503, headers={"Retry-After": "1"})
    puts = (Put(f"{number}", b"data %d" % number) for number in range(8))
    told = {put.key: outcome for put, outcome in store.put_many(puts, 2, lambda: None)}  # type: ignore[attr-defined]
    failed = {key: type(outcome) for key, outcome in told.items() if isinstance(outcome, WaBucketError)}
    assert failed == {"3": OutcomeUnknown, "4": TransientError}
    reads = (Read(f"{number}", 100) for number in range(8))
    came = dict(store.read_many(reads, 2, lambda: None))  # type: ignore[attr-defined]
    missing = [read.key for read, outcome in came.items() if isinstance(outcome, NotFound)]
    assert missing == ["4"]


def test_a_copy_of_what_has_changed_is_refused(broken: Broken) -> None:
    store, _ = broken("copies")
    seen = store.put("a", b"first")
    made = store.copy("a", "b", if_absent=True, seen=seen)
    assert made.as_seen
    assert made == store.head("b")
    with pytest.raises(AlreadyExists):
        store.copy("a", "b", if_absent=True, seen=seen)
    store.put("a", b"second")
    with pytest.raises(PreconditionFailed):
        store.copy("a", "c", if_absent=True, seen=seen)
    assert store.head("c") is None
    with pytest.raises(NotFound):
        store.copy("nothing", "d")
