"""Deletion, with what it leaves without a use: entries, manifests, bytes."""

from collections.abc import Sequence

from sqlalchemy import Connection, select

from wabucketref.trackers.embedded.infos import LIVING
from wabucketref.trackers.embedded.schema import SERVED, run_output, version
from wabucketref.trackers.embedded.sdk import blobs, entries, versions
from wabucketref.trackers.embedded.sdk.facts import Version


def delete_all(connection: Connection, pks: Sequence[int]) -> Sequence[str]:
    """Delete versions with their names; the keys of objects that nothing needs any more."""
    found = versions.read(connection, pks)
    for one in found:
        versions.delete(connection, one, with_aliases=True)
    return forget(connection, found)


def forget(connection: Connection, deleted: Sequence[Version]) -> Sequence[str]:
    """Forget the files of deleted versions; the keys of objects that nothing needs any more."""
    for one in deleted:
        entries.drop(connection, one.pk)
    projects = dict.fromkeys(one.collection.project.pk for one in deleted)
    return [key for pk in projects for key in blobs.forget_unused(connection, pk)]


def of_run(connection: Connection, run_pk: int) -> Sequence[str]:
    """Delete the versions that the SDK logged in a run and no other run; keys as above."""
    mine = select(run_output.c.version_pk).where(run_output.c.run_pk == run_pk)
    others = select(run_output.c.version_pk).where(run_output.c.run_pk != run_pk)
    wanted = select(version.c.id).where(version.c.id.in_(mine), version.c.id.not_in(others))
    return delete_all(connection, connection.scalars(wanted.where(version.c.bucket == SERVED, LIVING)).all())
