"""Projects."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, Select, bindparam, func, select

from wabucketref.server import ids
from wabucketref.server.base.people import entity_view, user_view
from wabucketref.server.call import Call, Info, call_of
from wabucketref.server.runs.views import RunView
from wabucketref.trackers.embedded.schema import entity, run
from wabucketref.trackers.embedded.schema import project as projects
from wabucketref.trackers.embedded.served import account

UNCATEGORIZED: Final = "uncategorized"
_EPOCH: Final = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, slots=True)
class ProjectView:
    """A project as the schema's ``Project``; what is costly has a resolver."""

    call: Call
    pk: int
    name: str
    entity_name: str
    entity_pk: int
    created: datetime | None
    description: None = None
    access: str = "USER_WRITE"
    views: str = "{}"
    is_benchmark: bool = False
    read_only: bool = False

    def id(self) -> str:
        return ids.encode("Project", self.pk)

    def internal_id(self) -> str:
        return ids.encode("ProjectInternalId", self.pk)

    def entity(self) -> dict[str, Any]:
        return entity_view(self.entity_pk, self.entity_name)

    def created_at(self) -> datetime:
        """Of those made by older releases the first run tells."""
        first = select(func.min(run.c.created)).where(run.c.project_pk == self.pk)
        return self.created or self.call.connection.scalar(first) or _EPOCH

    def user(self) -> dict[str, Any] | None:
        """The user whose entity it is in; teams have none."""
        pk = self.call.connection.scalar(select(account.c.id).where(account.c.name == self.entity_name))
        return None if pk is None else user_view(self.call, pk, self.entity_name)


def project(source: Any, info: Info, name: str | None = None, entity_name: str | None = None) -> ProjectView | None:
    """The project, by default in the entity of who asks; None when there is none."""
    call = call_of(info)
    names = {"entity": entity_name or call.user.name, "project": name or UNCATEGORIZED}
    row = call.connection.execute(_NAMED, names).first()
    return None if row is None else _view(call, row)


def project_of_run(source: RunView, info: Info) -> ProjectView:
    """The project of a run."""
    return read_projects(call_of(info), projects.c.id == source.project_pk)[0]


def read_projects(
    call: Call, condition: ColumnElement[bool], statement: Select[Any] | None = None
) -> list[ProjectView]:
    """The projects for which `condition` holds (on project and entity), as `statement` orders and limits them."""
    wanted = select_projects() if statement is None else statement
    return [_view(call, row) for row in call.connection.execute(wanted.where(condition))]


def _view(call: Call, row: Row[Any]) -> ProjectView:
    return ProjectView(call, row.id, row.name, row.entity, row.entity_pk, row.created)


def select_projects() -> Select[Any]:
    """What :func:`read_projects` reads."""
    return select(
        projects.c.id,
        projects.c.name,
        projects.c.created,
        entity.c.name.label("entity"),
        entity.c.id.label("entity_pk"),
    ).join(entity, entity.c.id == projects.c.entity_pk)


_NAMED: Final = select_projects().where(entity.c.name == bindparam("entity"), projects.c.name == bindparam("project"))
"""Made once: it is asked for again and again."""
