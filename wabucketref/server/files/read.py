"""Reading files of runs."""

import mimetypes
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from sqlalchemy import ColumnElement, func, select

from wabucketref.errors import UsageError
from wabucketref.server import blobs, ids
from wabucketref.server.call import Call, Info, call_of
from wabucketref.server.paging import Page, page
from wabucketref.trackers.embedded.served import run_file

MAX_NAMES: Final = 10_000
_MAX_LIKE: Final = 500
_MAX_WILDCARDS: Final = 8


class HasPk(Protocol):
    """A run, as far as its files need it."""

    @property
    def pk(self) -> int: ...


@dataclass(frozen=True, slots=True)
class FileView:
    """A file as the schema's ``File``."""

    call: Call
    pk: int
    name: str
    key: str | None
    size: int | None
    md5: str | None
    updated_at: datetime

    @property
    def display_name(self) -> str:
        return self.name

    def id(self) -> str:
        return ids.encode("File", self.pk)

    def size_bytes(self) -> int:
        return self.size or 0

    def mimetype(self) -> str:
        return mimetypes.guess_type(self.name)[0] or "application/octet-stream"

    def direct_url(self) -> str | None:
        """A link to the bytes."""
        return None if self.key is None else self.call.links.get(self.key, self.name)

    def upload_url(self) -> str | None:
        """A link that takes the file's bytes; nobody may have one with a key that only reads."""
        if self.call.user.read_only:
            return None
        return self.call.links.put(blobs.new_key("runs"), self.name, "run_file", str(self.pk))


class HasLinks(Protocol):
    """A file of a run or of an artifact."""

    def direct_url(self) -> str | None: ...

    def upload_url(self) -> str | None: ...


def files_of_run(
    source: HasPk,
    info: Info,
    names: Sequence[str | None] | None = None,
    first: int | None = None,
    after: str | None = None,
    pattern: str | None = None,
) -> Page:
    """Files whose bytes are here: all, those named, or those whose names are LIKE a pattern; by name."""
    call = call_of(info)
    condition = _here(source.pk)
    if names:
        if len(names) > MAX_NAMES:
            raise UsageError(f"{len(names)} names, at most {MAX_NAMES} are taken")
        condition &= run_file.c.name.in_(names)
    if pattern:
        if len(pattern) > _MAX_LIKE or pattern.count("%") > _MAX_WILDCARDS:
            raise UsageError("the pattern has too many characters or wildcards")
        condition &= run_file.c.name.like(pattern, escape="\\")
    statement = select(run_file).where(condition).order_by(run_file.c.name)
    return page(
        lambda offset, limit: [
            FileView(call, row.id, row.name, row.key, row.size, row.md5, row.updated)
            for row in call.connection.execute(statement.offset(offset).limit(limit))
        ],
        lambda: _count(call, condition),
        first=first,
        after=after,
        most=call.site.options.limits.page,
    )


def file_count(source: HasPk, info: Info) -> int:
    """How many files of the run are here."""
    return _count(call_of(info), _here(source.pk))


def url(source: HasLinks, info: Info, upload: bool | None = None) -> str | None:
    """A link to the bytes, or one that takes new ones."""
    return source.upload_url() if upload else source.direct_url()


def _here(run_pk: int) -> ColumnElement[bool]:
    return (run_file.c.run_pk == run_pk) & run_file.c.key.is_not(None)


def _count(call: Call, condition: ColumnElement[bool]) -> int:
    return call.connection.scalar(select(func.count()).select_from(run_file).where(condition)) or 0
