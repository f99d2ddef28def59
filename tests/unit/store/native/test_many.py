"""Many requests at once to S3: what cannot be asked, and what is asked once more."""

import socket
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from tests.unit.store.native.stage import Play, Stage, text
from wabucketref.contracts.many import Copy, Put, Read
from wabucketref.contracts.storage import ObjectInfo
from wabucketref.errors import NotAuthorised, TransientError, UsageError, WaBucketError
from wabucketref.store.native.aws_keys import AwsKeys
from wabucketref.store.native.factory import open_s3
from wabucketref.store.native.s3_storage import NativeS3Storage
from wabucketref.store.native.sigv4 import Keys

EXPIRED = b"<Error><Code>ExpiredToken</Code><Message>The provided token has expired.</Message></Error>"


def storage_at(server: Stage) -> NativeS3Storage:
    environ = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "y", "AWS_REGION": "eu-west-1"}
    return open_s3("s3://b1a", {**environ, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.port}"})


def read(storage: NativeS3Storage, *keys: str, limit: int = 1) -> dict[str, bytes | WaBucketError]:
    reads = iter([Read(key, limit) for key in keys])
    return {
        read.key: came if isinstance(came, WaBucketError) else came[0]
        for read, came in storage.read_many(reads, 4, lambda: None)
    }


def say(connection: socket.socket, number: int) -> None:
    connection.sendall(text(b"a", 'ETag: "0cc175b9c0f1b6a831c399e269772661"'))


def test_expired_credentials_are_noticed_however_small_the_object(stage: Callable[[Play], Stage]) -> None:
    def play(connection: socket.socket, number: int) -> None:
        if number == 1:
            say(connection, number)
        else:
            connection.sendall(text(EXPIRED, status="400 Bad Request"))

    with closing(storage_at(stage(play))) as storage:
        assert read(storage, "a") == {"a": b"a"}, "it was asked once more"
        error = read(storage, "a")["a"]
    assert isinstance(error, NotAuthorised)
    assert error.expired


def test_what_cannot_be_asked_is_told_and_the_rest_goes_on(stage: Callable[[Play], Stage]) -> None:
    with closing(storage_at(stage(say))) as storage:
        came = read(storage, "//", "a", "../b", "b")
        puts = dict(storage.put_many(iter([Put("a//b", b"a")]), 2, lambda: None))
    assert {key: type(one) for key, one in came.items()} == {
        "//": UsageError,
        "a": bytes,
        "../b": UsageError,
        "b": bytes,
    }
    assert [type(one) for one in puts.values()] == [UsageError]


@pytest.mark.parametrize("good", [0, 1, 3])
def test_without_credentials_one_is_told_and_no_more_are_asked_for(
    stage: Callable[[Play], Stage], monkeypatch: pytest.MonkeyPatch, good: int
) -> None:
    """The service that gives them may be back soon: then each is tried again by itself."""
    left = iter([True] * (good + bool(good)))  # one more, to find the server
    real = AwsKeys.get

    def get(self: AwsKeys) -> Keys:
        if not next(left, False):
            raise TransientError("no credentials now")
        return real(self)

    taken: list[str] = []

    def reads() -> Iterator[Read]:
        for number in range(100):
            taken.append(str(number))
            yield Read(str(number), 9)

    monkeypatch.setattr(AwsKeys, "get", get)
    with closing(storage_at(stage(say))) as storage:
        came = {read.key: type(one) for read, one in storage.read_many(reads(), 4, lambda: None)}
    assert sorted(came) == taken
    assert sorted(came.values(), key=str) == sorted([tuple] * good + [TransientError], key=str)


def test_an_error_in_a_good_answer_to_a_copy_is_what_it_says(stage: Callable[[Play], Stage]) -> None:
    slow = b"<Error><Code>SlowDown</Code><Message>Reduce your request rate.</Message></Error>"
    with closing(storage_at(stage(lambda connection, _: connection.sendall(text(slow))))) as storage:
        copy = Copy("b", ObjectInfo("a", 1, "0" * 32))
        ((_, error),) = storage.copy_many(iter([copy]), 2, lambda: None)
    assert isinstance(error, TransientError)
    assert error.throttled
