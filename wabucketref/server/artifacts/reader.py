"""What the views of one request share: its call, and the projects that they have already read."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from sqlalchemy import Connection

from wabucketref.errors import NotFound
from wabucketref.model.names import check_project
from wabucketref.server.call import Call, Info, call_of
from wabucketref.server.paging import Edge, Page, PageInfo
from wabucketref.server.runs.projects import UNCATEGORIZED, ProjectView, read_projects
from wabucketref.trackers.embedded import rows
from wabucketref.trackers.embedded.rows import find_project
from wabucketref.trackers.embedded.schema import project
from wabucketref.trackers.embedded.sdk import paging

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads in the transaction of one request."""

    call: Call
    _projects: dict[int, ProjectView] = field(default_factory=dict)

    @property
    def connection(self) -> Connection:
        return self.call.connection

    def project(self, pk: int) -> ProjectView:
        """One project, read once."""
        if pk not in self._projects:
            self._projects[pk] = read_projects(self.call, project.c.id == pk)[0]
        return self._projects[pk]


def reader_of(info: Info) -> Reader:
    """A reader for the call that a resolver runs in."""
    return Reader(call_of(info))


def place_of(call: Call, entity_name: str | None, project_name: str | None) -> tuple[str, str]:
    """Entity and project that a client names; by default its own, and the one for what has none."""
    return entity_name or call.user.name, project_name or UNCATEGORIZED


def project_named(connection: Connection, entity: str, name: str) -> int:
    """The pk of a project.

    Raises:
        NotFound: there is none.
    """
    pk = find_project(connection, (entity, name))
    if pk is None:
        raise NotFound(f"project {name!r} not found in entity {entity!r}")
    return pk


def ensure_project(connection: Connection, entity_name: str, name: str) -> int:
    """The pk of a project, made when new.

    Raises:
        UsageError: no project can have this name.
    """
    check_project(entity_name, "entity")
    check_project(name)
    return rows.ensure_project(connection, (entity_name, name))


def connection_of(found: paging.Page[Item], views: Callable[[Sequence[Item]], Sequence[Any]]) -> Page:
    """A page of rows as a connection; `views` makes the nodes, as many as there are items."""
    edges = [Edge(node, cursor) for node, cursor in zip(views(found.items), found.cursors, strict=True)]
    return Page(edges, PageInfo(found.more, edges[-1].cursor if edges else None), found.total)
