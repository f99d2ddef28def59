"""The facets of OpenLineage events: what is known of a run, its job and its datasets."""

import uuid
from collections.abc import Mapping
from typing import Any, Final

from wabucketref.ci.lineage.datasets import Dataset
from wabucketref.model.run import COMMIT, RunInfo, facts_named
from wabucketref.version import __version__

PRODUCER: Final = f"urn:wabucketref:{__version__}"
_BASE: Final = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/"
_FACETS: Final = "https://openlineage.io/spec/facets/"
_SCHEMAS: Final[Mapping[str, str]] = {
    "processing_engine": f"{_FACETS}1-1-1/ProcessingEngineRunFacet.json#/$defs/ProcessingEngineRunFacet",
    "nominalTime": f"{_FACETS}1-0-1/NominalTimeRunFacet.json#/$defs/NominalTimeRunFacet",
    "parent": f"{_FACETS}1-2-0/ParentRunFacet.json#/$defs/ParentRunFacet",
    "tags": f"{_FACETS}1-0-0/TagsRunFacet.json#/$defs/TagsRunFacet",
    "jobType": f"{_FACETS}2-0-4/JobTypeJobFacet.json#/$defs/JobTypeJobFacet",
    "ownership": f"{_FACETS}1-0-1/OwnershipJobFacet.json#/$defs/OwnershipJobFacet",
    "sourceCodeLocation": f"{_FACETS}1-1-0/SourceCodeLocationJobFacet.json#/$defs/SourceCodeLocationJobFacet",
    "dataSource": f"{_FACETS}1-0-1/DatasourceDatasetFacet.json#/$defs/DatasourceDatasetFacet",
    "version": f"{_FACETS}1-0-1/DatasetVersionDatasetFacet.json#/$defs/DatasetVersionDatasetFacet",
    "symlinks": f"{_FACETS}1-0-1/SymlinksDatasetFacet.json#/$defs/SymlinksDatasetFacet",
    "inputStatistics": (
        f"{_FACETS}1-0-0/InputStatisticsInputDatasetFacet.json#/$defs/InputStatisticsInputDatasetFacet"
    ),
    "outputStatistics": (
        f"{_FACETS}1-0-2/OutputStatisticsOutputDatasetFacet.json#/$defs/OutputStatisticsOutputDatasetFacet"
    ),
    "wabucket_artifact": f"{_BASE}DatasetFacet",
    "wabucket_run": f"{_BASE}RunFacet",
}
"""Facet to schema; those of our own are open objects."""


def facet(kind: str, /, **fields: Any) -> dict[str, Any]:
    """The facet `kind`, without the fields that are None."""
    known = {key: value for key, value in fields.items() if value is not None}
    return {"_producer": PRODUCER, "_schemaURL": _SCHEMAS[kind], **known}


def run_uuid(run: RunInfo) -> str:
    """OpenLineage wants a UUID: made from the run's id, so that it is the same each time."""
    return _uuid("run", run.entity, run.project, run.id)


def run_facets(run: RunInfo) -> dict[str, Any]:
    """Engine, times, tags, the pipeline around it, and what is ours alone."""
    facets = {
        "processing_engine": facet("processing_engine", name="WaBucketRef", version=__version__),
        "nominalTime": facet(
            "nominalTime",
            nominalStartTime=run.created.isoformat(),
            nominalEndTime=run.finished.isoformat() if run.finished else None,
        ),
        "wabucket_run": facet(
            "wabucket_run", id=run.id, name=run.name, url=run.url, exitCode=run.exit_code, job=dict(run.job)
        ),
    }
    if run.tags:
        pairs = [tag.split(":", 1) if ":" in tag else [tag, "true"] for tag in run.tags]
        facets["tags"] = facet("tags", tags=[{"key": key, "value": value, "source": "USER"} for key, value in pairs])
    if parent := _parent(run):
        facets["parent"] = parent
    return facets


def job_facets(run: RunInfo) -> dict[str, Any]:
    """Kind, owner, and the commit."""
    facets = {
        "jobType": facet("jobType", processingType="BATCH", integration="WABUCKETREF", jobType="TASK"),
    }
    if owner := run.job.get("cicd.pipeline.actor"):
        facets["ownership"] = facet("ownership", owners=[{"name": str(owner), "type": "OWNER"}])
    repository = str(run.job.get("vcs.repository.url.full") or "")
    if repository:
        tag = run.job.get("vcs.ref.head.type") == "tag"
        ref = run.job.get("vcs.ref.head.name")
        facets["sourceCodeLocation"] = facet(
            "sourceCodeLocation",
            type="git",
            url=_url(repository),
            repoUrl=repository,
            version=next(iter(facts_named(run.job, COMMIT)), None),
            tag=ref if tag else None,
            branch=None if tag else ref,
            pullRequestNumber=run.job.get("vcs.change.id"),
        )
    return facets


def dataset_facets(one: Dataset, namespace: str, root: str) -> dict[str, Any]:
    """Where it lies, which version it is, under which names it is known."""
    info = one.info
    names = [
        {"namespace": namespace, "name": f"{root}{one.path}/{one.alias}", "type": "LOCATION"},
        {"namespace": "wabucket", "name": one.reference, "type": "ARTIFACT"},
    ]
    facets = {
        "dataSource": facet("dataSource", name=namespace, uri=_url(info.bucket if info else one.bucket)),
        "version": facet("version", datasetVersion=one.alias),
        "symlinks": facet("symlinks", identifiers=names),
    }
    if info is not None:
        facets["wabucket_artifact"] = facet(
            "wabucket_artifact",
            type=info.type,
            name=info.name,
            alias=info.alias,
            version=info.version,
            digest=info.digest,
            uri=info.uri,
            metadata=dict(info.metadata),
        )
    return facets


def _parent(run: RunInfo) -> dict[str, Any] | None:
    """The pipeline that the run is a task of."""
    provider, pipeline_run = run.job.get("cicd.provider"), run.job.get("cicd.pipeline.run.id")
    if not provider or not pipeline_run:
        return None
    namespace = str(run.job.get("vcs.repository.name") or provider)
    name = str(run.job.get("cicd.pipeline.name") or provider)
    run_id = _uuid("pipeline", str(provider), namespace, str(pipeline_run))
    return facet("parent", run={"runId": run_id}, job={"namespace": namespace, "name": name})


def _uuid(*names: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, "/".join(("wabucket:", *names))))


def _url(text: str) -> str:
    """A URI; ``host:path``, as ssh has it, becomes one."""
    if "://" in text:
        return text
    host, _, path = text.partition(":")
    return f"ssh://{host}/{path.lstrip('/')}" if path else f"file://{text}"
