"""One step up and down from an artifact, in a fixed number of statements."""

from sqlalchemy import ColumnElement, Connection, Select, select

from wabucketref.model.run import Lineage
from wabucketref.trackers.embedded.infos import read_artifacts, read_runs
from wabucketref.trackers.embedded.schema import run, run_output, run_use, version


def read_lineage(connection: Connection, pk: int) -> Lineage:
    """The lineage of the version `pk`. Removed artifacts are still named."""
    producer_pk = connection.scalar(select(version.c.producer_pk).where(version.c.id == pk))
    produced_by = read_runs(connection, run.c.id == producer_pk) if producer_pk is not None else []
    used_by = read_runs(connection, run.c.id.in_(_users(pk)))
    return Lineage(
        artifact=read_artifacts(connection, version.c.id == pk)[0],
        produced_by=produced_by[0] if produced_by else None,
        used_by=used_by,
        upstream=read_artifacts(connection, _inputs_of(producer_pk, pk)) if producer_pk is not None else [],
        downstream=read_artifacts(connection, _made_from(pk)) if used_by else [],
    )


def _users(pk: int) -> Select[tuple[int]]:
    return select(run_use.c.run_pk).where(run_use.c.version_pk == pk)


def _inputs_of(run_pk: int, pk: int) -> ColumnElement[bool]:
    inputs = select(run_use.c.version_pk).where(run_use.c.run_pk == run_pk)
    return version.c.id.in_(inputs) & (version.c.id != pk)


def _made_from(pk: int) -> ColumnElement[bool]:
    outputs = select(run_output.c.version_pk).where(run_output.c.run_pk.in_(_users(pk)))
    return version.c.id.in_(outputs) & (version.c.id != pk)
