"""Single calls to the background service: greeting it, looking at it, and what its line says in our own kinds."""

from collections.abc import Callable
from typing import Final

import grpc

from wabucketref.errors import InvalidValue, ServiceStopped, TimedOut, UsageError, WaBucketError
from wabucketref.service import failures
from wabucketref.service.remote.place import PROTOCOL, Place
from wabucketref.service.wabucket_pb2 import Envelope, Greeting, Welcome
from wabucketref.service.wabucket_pb2_grpc import WabucketStub

MAX_MESSAGE: Final = 72 << 20
"""Bytes: a little more than the journal takes for a record."""
OPTIONS: Final = (
    ("grpc.max_send_message_length", MAX_MESSAGE),
    ("grpc.max_receive_message_length", MAX_MESSAGE),
    ("grpc.enable_http_proxy", 0),
)
SERVER_OPTIONS: Final = (
    *OPTIONS,
    # Clients ask every few seconds whether we live; by default that many questions would end the connection.
    ("grpc.http2.min_ping_interval_without_data_ms", 1_000),
    ("grpc.http2.max_ping_strikes", 0),
)
BROKEN: Final = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)
_HELLO_SECONDS: Final = 5.0
_ANSWER_SECONDS: Final = 60.0
"""Beyond what a request itself may take."""


def greet(stub: WabucketStub, greeting: Greeting, *, any_version: bool = False) -> Welcome:
    """The service's answer.

    Raises:
        ServiceStopped: nobody answers.
        WaBucketError: it says why it does not serve this client.
    """
    try:
        welcome: Welcome = stub.Hello(greeting, timeout=_HELLO_SECONDS)
    except grpc.RpcError as error:
        raise translate(error) from error
    if welcome.protocol != PROTOCOL or (welcome.version != greeting.version and not any_version):
        raise UsageError(
            f"the running service is wabucket {welcome.version} (process {welcome.pid}), this is {greeting.version}",
            hint="`wabucket service stop` with that release, then start it with this one",
        )
    if welcome.HasField("error"):
        raise failures.from_message(welcome.error)
    return welcome


def look(
    place: Place, version: str, *, any_version: bool = False
) -> tuple[Welcome, Callable[[Envelope], Envelope], Callable[[], None]] | None:
    """A line to the service for looking at it or stopping it, as (welcome, ask, close); None when none runs.

    Raises:
        TimedOut: one runs, but does not answer.
        UsageError: it is of another release, unless `any_version`.
    """
    if not place.is_listening():
        return None
    channel = grpc.insecure_channel(f"unix:{place.socket}", options=OPTIONS)
    stub = WabucketStub(channel)  # type: ignore[no-untyped-call]
    try:
        welcome = greet(stub, Greeting(version=version, protocol=PROTOCOL, looking=True), any_version=any_version)
    except ServiceStopped:
        channel.close()
        return None
    except BaseException:
        channel.close()
        raise

    def ask(envelope: Envelope) -> Envelope:
        try:
            answer: Envelope = stub.Ask(envelope, timeout=seconds_for(envelope))
        except grpc.RpcError as error:
            raise translate(error) from error
        if answer.response.HasField("error"):
            raise failures.from_message(answer.response.error)
        return answer

    return welcome, ask, channel.close


def translate(error: grpc.RpcError) -> WaBucketError:
    """What gRPC says in our own kinds."""
    code = error.code()
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return TimedOut("the service does not answer", hint="see `wabucket service status` and its log")
    if code in BROKEN:
        return stopped()
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED:
        return too_large()
    return WaBucketError(f"the service broke: {code.name}: {error.details()}", hint="its log says more")


def too_large() -> InvalidValue:
    return InvalidValue("a message is too large for the service", hint="record something smaller")


def stopped() -> ServiceStopped:
    return ServiceStopped(
        "the service stopped; the operation is in the journal",
        hint="`wabucket service start` goes on with it, or `wabucket sync` finishes it",
    )


def seconds_for(envelope: Envelope) -> float:
    """How long an answer may take: what the request itself says, and some."""
    request = envelope.request
    match request.WhichOneof("kind"):
        case "artifact_poll":
            return float(request.artifact_poll.timeout) + _ANSWER_SECONDS
        case "defer":
            return float(request.defer.timeout) + _ANSWER_SECONDS
        case "run_start":
            return float(request.run_start.timeout) + _ANSWER_SECONDS
    return _ANSWER_SECONDS
