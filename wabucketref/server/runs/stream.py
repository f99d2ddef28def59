"""``POST /files/ENTITY/PROJECT/RUN/file_stream``: history, events, console and summary as they come, and the end.

Each chunk says at which index its rows start, and a row with a known index takes the place of the older one: sending
again changes nothing. Rows of history that do not go on where the run stopped come again, or the run was begun anew
under its old id (``init`` without ``resume``): see ``again.py``.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Table, bindparam, select
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from wabucketref.errors import NotFound, UsageError
from wabucketref.model.run import RunKey, RunState
from wabucketref.server.access import require, require_json, site_of
from wabucketref.server.bodies import read_body
from wabucketref.server.runs import again, rows
from wabucketref.server.runs.detail import change_detail
from wabucketref.server.runs.upsert import parsed_object
from wabucketref.server.site import Site
from wabucketref.trackers.embedded.schema import console, entity, history, project, run
from wabucketref.trackers.embedded.served import run_detail, run_event

_MAX_INDEX: Final = 1 << 53
_SUMMARY: Final = "wandb-summary.json"

_TABLES: Final[Mapping[str, tuple[Table, Callable[[int, Sequence[str]], rows.Rows]]]] = {
    "wandb-history.jsonl": (history, rows.history_rows),
    "wandb-events.jsonl": (run_event, rows.event_rows),
    "output.log": (console, rows.console_rows),
}
"""Which table has the rows of a file. Other files are taken and forgotten: clients may know more than we do."""

_FIND: Final = (
    select(run.c.id, run.c.state, run_detail.c.stop)
    .join(project, project.c.id == run.c.project_pk)
    .join(entity, entity.c.id == project.c.entity_pk)
    .outerjoin(run_detail, run_detail.c.run_pk == run.c.id)
    .where(
        entity.c.name == bindparam("entity"),
        project.c.name == bindparam("project"),
        run.c.run_id == bindparam("run_id"),
    )
)


@dataclass(frozen=True, slots=True)
class Told:
    """One request, with its rows as the tables take them."""

    rows: Sequence[tuple[Table, rows.Rows]]
    summary: Mapping[str, Any] | None
    complete: bool
    exit_code: int
    preempting: bool

    @property
    def heartbeat(self) -> bool:
        """It says nothing but that the client lives."""
        return not self.rows and self.summary is None


def parse(body: bytes) -> Told:
    """The request.

    Raises:
        UsageError: it has another form.
    """
    try:
        given = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise UsageError("the request is not JSON") from error
    if not isinstance(given, dict) or not isinstance(files := given.get("files") or {}, dict):
        raise UsageError("the request is not an object with files")
    exit_code = given.get("exitcode") or 0
    if not isinstance(exit_code, int):
        raise UsageError("exitcode is no integer")
    found, summary = [], None
    for name, chunk in files.items():
        offset, content = _chunk(chunk)
        if name == _SUMMARY and content:
            summary = parsed_object(content[-1], name)
        elif (kind := _TABLES.get(_kind(name))) is not None:
            found.append((kind[0], kind[1](offset, content)))
    found.sort(key=lambda one: one[0] is not history)  # what it may clear is stored after it
    return Told(found, summary, bool(given.get("complete")), exit_code, bool(given.get("preempting")))


def _kind(name: str) -> str:
    """Console lines of one run from several machines go to files of their own below ``logs/``."""
    return "output.log" if name.startswith("logs/") else name


def _chunk(chunk: Any) -> tuple[int, Sequence[str]]:
    """Where the rows start, and the rows."""
    if not isinstance(chunk, dict):
        raise UsageError("a chunk is no object")
    offset, content = chunk.get("offset") or 0, chunk.get("content") or []
    if isinstance(content, str):
        content = [content]
    if not isinstance(offset, int) or not 0 <= offset < _MAX_INDEX:
        raise UsageError("an offset is no index")
    if not isinstance(content, list) or not all(isinstance(line, str) for line in content):
        raise UsageError("the content of a chunk is no list of texts")
    return offset, content


def store(site: Site, key: RunKey, told: Told) -> bool:
    """Keep what was told; whether somebody asked the run to stop.

    Raises:
        NotFound: there is no such run.
    """
    with site.write() as connection:
        names = {"entity": key.entity, "project": key.project, "run_id": key.run_id}
        found = connection.execute(_FIND, names).first()
        if found is None:
            raise NotFound(f"run {key.run_id} is not in project {key.entity}/{key.project}")
        for table, some in told.rows:
            at = again.placed(connection, found.id, some) if table is history and some else some
            rows.put(connection, table, found.id, at)
        changes = _moved_on(RunState(found.state), told)
        if told.summary is not None:
            changes["summary"] = told.summary
        if changes:
            connection.execute(run.update().where(run.c.id == found.id).values(**changes))
        detail = {"heartbeat": datetime.now(UTC), "phase": "preempting" if told.preempting else None}
        change_detail(connection, found.id, detail | ({"stop": False} if told.complete else {}))
        return bool(found.stop)


def _moved_on(before: RunState, told: Told) -> dict[str, Any]:
    """What changes of the run's state: it has ended, or is alive after all."""
    if told.complete:
        state = RunState.FINISHED if told.exit_code == 0 else RunState.FAILED
        return {"state": str(state), "exit_code": told.exit_code, "finished": datetime.now(UTC)}
    if before is RunState.CRASHED or (before is not RunState.RUNNING and not told.heartbeat):
        return {"state": str(RunState.RUNNING), "exit_code": None, "finished": None}
    return {}


async def _answer(request: Request) -> Response:
    await require(request, write=True)
    require_json(request)
    site = site_of(request)
    key = RunKey(*(request.path_params[name] for name in ("entity", "project", "run")))
    body = await read_body(request, site.options.limits.stream)
    stopped = await run_in_threadpool(lambda: store(site, key, parse(body)))
    return JSONResponse({"exitcode": None, "limits": {}, "stopped": stopped})


ROUTE: Final = Route("/files/{entity}/{project}/{run}/file_stream", _answer, methods=["POST"])
