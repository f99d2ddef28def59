"""One run as the schema's ``Run``."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol

from sqlalchemy import ColumnElement, Connection, Row, Select, bindparam, select

from wabucketref.model.run import RunKey, RunState
from wabucketref.server import ids
from wabucketref.server.base.people import user_view
from wabucketref.server.call import Info, call_of
from wabucketref.server.graphql.scalars import dump
from wabucketref.trackers.embedded.schema import entity, project, run
from wabucketref.trackers.embedded.served import account, run_detail

SILENT: Final = timedelta(minutes=5)
"""After so long without a word a running run counts as crashed; the SDK sends one every half minute."""

INTERNAL: Final = "_wandb"


class HasPk(Protocol):
    """A project, as far as its runs need it."""

    @property
    def pk(self) -> int: ...


@dataclass(frozen=True, slots=True)
class RunView:
    """A run; fields of the schema under their names in snake_case. What is costly has a resolver."""

    pk: int
    project_pk: int
    key: RunKey
    row: Row[Any]
    display_name: str
    notes: str | None
    tags: Sequence[str]
    group: str | None
    job_type: str | None
    sweep_name: str | None
    commit: str | None
    host: str | None
    program: str | None
    repo: str | None
    created_at: datetime
    read_only: bool = False
    system_metrics: str = "{}"

    @classmethod
    def of(cls, row: Row[Any]) -> "RunView":
        """One row of :func:`select_runs`."""
        return cls(
            pk=row.id,
            project_pk=row.project_pk,
            key=RunKey(row.entity, row.project, row.run_id),
            row=row,
            display_name=row.name,
            notes=row.notes,
            tags=row.tags,
            group=row.group_name,
            job_type=row.job_type,
            sweep_name=row.sweep,
            commit=row.revision,
            host=row.host,
            program=row.program,
            repo=row.repository,
            created_at=row.created,
        )

    def id(self) -> str:
        return ids.encode("Run", self.pk)

    def name(self) -> str:
        """W&B calls the id of a run its name."""
        return self.key.run_id

    def description(self) -> str | None:
        told: str | None = self.row.description
        return self.notes if told is None else told

    def state(self) -> str:
        """As recorded, save for runs that went silent or wait to be started."""
        if self.row.state != RunState.RUNNING:
            return str(self.row.state)
        if self.row.phase is not None:
            return str(self.row.phase)
        silent = self.row.heartbeat is not None and self.row.heartbeat < datetime.now(UTC) - SILENT
        return str(RunState.CRASHED if silent else RunState.RUNNING)

    def config(self) -> str:
        """As the SDK writes it: each value wrapped, its own notes under ``_wandb``."""
        found = {key: {"value": value} for key, value in self.row.config.items()}
        if self.row.internal:
            found[INTERNAL] = {"value": self.row.internal}
        return dump(found)

    def summary_metrics(self) -> str:
        return dump(self.row.summary)

    def heartbeat_at(self) -> datetime:
        last: datetime | None = self.row.heartbeat or self.row.finished
        return last or self.created_at

    def stopped(self) -> bool:
        return bool(self.row.stop)

    def project_id(self) -> int:
        return self.project_pk


def run_of_project(source: HasPk, info: Info, name: str, missing_ok: bool | None = None) -> RunView | None:
    """The run of this id; None when there is none."""
    return find_run(call_of(info).connection, source.pk, name)


def find_run(connection: Connection, project_pk: int, run_id: str) -> RunView | None:
    """The run of this id in the project."""
    row = connection.execute(_ONE, {"project_pk": project_pk, "run_id": run_id}).first()
    return None if row is None else RunView.of(row)


def run_by_id(connection: Connection, id: str) -> RunView | None:
    """The run with this id of ours."""
    found = read_runs(connection, select_runs().where(run.c.id == ids.decode("Run", id)))
    return found[0] if found else None


def run_by_key(connection: Connection, key: RunKey) -> RunView | None:
    """The run with this key."""
    wanted = (entity.c.name == key.entity) & (project.c.name == key.project) & (run.c.run_id == key.run_id)
    found = read_runs(connection, select_runs().where(wanted))
    return found[0] if found else None


def select_runs(*conditions: ColumnElement[bool]) -> Select[Any]:
    """What :func:`read_runs` reads; to be narrowed, ordered and limited."""
    detail = [column for column in run_detail.c if column.name != "run_pk"]
    return (
        select(
            run,
            *detail,
            project.c.name.label("project"),
            entity.c.name.label("entity"),
            account.c.name.label("account"),
        )
        .select_from(run)
        .join(project, project.c.id == run.c.project_pk)
        .join(entity, entity.c.id == project.c.entity_pk)
        .outerjoin(run_detail, run_detail.c.run_pk == run.c.id)
        .outerjoin(account, account.c.id == run_detail.c.account_pk)
        .where(*conditions)
    )


_ONE: Final = select_runs(run.c.project_pk == bindparam("project_pk"), run.c.run_id == bindparam("run_id"))
"""Made once: it is asked for again and again."""


def read_runs(connection: Connection, statement: Select[Any]) -> Sequence[RunView]:
    """The runs of a statement made with :func:`select_runs`."""
    return [RunView.of(row) for row in connection.execute(statement)]


def wandb_config(source: RunView, info: Info, keys: Sequence[str] | None = None) -> str:
    """What the SDK keeps for itself. The key ``t`` tells it that the run was started, whoever started it."""
    internal: Mapping[str, Any] = source.row.internal or {}
    if source.state() != "pending":
        internal = {"t": {}} | dict(internal)
    return dump(internal if keys is None else {key: internal[key] for key in keys if key in internal})


def user_of_run(source: RunView, info: Info) -> dict[str, Any] | None:
    """Who made it, as far as this server knows."""
    if source.row.account is None:
        return None
    return user_view(call_of(info), source.row.account_pk, source.row.account)
