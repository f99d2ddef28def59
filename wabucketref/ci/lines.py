"""Values for systems that read one line a value."""

from wabucketref.errors import UsageError


def one_value(value: str, system: str) -> str:
    """`value`, if it stays what it is on a line of its own.

    Raises:
        UsageError: it is empty, or has a line break, another control character, or a blank at an end.
    """
    if not value or not value.isprintable() or value != value.strip():
        raise UsageError(
            f"{system} has no way to hand on {value[:80]!r}: nothing, a line break, or a blank at an end",
            hint="hand it on in a JSON file: --outputs-file FILE.json",
        )
    return value
