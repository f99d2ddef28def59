"""A catalog with a run in it, and shortcuts that do what the SDK does."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import Connection

from wabucketref.model.run import RunKey, RunUpdate
from wabucketref.server.artifacts.reader import ensure_project
from wabucketref.trackers.embedded import runs
from wabucketref.trackers.embedded.engine import Catalog
from wabucketref.trackers.embedded.migrate import ensure_schema
from wabucketref.trackers.embedded.sdk import drafts, versions
from wabucketref.trackers.embedded.sdk.drafts import Draft, Listing, NewDraft
from wabucketref.trackers.embedded.sdk.facts import File, Version

RUN = RunKey("team", "demo", "run-1")


@dataclass
class Desk:
    """One writing transaction on a catalog, and a project."""

    connection: Connection
    project_pk: int

    def draft(self, digest: str, name: str = "data", **more: object) -> Draft:
        """What createArtifact makes."""
        facts: dict[str, object] = {"type": "dataset", "name": name, "digest": digest, **more}
        return drafts.create(self.connection, self.project_pk, NewDraft(**facts))  # type: ignore[arg-type]

    def commit(self, draft: Draft, *files: File) -> Version:
        """What commitArtifact makes."""
        pk = drafts.commit(self.connection, draft, Listing(draft.digest, files))
        return versions.require(self.connection, pk)

    def log(self, digest: str, name: str = "data", **more: object) -> Version:
        """Both."""
        return self.commit(self.draft(digest, name, **more))


@pytest.fixture(params=["sqlite", "postgresql"])
def desk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Desk]:
    url = f"sqlite:///{tmp_path / 'catalog.sqlite'}"
    if request.param == "postgresql":
        url = request.getfixturevalue("shared_postgres_url")
    with closing(Catalog(url)) as catalog:
        ensure_schema(catalog)
        with catalog.write() as connection, connection.begin_nested() as nested:
            project_pk = ensure_project(connection, RUN.entity, RUN.project)
            runs.upsert(connection, RunUpdate(RUN))
            yield Desk(connection, project_pk)
            nested.rollback()  # a database server keeps nothing for the next test
