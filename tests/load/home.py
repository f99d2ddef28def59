"""Many processes that share one home, each with one session of small uploads to the same artifact."""

import json
import sqlite3
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.faults.procs import World
from tests.load.measure import percentiles, top_resident
from wabucketref import WaBucketError, WaBucketRefAPI

LIMIT = 1800.0
"""Seconds."""


def uploads(argv: Sequence[str]) -> int:
    """The client, in a child of the zygote: ``PROCESS COUNT``; prints what its start took (its imports, the catalog,
    the run), what each upload took, and its memory."""
    process, count = argv[0], int(argv[1])
    seconds: list[float] = []
    source = Path(f"source-{process}")
    begun = time.perf_counter()
    try:
        with WaBucketRefAPI() as api:
            api.wandb_start_run()
            source.write_text(process)
            api.upload(source, "first", "load", f"p{process}")
            started = time.perf_counter() - begun
            for number in range(count):
                source.write_text(f"{process} {number}")
                begun = time.perf_counter()
                api.upload(source, "shared", "load", f"p{process}-{number}")
                seconds.append(time.perf_counter() - begun)
    except WaBucketError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    print(json.dumps({"started": started, "seconds": seconds, "mib": top_resident()}))
    return 0


def together(world: World, processes: int, count: int) -> dict[str, Any]:
    """The figures of `processes` at once, each with `count` uploads."""
    begun = time.monotonic()
    children = [world.start(str(one), str(count), call="tests.load.home:uploads") for one in range(processes)]
    ended = [child.wait(LIMIT) for child in children]
    took = time.monotonic() - begun
    said = "".join(one.err for one in ended)
    assert [one.code for one in ended] == [0] * processes, said
    found = [one.json() for one in ended]
    seconds = [second for one in found for second in one["seconds"]]
    return {
        "processes": processes,
        "uploads": len(seconds),
        "per_s": round(len(seconds) / took, 1),
        "start_max_s": round(max(one["started"] for one in found), 1),
        **percentiles(seconds, "upload"),
        "mib": max(one["mib"] for one in found),
        "said": said,
        **_recorded(world.home),
    }


def _recorded(home: Path) -> dict[str, int]:
    """What the catalog holds: versions, their highest number, the number of ``latest``, runs that ended well."""
    shared = "artifact_version v JOIN artifact_sequence s ON s.id = v.sequence_pk AND s.name = 'shared'"
    queries = {
        "versions": f"SELECT count(DISTINCT v.number) FROM {shared}",
        "highest": f"SELECT max(v.number) FROM {shared}",
        "latest": f"SELECT v.number FROM {shared} JOIN artifact_alias a ON a.version_pk = v.id AND a.alias = 'latest'",
        "names": f"SELECT count(DISTINCT v.alias) FROM {shared}",
        "outputs": f"SELECT count(*) FROM {shared} JOIN run_output o ON o.version_pk = v.id",
        "finished": "SELECT count(*) FROM run WHERE state = 'finished' AND exit_code = 0",
    }
    with closing(sqlite3.connect(home / "catalog.sqlite")) as catalog:
        return {name: catalog.execute(query).fetchone()[0] for name, query in queries.items()}
