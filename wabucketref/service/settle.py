"""The end of a run whose client does not say it: after a crash, or because it left the run to the service."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from wabucketref.errors import WaBucketError
from wabucketref.model.run import RunState
from wabucketref.service.finish import Ending
from wabucketref.service.recovery import Recovered
from wabucketref.service.stream import Stream


@dataclass(frozen=True)
class Settled:
    """What became of a run."""

    tracking: Literal["recorded", "pending", "disabled"]
    state: RunState | None
    """None: an operation could not be ended yet, so the run has not ended either."""
    artifacts: Sequence[str]
    """References of what was committed or fetched."""
    error: str | None


def settle(
    stream: Stream,
    *,
    deadline: float | None,
    finish_timeout: float,
    recovered: Recovered | None = None,
    said: tuple[int, RunState] | None = None,
) -> Settled:
    """End the run's operations by `deadline` (``time.monotonic``; None: whenever they do), then the run itself.

    `said`: exit code and state, when the client gave them; otherwise the run ends as its journal or operations say.
    What cannot be ended now stays in the journal.
    """
    outcomes = stream.settle_operations(deadline)
    if stream.left_for_later:
        stream.abandon()
        return Settled("pending", None, (), _why(stream))
    exit_code, state = said or _ending(stream, recovered, [code for code, _ in outcomes])
    unheard = [done.error.exit_code for done in stream.tickets.kept() if done.HasField("error")]
    if not exit_code and unheard:  # nobody waits for it any more, so the run has to tell
        exit_code, state = unheard[0], RunState.from_exit_code(unheard[0])
    error: str | None = None
    try:
        tracking = stream.finish(Ending(exit_code, state, time.monotonic() + finish_timeout))
    except WaBucketError as late:
        tracking, error = "pending", str(late)
    earlier = recovered.outputs if recovered else []
    return Settled(tracking, state, [*earlier, *(ref for code, ref in outcomes if code == 0)], _why(stream) or error)


def _why(stream: Stream) -> str | None:
    return str(stream.gate.cause) if stream.gate.cause is not None else None


def _ending(stream: Stream, recovered: Recovered | None, codes: Sequence[int]) -> tuple[int, RunState]:
    """How the run ended: as its process said; else a command by its operation, and a session has crashed."""
    if recovered is not None and recovered.exit is not None:
        return recovered.exit[0], RunState(recovered.exit[1])
    failed = [code for code in (*(recovered.failures if recovered else ()), *codes) if code]
    facts = stream.handler.state
    if not facts.single_operation or not facts.xids:
        return 1, RunState.CRASHED
    return (failed[0], RunState.from_exit_code(failed[0])) if failed else (0, RunState.FINISHED)
