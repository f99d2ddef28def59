"""What was asked of S3, for messages and for the meaning of what comes back."""

from dataclasses import dataclass
from typing import Final

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
