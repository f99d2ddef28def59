"""Commands during which the power fails, and what must hold afterwards."""

import os
import random
import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from pathlib import Path

from tests.faults import invariants, trees
from tests.faults.powerloss import Model, record
from tests.faults.procs import World
from wabucketref.operations.sync import sync

REF = "dataset/cats:one"
UPLOAD = ("upload", "src", "-n", "cats", "-t", "dataset", "-a", "one")
OLD = {"a.txt": b"old\n", "gone.txt": b"gone\n"}
COMMANDS = {"upload": UPLOAD, "overwrite": (*UPLOAD, "--overwrite"), "download": ("download", REF, "-d", "out")}
Places = Callable[[int], Iterable[tuple[int, random.Random | None]]]
"""Before which calls, of so many, the power fails; and what says which later writes were on the disk (None: none)."""


def losses(world: World, command: str, places: Places, *, strict: bool) -> None:
    """Record the command, let the power fail at `places` among its calls, and take everything up again each time."""
    trees.make(world.directory / "src", trees.TWO_FILES)
    if command == "overwrite":
        trees.make(world.directory / "old", OLD)
        world.ok("upload", "old", *UPLOAD[2:])
    if command == "download":
        world.ok(*UPLOAD)
    known = recorded_versions(world)
    seen = [OLD, trees.TWO_FILES] if command == "overwrite" else [trees.TWO_FILES]
    model = Model(world.directory, strict=strict)
    calls = record(world, *COMMANDS[command])
    whole = model.real()
    done = 0
    for place, rng in places(len(calls)):
        for call in calls[done:place]:
            model.run(call)
        done = place
        if place == len(calls):
            assert model.volatile() == whole, "the model does not do what the system did"
        model.lose_power(rng)
        print(f"power lost before call {place} of {len(calls)}")
        check(world, COMMANDS[command], seen, known, said=any(call.name == "said" for call in calls[:place]))


def check(
    world: World, command: tuple[str, ...], seen: Sequence[invariants.Tree], known: set[str], *, said: bool
) -> None:
    """`known`: versions that the catalog had before; `said`: the result had been printed when the power failed."""
    visible = invariants.all_or_nothing(world, REF, *seen)
    assert visible or not recorded_versions(world) - known, "what the catalog has is not in the bucket"
    for path in (world.directory / "out").rglob("*"):
        name = path.relative_to(world.directory / "out").as_posix()
        assert path.is_dir() or path.read_bytes() == seen[-1][name], "a file has its name, but not its content"
    pass_minutes(world)
    with world.open() as workspace:
        sync(workspace)
    runs = invariants.ended_runs(world)
    if said:
        assert any(run["state"] == "finished" and REF in run["outputs"] + run["inputs"] for run in runs), runs
        assert invariants.all_or_nothing(world, REF, seen[-1]), "what was said to be done is lost"
    again = world.run(*command)
    assert again.code == 0, again
    assert invariants.all_or_nothing(world, REF, seen[-1])
    assert [name for name in world.journals if ".damaged-" not in name] == []


def pass_minutes(world: World) -> None:
    """A claim whose bytes were lost counts for a minute, since nobody can tell whose it is."""
    for claim in Path(world.bucket.removeprefix("file://")).rglob("claim.json"):
        os.utime(claim, (time.time() - 120,) * 2)


def recorded_versions(world: World) -> set[str]:
    """Manifest digests that the catalog has, by a plain look into the file."""
    path = world.home / "catalog.sqlite"
    if not path.exists() or not path.stat().st_size:
        return set()
    with closing(sqlite3.connect(path)) as catalog:
        tables = {name for (name,) in catalog.execute("select name from sqlite_master")}
        if "artifact_version" not in tables:
            return set()
        return {content for (content,) in catalog.execute("select content from artifact_version")}
