"""What was asked of S3, for messages and for the meaning of what comes back; and who carries it out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from wabucketref.errors import OutcomeUnknown, TransientError

AGAIN: Final = "run the same command again; what is stored already is not sent twice"


@dataclass(frozen=True, slots=True)
class S3Request:
    """One request."""

    what: str
    writing: bool = False
    if_absent: bool = False
    if_match: bool = False

    def failed(self, message: str) -> TransientError:
        """The error of a request that may or may not have been carried out."""
        return (OutcomeUnknown if self.writing else TransientError)(message, hint=AGAIN)


Wanted = Callable[[Mapping[str, Any]], int | None]
"""Says by the head of an answer how many bytes of its body are taken at most, None for no look at it."""
OUT_OF_RANGE: Final = "OutOfRange"
"""The field of an answer that says that the range begins behind the object's end."""


class S3Calls(Protocol):
    """A connection to an S3 service. Operations, arguments and answers have the names of the AWS library.

    Safe for many threads, and anew in a forked child. Nothing is tried again, save that a request is sent a second
    time with new credentials when the store says that those it came with have expired.
    """

    @property
    def endpoint(self) -> str | None:
        """URL of the server; None for AWS."""

    @property
    def binds_bodies(self) -> bool:
        """Whether nobody on the way can put other bytes in place of a body, whatever checksum comes with it."""

    def call(self, request: S3Request, operation: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """Carry out an operation whose answer has no body worth a stream.

        Raises:
            WaBucketError: the answer is an error, or none came.
        """

    def get(
        self, request: S3Request, arguments: Mapping[str, Any], wanted: Wanted
    ) -> tuple[bytes | None, Mapping[str, Any]]:
        """The bytes of an object and its facts; None for bytes that are not wanted, or are more. Raises as `call`."""

    def close(self) -> None:
        """Give connections back; idempotent."""
