"""Reading one record: :class:`ArtifactInfo` of a version, :class:`RunInfo` of a run. Of many see ``infos.py``."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from wabucketref.model.artifact import ArtifactInfo
from wabucketref.model.run import RunInfo, RunState
from wabucketref.trackers.embedded.sql import ask, decode, first, moment

if TYPE_CHECKING:
    from wabucketref.trackers.embedded.sql import Link

_NAMED = (
    "FROM artifact_version AS version JOIN artifact_sequence AS sequence ON sequence.id = version.sequence_pk "
    "JOIN artifact_type AS type ON type.id = sequence.type_pk "
)
_VERSION = (
    "SELECT type.name, sequence.name, version.alias, version.number, version.uri, version.bucket, version.digest, "
    f"version.files, version.bytes, version.created, version.metadata, version.linked {_NAMED}WHERE version.id = :pk"
)
_ALIASES = (
    "SELECT named.alias FROM artifact_alias AS named JOIN artifact_version AS version ON version.id = named.version_pk "
    "AND version.sequence_pk = named.sequence_pk WHERE named.version_pk = :pk"
)
_RUN = (
    "SELECT run.run_id, run.name, project.name, entity.name, run.state, run.created, run.job_type, run.group_name, "
    "run.notes, run.finished, run.exit_code, run.config, run.summary, run.tags, job.facts "
    "FROM run JOIN project ON project.id = run.project_pk JOIN entity ON entity.id = project.entity_pk "
    "LEFT JOIN job ON job.run_pk = run.id WHERE run.id = :pk"
)
_LINKED = f"SELECT type.name, sequence.name, version.alias {_NAMED}JOIN "
_INPUTS = f"{_LINKED}run_use AS link ON link.version_pk = version.id WHERE link.run_pk = :pk ORDER BY link.id"
_OUTPUTS = f"{_LINKED}run_output AS link ON link.version_pk = version.id WHERE link.run_pk = :pk ORDER BY link.id"


def read_artifact(link: "Link", pk: int) -> ArtifactInfo:
    """The version `pk`, which is there."""
    row = list(first(link, _VERSION, pk=pk))
    row[9:] = moment(row[9]), decode(row[10]), bool(row[11])
    return artifact_of(row, [name for (name,) in ask(link, _ALIASES, pk=pk)])


def read_run(link: "Link", pk: int, *, linked: bool = True) -> RunInfo:
    """The run `pk`, which is there. With `linked` False inputs and outputs are not looked up: a new one has none."""
    row = list(first(link, _RUN, pk=pk))
    row[5], row[9] = moment(row[5]), moment(row[9])
    row[11:] = [decode(text) for text in row[11:]]
    return run_of(row, *((_references(link, one, pk) for one in (_INPUTS, _OUTPUTS)) if linked else ((), ())))


def artifact_of(row: Sequence[Any], names: Sequence[str]) -> ArtifactInfo:
    """Of the columns that ``_VERSION`` has, and the aliases."""
    kind, name, alias, number, uri, bucket, digest, files, size, created, metadata, linked = row
    return ArtifactInfo(
        type=kind,
        name=name,
        alias=alias,
        version=f"v{number}",
        uri=uri,
        bucket=bucket,
        digest=digest,
        files=files,
        bytes=size,
        created=created,
        metadata=metadata,
        aliases=tuple(sorted(names, key=lambda name: (name != alias, name == "latest", name))),
        linked=linked,
    )


def run_of(row: Sequence[Any], inputs: tuple[str, ...], outputs: tuple[str, ...]) -> RunInfo:
    """Of the columns that ``_RUN`` has, and the references."""
    (
        run_id,
        name,
        project,
        entity,
        state,
        created,
        job_type,
        group,
        notes,
        finished,
        code,
        config,
        summary,
        tags,
        facts,
    ) = row
    return RunInfo(
        id=run_id,
        name=name,
        project=project,
        entity=entity,
        state=RunState(state),
        created=created,
        job_type=job_type,
        group=group,
        notes=notes,
        finished=finished,
        exit_code=code,
        config=config,
        summary=summary,
        tags=tuple(tags),
        job=facts or {},
        inputs=inputs,
        outputs=outputs,
    )


def _references(link: "Link", statement: str, pk: int) -> tuple[str, ...]:
    """What the run used (or made), in the order it did so, each once."""
    return tuple(dict.fromkeys(f"{kind}/{name}:{alias}" for kind, name, alias in ask(link, statement, pk=pk)))
