"""Hand an upload's result to later CI steps."""

from collections.abc import Callable, Mapping, Sequence

from wabucketref.contracts.outputs import OutputFacts, Outputs
from wabucketref.errors import WaBucketError


def emit(
    chosen: Sequence[Outputs],
    facts: OutputFacts,
    environ: Mapping[str, str],
    echo: Callable[[str], None] | None,
) -> None:
    """Write to all of `chosen`; one that fails does not keep the others from being written.

    Args:
        chosen: those that detected that they are read here, or that the user named.
        facts: its suffix was checked before a byte was sent.
        environ: where each finds its file.
        echo: prints a line on stdout; None when stdout must hold one JSON document.

    Raises:
        WaBucketError: of the first that failed, after all were tried.
    """
    failures: list[WaBucketError] = []
    for outputs in chosen:
        try:
            outputs.write(facts, environ, echo)
        except WaBucketError as error:
            failures.append(error)
    if failures:
        raise failures[0]
