"""Taking over the journal of a process that is gone, to go on with its run."""

from dataclasses import replace
from pathlib import Path

from wabucketref.contracts.tracker import Tracker
from wabucketref.errors import IntegrityError, NotFound, WaBucketError
from wabucketref.model.run import RunKey
from wabucketref.service.frames import MAGIC
from wabucketref.service.journal import Journal, Sync
from wabucketref.service.recovery import Recovered, recover


def take_over(path: Path, sync: Sync, tracker: Tracker | None) -> tuple[Journal, Recovered]:
    """The journal, which is this process's now, and what it says of its run.

    What the tracker had acknowledged and does not have is told it again from the beginning.

    Raises:
        JournalInUse: its process lives.
        NotFound: it is not there any more.
        IntegrityError: it held no run, and is removed.
    """
    journal = Journal.open(path, sync)
    try:
        recovered = recover(journal)
        if tracker is not None and _has_forgotten(tracker, recovered.state.key):
            recovered = replace(recovered, position=len(MAGIC))
    except IntegrityError:
        journal.remove()  # while it is ours: nobody can begin to write it
        raise
    except BaseException:
        journal.close()
        raise
    return journal, recovered


def _has_forgotten(tracker: Tracker, key: RunKey) -> bool:
    """Whether the tracker lacks the run: its catalog was lost, or it is another tracker than acknowledged before.

    Where it is known, telling it again would change nothing.
    """
    if not tracker.capabilities.queries:
        return False
    try:
        tracker.get_run(key)
    except NotFound:
        return True
    except WaBucketError:
        return False  # out of reach: the gate will find out
    return False
