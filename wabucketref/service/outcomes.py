"""What became of a run's operations, for a run that ends as they did."""

from wabucketref.service.wabucket_pb2 import ArtifactDone


class Outcomes:
    """Those that ended in this process. Refers to nothing of the run, so that the results of one that has ended can be
    kept without all that it was made of."""

    def __init__(self, known: frozenset[str]) -> None:
        """`known`: operations that an earlier process ended, as the journal tells."""
        self._known = known
        self._found: dict[str, tuple[int, str]] = {}

    def note(self, done: ArtifactDone) -> None:
        if done.xid not in self._known:
            self._found.setdefault(done.xid, _outcome(done))

    def all(self) -> list[tuple[int, str]]:
        """Exit code, and reference or message, of each."""
        return [outcome for _, outcome in sorted(self._found.items())]


def _outcome(done: ArtifactDone) -> tuple[int, str]:
    if done.HasField("error"):
        return done.error.exit_code, done.error.message
    artifact = done.committed.artifact if done.HasField("committed") else done.fetched.artifact
    return 0, f"{artifact.type}/{artifact.name}:{artifact.alias}"
