"""Lineage as W3C PROV-JSON: artifacts are entities, runs activities, owners of jobs agents."""

from typing import Any, Final

from wabucketref.model.artifact import ArtifactInfo
from wabucketref.model.run import Lineage, RunInfo

_PREFIXES: Final = {
    "prov": "http://www.w3.org/ns/prov#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
    "wabucket": "urn:wabucket:",
}


def prov_document(lineage: Lineage) -> dict[str, Any]:
    """What made the artifact, what used it, and the artifacts one step up and down."""
    known = {str(one.ref): one for one in (*lineage.upstream, *lineage.downstream, lineage.artifact)}
    runs = [*([lineage.produced_by] if lineage.produced_by else []), *lineage.used_by]
    document: dict[str, dict[str, Any]] = {"prefix": dict(_PREFIXES)}

    def add(section: str, name: str, fields: dict[str, Any]) -> None:
        document.setdefault(section, {}).setdefault(name, fields)

    for reference in (*known, *(one for run in runs for one in (*run.inputs, *run.outputs))):
        add("entity", _entity(reference), _facts(known.get(reference), reference))
    for run in runs:
        activity = f"wabucket:run/{run.id}"
        add("activity", activity, _activity(run))
        if owner := run.job.get("cicd.pipeline.actor"):
            add("agent", f"wabucket:agent/{owner}", {"prov:type": {"$": "prov:Person", "type": "xsd:QName"}})
            link = {"prov:activity": activity, "prov:agent": f"wabucket:agent/{owner}"}
            add("wasAssociatedWith", f"_:associated-{run.id}", link)
        for number, one in enumerate(run.inputs):
            add("used", f"_:used-{run.id}-{number}", {"prov:activity": activity, "prov:entity": _entity(one)})
        for number, one in enumerate(run.outputs):
            link = {"prov:entity": _entity(one), "prov:activity": activity}
            add("wasGeneratedBy", f"_:made-{run.id}-{number}", link)
    return document


def _entity(reference: str) -> str:
    return f"wabucket:{reference}"


def _facts(info: ArtifactInfo | None, reference: str) -> dict[str, Any]:
    facts: dict[str, Any] = {"prov:label": reference}
    if info is not None:
        facts |= {
            "prov:location": info.uri,
            "wabucket:digest": info.digest,
            "wabucket:version": info.version,
            "wabucket:bytes": info.bytes,
            "wabucket:files": info.files,
        }
    return {name: value for name, value in facts.items() if value is not None}


def _activity(run: RunInfo) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "prov:label": run.name,
        "prov:startTime": run.created.isoformat(),
        "prov:endTime": run.finished.isoformat() if run.finished else None,
        "wabucket:state": str(run.state),
        "wabucket:job_type": run.job_type,
        **{f"wabucket:{name}": str(value) for name, value in run.job.items()},
    }
    return {name: value for name, value in facts.items() if value is not None}
