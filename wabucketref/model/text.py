"""Text that can be written as UTF-8, as journal, bucket and tracker need it."""

import os
from collections.abc import Iterable
from typing import Any, Final

from wabucketref.errors import InvalidValue, UsageError

_SHOWN: Final = 200


def check_text(value: Any, what: str, *, minimum: int = 0, maximum: int) -> str:
    """`value` if it is text of `minimum` to `maximum` characters; `what` names it in the error.

    Raises:
        InvalidValue: it is no text.
        UsageError: it is too short or too long, or has lone surrogates.
    """
    if not isinstance(value, str):
        raise InvalidValue(f"{what} is {type(value).__name__}, not text", hint="give a string")
    if not minimum <= len(value) <= maximum:
        raise UsageError(f"{what} has {len(value)} characters", hint=f"{minimum} to {maximum} are allowed")
    return check_unicode(value, what, hint="remove the character")


def check_unicode(text: str | os.PathLike[str], what: str, *, hint: str = "rename it") -> str:
    """`text` if it consists of whole characters: Python shows the bytes of a path that is not UTF-8 as surrogates.

    Raises:
        UsageError: it has lone surrogates.
    """
    plain = os.fspath(text)
    try:
        plain.encode()
    except UnicodeEncodeError as error:
        shown = ascii(plain[:_SHOWN])
        code = ord(plain[error.start])
        # 0xDC80 to 0xDCFF stand for the bytes 0x80 to 0xFF.
        found = f"the byte 0x{code - 0xDC00:02X}" if 0xDC80 <= code <= 0xDCFF else f"the character U+{code:04X}"
        raise UsageError(f"{what} {shown} has {found}, which is not UTF-8", hint=hint) from error
    return plain


def check_patterns(patterns: Iterable[str], option: str) -> tuple[str, ...]:
    """Patterns as given; `option` names them in the error.

    Raises:
        InvalidValue: one text instead of several, or other things than text.
        UsageError: one has lone surrogates.
    """
    if isinstance(patterns, str):
        raise InvalidValue(f"{option} is one text", hint=f"give a list: [{patterns[:_SHOWN]!a}]")
    found = tuple(patterns)
    for pattern in found:
        if not isinstance(pattern, str):
            raise InvalidValue(f"{option} has {type(pattern).__name__}, not text", hint="give strings")
        check_unicode(pattern, f"{option} pattern", hint="paths in an artifact are UTF-8")
    return found
