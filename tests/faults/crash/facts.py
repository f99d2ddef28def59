"""What a world holds in the end, ids and times aside: to compare a world that crashed with one that did not."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tests.faults.procs import World
from wabucketref.model.run import RunInfo, RunKey
from wabucketref.operations.verify_all import verify_all
from wabucketref.operations.workspace import Workspace

_PROBES = ".wabucket-probe/"
_ID = re.compile(r"[0-9a-f]{32}")

Run = tuple[Any, ...]


@dataclass(frozen=True)
class Facts:
    """Of one project in one bucket."""

    versions: tuple[tuple[Any, ...], ...]
    """Reference, number, digest, names, whether it is a link; oldest first."""
    runs: tuple[Run, ...]
    """State, exit code, inputs, outputs and rows; in no order."""
    objects: tuple[str, ...]
    """Keys in the bucket."""
    wrong: tuple[str, ...] = ()
    """What ``verify --all --deep`` has to say, except of trial objects: those a killed probe cannot take back."""

    def further_runs(self, before: "Facts") -> list[Run]:
        """The runs that came since."""
        return list((Counter(self.runs) - Counter(before.runs)).elements())


def facts(world: World, **settings: Any) -> Facts:
    """What is there now; nothing is changed."""
    with world.open(**settings) as workspace:
        found = verify_all(workspace, deep=True)
        wrong = [f"{item.artifact.ref}: {item.state} {item.damage} {item.explanation}" for item in found.differing]
        wrong += [f"{item.artifact.ref}: {item.state}, not recorded" for item in found.items if item.pending]
        wrong += [f"{item.artifact.ref}: extra {item.extra}" for item in found.items if item.extra]
        wrong += [str(one) for one in found.findings if not one.what.startswith(_PROBES)]
        storage = workspace.open_storage(workspace.bucket)
        keys = sorted(_ID.sub("ID", info.key) for info in storage.list("") if not info.key.startswith(_PROBES))
        return Facts(_versions(workspace), _runs(workspace), tuple(keys), tuple(wrong))


def leftovers(world: World) -> list[str]:
    """What only an operation under way needs: journals, and memories of uploads.

    Not the hidden file that a kill in the middle of a small write leaves in a local bucket, and nothing lists.
    """
    return [*world.journals, *(path.name for path in (world.home / "cache" / "uploads").glob("*"))]


def _versions(workspace: Workspace) -> tuple[tuple[Any, ...], ...]:
    return tuple(
        (str(one.ref), one.version, one.digest, one.aliases, one.linked)
        for one in reversed(workspace.tracker.list_artifacts(workspace.project))
    )


def _runs(workspace: Workspace) -> tuple[Run, ...]:
    return tuple(_run(workspace, run) for run in workspace.tracker.list_runs(workspace.project))


def _run(workspace: Workspace, run: RunInfo) -> Run:
    rows: Sequence[Any] = workspace.tracker.history(RunKey(run.entity, run.project, run.id))
    seen = tuple((row.index, row.values["loss"]) for row in rows)
    return (str(run.state), run.exit_code, run.inputs, run.outputs, seen)
