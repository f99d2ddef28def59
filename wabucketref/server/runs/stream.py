"""``POST /files/ENTITY/PROJECT/RUN/file_stream``: history, events, console and summary as they come, and the end.

Each chunk says at which index its rows start, and a row with a known index takes the place of the older one: sending
again changes nothing.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from wabucketref.errors import NotFound, UsageError
from wabucketref.model.run import RunKey, RunState
from wabucketref.server.access import require, require_json, site_of
from wabucketref.server.bodies import read_body
from wabucketref.server.runs import rows
from wabucketref.server.runs.detail import change_detail
from wabucketref.server.runs.upsert import parsed_object
from wabucketref.server.runs.views import RunView, run_by_key
from wabucketref.server.site import Site
from wabucketref.trackers.embedded.schema import run

_MAX_INDEX: Final = 1 << 53

Put = Callable[[Connection, int, int, Sequence[str]], None]


@dataclass(frozen=True, slots=True)
class Chunk:
    """Rows for one of the run's files."""

    offset: int
    content: Sequence[str]


@dataclass(frozen=True, slots=True)
class Told:
    """One request."""

    chunks: Mapping[str, Chunk]
    complete: bool
    exit_code: int
    preempting: bool


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
    return Told(
        {name: _chunk(chunk) for name, chunk in files.items()},
        bool(given.get("complete")),
        exit_code,
        bool(given.get("preempting")),
    )


def _chunk(chunk: Any) -> Chunk:
    if not isinstance(chunk, dict):
        raise UsageError("a chunk is no object")
    offset, content = chunk.get("offset") or 0, chunk.get("content") or []
    if isinstance(content, str):
        content = [content]
    if not isinstance(offset, int) or not 0 <= offset < _MAX_INDEX:
        raise UsageError("an offset is no index")
    if not isinstance(content, list) or not all(isinstance(line, str) for line in content):
        raise UsageError("the content of a chunk is no list of texts")
    return Chunk(offset, content)


def store(site: Site, key: RunKey, told: Told) -> RunView:
    """Keep what was told; the run as it is then.

    Raises:
        NotFound: there is no such run.
    """
    with site.write() as connection:
        view = run_by_key(connection, key)
        if view is None:
            raise NotFound(f"run {key.run_id} is not in project {key.entity}/{key.project}")
        for name, chunk in told.chunks.items():
            _store_chunk(connection, view, name, chunk)
        _move_on(connection, view, told)
        return view


def _store_chunk(connection: Connection, view: RunView, name: str, chunk: Chunk) -> None:
    if name == "wandb-summary.json":
        if chunk.content:
            summary = parsed_object(chunk.content[-1], name)
            connection.execute(run.update().where(run.c.id == view.pk).values(summary=summary))
        return
    if (put := _PUTS.get(_kind(name))) is not None:
        put(connection, view.pk, chunk.offset, chunk.content)


def _kind(name: str) -> str:
    """Console lines of one run from several machines go to files of their own below ``logs/``."""
    return "output.log" if name.startswith("logs/") else name


_PUTS: Final[Mapping[str, Put]] = {
    "wandb-history.jsonl": rows.put_history,
    "wandb-events.jsonl": rows.put_events,
    "output.log": rows.put_console,
}


def _move_on(connection: Connection, view: RunView, told: Told) -> None:
    """The run's state after this request: ended, or alive."""
    now = datetime.now(UTC)
    change_detail(connection, view.pk, {"heartbeat": now, "phase": "preempting" if told.preempting else None})
    if told.complete:
        state = RunState.FINISHED if told.exit_code == 0 else RunState.FAILED
        values = {"state": str(state), "exit_code": told.exit_code, "finished": now}
        change_detail(connection, view.pk, {"stop": False})
    elif view.row.state == RunState.CRASHED or (view.row.state != RunState.RUNNING and told.chunks):
        values = {"state": str(RunState.RUNNING), "exit_code": None, "finished": None}
    else:
        return
    connection.execute(run.update().where(run.c.id == view.pk).values(**values))


async def _answer(request: Request) -> Response:
    await run_in_threadpool(require, request, write=True)
    require_json(request)
    site = site_of(request)
    key = RunKey(*(request.path_params[name] for name in ("entity", "project", "run")))
    body = await read_body(request, site.options.limits.stream)
    view = await run_in_threadpool(lambda: store(site, key, parse(body)))
    return JSONResponse({"exitcode": None, "limits": {}, "stopped": view.stopped()})


ROUTE: Final = Route("/files/{entity}/{project}/{run}/file_stream", _answer, methods=["POST"])
