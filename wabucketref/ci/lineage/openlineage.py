"""Runs as OpenLineage events: https://openlineage.io/docs/spec/object-model."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from wabucketref.ci.lineage.datasets import Dataset, namespace_and_root
from wabucketref.ci.lineage.facets import PRODUCER, dataset_facets, facet, job_facets, run_facets, run_uuid
from wabucketref.model.artifact import ArtifactInfo
from wabucketref.model.run import Lineage, RunInfo, RunState

_SPEC: Final = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/"
_ENDS: Final = {
    RunState.RUNNING: "RUNNING",
    RunState.FINISHED: "COMPLETE",
    RunState.FAILED: "FAIL",
    RunState.CRASHED: "FAIL",
    RunState.KILLED: "ABORT",
}

Event = dict[str, Any]


def run_events(
    run: RunInfo, inputs: Sequence[Dataset], outputs: Sequence[Dataset], namespace: str | None = None
) -> list[Event]:
    """Start and end of a run; the second has its inputs and outputs. `namespace`: of jobs, default ENTITY/PROJECT."""
    common = {
        "run": {"runId": run_uuid(run), "facets": run_facets(run)},
        "job": {
            "namespace": namespace or f"{run.entity}/{run.project}",
            "name": job_name(run),
            "facets": job_facets(run),
        },
        "producer": PRODUCER,
        "schemaURL": f"{_SPEC}RunEvent",
    }
    datasets = {
        "inputs": [_dataset(one, "inputFacets") for one in inputs],
        "outputs": [_dataset(one, "outputFacets") for one in outputs],
    }
    start = {"eventType": "START", "eventTime": _moment(run.created), **common, "inputs": [], "outputs": []}
    end = {"eventType": _ENDS[run.state], "eventTime": _moment(run.finished or run.created), **common, **datasets}
    return [start, end]


def lineage_events(lineage: Lineage, namespace: str | None = None) -> list[Event]:
    """The events of the runs that made and used an artifact; of one that no run touched, the dataset alone."""
    artifact = lineage.artifact
    known = {str(one.ref): one for one in (*lineage.upstream, *lineage.downstream, artifact)}
    runs = [*([lineage.produced_by] if lineage.produced_by else []), *lineage.used_by]
    if not runs:
        return [_dataset_event(artifact)]

    def found(references: Sequence[str]) -> list[Dataset]:
        return [Dataset(one, artifact.bucket, known.get(one)) for one in references]

    return [event for run in runs for event in run_events(run, found(run.inputs), found(run.outputs), namespace)]


def job_name(run: RunInfo) -> str:
    """What runs that repeat have in common: the job type, else the job around them."""
    return run.job_type or str(run.job.get("cicd.pipeline.task.name") or "wabucket")


def _dataset_event(info: ArtifactInfo) -> Event:
    return {
        "eventTime": _moment(info.created),
        "dataset": _dataset(Dataset.of(info), None),
        "producer": PRODUCER,
        "schemaURL": f"{_SPEC}DatasetEvent",
    }


def _dataset(one: Dataset, statistics: str | None) -> dict[str, Any]:
    namespace, root = namespace_and_root(one.info.bucket if one.info else one.bucket)
    found: dict[str, Any] = {
        "namespace": namespace,
        "name": f"{root}{one.path}",
        "facets": dataset_facets(one, namespace, root),
    }
    if statistics is not None and one.info is not None:
        kind = "inputStatistics" if statistics == "inputFacets" else "outputStatistics"
        found[statistics] = {kind: facet(kind, size=one.info.bytes, fileCount=one.info.files)}
    return found


def _moment(moment: datetime) -> str:
    return moment.isoformat()
