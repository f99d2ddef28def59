"""Errors as messages of the protocol, and back."""

from collections.abc import Mapping

from wabucketref.errors import WaBucketError
from wabucketref.service import wabucket_pb2 as pb


def to_message(error: WaBucketError) -> pb.Error:
    return pb.Error(
        exit_code=error.exit_code,
        kind=error.kind,
        message=error.message,
        hint=error.hint or "",
        retryable=error.retryable,
    )


def from_message(message: pb.Error) -> WaBucketError:
    """The error with its own type again; an unknown kind becomes the first kind with its exit code."""
    kinds = _kinds()
    found = kinds.get(message.kind)
    if found is None:
        found = next((one for one in kinds.values() if one.exit_code == message.exit_code), WaBucketError)
    return found(message.message, hint=message.hint or None, retryable=message.retryable)


def _kinds() -> Mapping[str, type[WaBucketError]]:
    found: dict[str, type[WaBucketError]] = {}
    waiting = [WaBucketError]
    while waiting:
        kind = waiting.pop(0)
        found.setdefault(kind.kind, kind)
        waiting.extend(kind.__subclasses__())
    return found
