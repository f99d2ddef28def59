"""Hand an upload's result to later CI steps."""

import re
from collections.abc import Callable, Mapping, Sequence

from wabucketref.contracts.outputs import OutputFacts, Outputs
from wabucketref.errors import UsageError, WaBucketError


def check_suffix(suffix: str | None) -> str | None:
    """Return `suffix` if it may end the names of outputs; to be called before a byte is sent.

    Raises:
        UsageError: it is not 1 to 64 characters of ``A-Z a-z 0-9 _ -``.
    """
    if suffix is not None and not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", suffix):
        raise UsageError(
            f"suffix {suffix[:80]!r} cannot end an output's name", hint="allowed are 1 to 64 of A-Za-z0-9_-"
        )
    return suffix


def emit(
    chosen: Sequence[Outputs],
    facts: OutputFacts,
    environ: Mapping[str, str],
    echo: Callable[[str], None] | None,
) -> None:
    """Write to all of `chosen`; one that fails does not keep the others from being written.

    Raises:
        WaBucketError: of the first that failed, after all were tried.
    """
    check_suffix(facts.suffix)
    failures: list[WaBucketError] = []
    for outputs in chosen:
        try:
            outputs.write(facts, environ, echo)
        except WaBucketError as error:
            failures.append(error)
    if failures:
        raise failures[0]
