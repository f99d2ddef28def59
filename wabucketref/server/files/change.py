"""Files of runs made, filled, deleted."""

import unicodedata
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Connection, func, select

from wabucketref.errors import NotFound, UsageError
from wabucketref.model.run import RunKey
from wabucketref.server import ids
from wabucketref.server.area import Stored
from wabucketref.server.call import Call, Info, call_of
from wabucketref.server.files.read import MAX_NAMES, FileView
from wabucketref.server.runs.views import RunView, run_by_key
from wabucketref.trackers.embedded.rows import ensure
from wabucketref.trackers.embedded.schema import run
from wabucketref.trackers.embedded.served import run_file

MAX_PATH: Final = 1024


def create_run_files(source: Any, info: Info, input: Mapping[str, Any]) -> dict[str, Any]:
    """Rows for files whose bytes will come by the links of the answer, in the order asked."""
    call = call_of(info)
    view = _run(call, input)
    names: Sequence[str] = input["files"]
    if len(names) > MAX_NAMES:
        raise UsageError(f"{len(names)} files, at most {MAX_NAMES} are taken at once")
    _check_room(call, view)
    now = datetime.now(UTC)
    made = []
    for name in names:
        check_name(name)
        pk = ensure(call.connection, run_file.name, {"run_pk": view.pk, "name": name}, updated=now)
        made.append(FileView(call, pk, name, None, None, None, now))
    return {"run_id": view.id(), "upload_headers": [], "files": made}


def check_name(name: str) -> None:
    """Names are no paths here, but clients make paths of them again.

    Raises:
        UsageError: such a path could leave its directory, or cannot be written.
    """
    parts = name.split("/")
    if not name or len(name.encode("utf-8", "replace")) > MAX_PATH:
        raise UsageError("the name of a file is empty or too long")
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in name):
        raise UsageError(f"the name {name[:100]!r} has control characters")
    if any(part in ("", ".", "..") for part in parts) or ".." in name.split("\\"):
        raise UsageError(f"the name {name[:100]!r} is no relative path")


def uploaded(connection: Connection, subject: str, stored: Stored) -> Sequence[str]:
    """The bytes of a file are in the bucket; those that it had before may go."""
    pk = int(subject)
    before = connection.execute(select(run_file.c.key).where(run_file.c.id == pk)).first()
    if before is None:
        return [stored.key]  # the run was deleted meanwhile
    connection.execute(
        run_file.update()
        .where(run_file.c.id == pk)
        .values(key=stored.key, size=stored.size, md5=stored.md5, updated=datetime.now(UTC))
    )
    return [before.key] if before.key not in (None, stored.key) else []


def mark_run_files_uploaded(source: Any, info: Info, input: Mapping[str, Any]) -> dict[str, Any]:
    """Nothing to do: the bytes came through this server, which saw them."""
    _run(call_of(info), input)
    return {"success": True}


def delete_files(source: Any, info: Info, input: Mapping[str, Any]) -> dict[str, Any]:
    """Delete files and their bytes."""
    call = call_of(info)
    pks = [ids.decode("File", id) for id in input["files"][:MAX_NAMES]]
    condition = run_file.c.id.in_(pks)
    keys = select(run_file.c.key).where(condition, run_file.c.key.is_not(None))
    call.discarded.extend(call.connection.scalars(keys))
    call.connection.execute(run_file.delete().where(condition))
    return {"success": True}


def run_deleted(connection: Connection, run_pk: int, with_artifacts: bool) -> Sequence[str]:
    """The files of a deleted run go with it."""
    condition = run_file.c.run_pk == run_pk
    keys = connection.scalars(select(run_file.c.key).where(condition, run_file.c.key.is_not(None))).all()
    connection.execute(run_file.delete().where(condition))
    return keys


def _check_room(call: Call, view: RunView) -> None:
    """Raises UsageError: the project has no room for another file."""
    used = call.connection.scalar(
        select(func.sum(run_file.c.size))
        .join(run, run.c.id == run_file.c.run_pk)
        .where(run.c.project_pk == view.project_pk)
    )
    most = call.site.options.limits.project
    if (used or 0) >= most:
        raise UsageError(f"the files of project {view.key.project} have {used} bytes, at most {most} may be")


def _run(call: Call, input: Mapping[str, Any]) -> RunView:
    key = RunKey(input["entity_name"] or call.user.name, input["project_name"], input["run_name"])
    found = run_by_key(call.connection, key)
    if found is None:
        raise NotFound(f"run {key.run_id} is not in project {key.entity}/{key.project}")
    return found
