"""What the drivers with uploads in parts share."""

from collections.abc import Mapping

from wabucketref.contracts.storage import Part
from wabucketref.errors import UsageError


def in_a_row(parts: Mapping[int, Part], key: str) -> list[Part]:
    """The parts in order.

    Raises:
        UsageError: one is missing between them.
    """
    if len(parts) != max(parts, default=0):
        raise UsageError(f"the upload of {key!r} ends with a part missing", hint="put all parts first")
    return [parts[number] for number in sorted(parts)]
