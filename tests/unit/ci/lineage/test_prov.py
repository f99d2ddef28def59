"""PROV-JSON: every relation names what is there, by the fields that the W3C's note asks for."""

from dataclasses import replace
from typing import Any

from tests.unit.cli.samples import lineage, run
from wabucketref.ci.lineage.prov import prov_document

RELATIONS = {
    "used": {"prov:activity": "activity", "prov:entity": "entity"},
    "wasGeneratedBy": {"prov:activity": "activity", "prov:entity": "entity"},
    "wasAssociatedWith": {"prov:activity": "activity", "prov:agent": "agent"},
}


def check(document: dict[str, Any]) -> None:
    assert set(document) <= {"prefix", "entity", "activity", "agent", *RELATIONS}
    for section, ends in RELATIONS.items():
        for name, fields in document.get(section, {}).items():
            assert name.startswith("_:")
            assert set(fields) == set(ends)
            for end, kind in ends.items():
                assert fields[end] in document[kind], (name, end)
    for section in ("entity", "activity", "agent"):
        for name, fields in document.get(section, {}).items():
            assert name.split(":", 1)[0] in document["prefix"]
            assert {key.split(":", 1)[0] for key in fields} <= set(document["prefix"])


def test_a_lineage() -> None:
    found = replace(lineage(), produced_by=run(id="made", outputs=(str(lineage().artifact.ref),), inputs=("a/b:c",)))
    found = replace(
        found, used_by=[run(id="user", inputs=(str(found.artifact.ref),), job={"cicd.pipeline.actor": "ada"})]
    )
    document = prov_document(found)
    check(document)
    entity = f"wabucket:{found.artifact.ref}"
    assert document["entity"][entity]["wabucket:digest"] == found.artifact.digest
    made = document["wasGeneratedBy"].values()
    assert {"prov:entity": entity, "prov:activity": "wabucket:run/made"} in made
    assert {"prov:entity": "wabucket:a/b:c", "prov:activity": "wabucket:run/made"} in document["used"].values()
    assert {"prov:entity": entity, "prov:activity": "wabucket:run/user"} in document["used"].values()
    assert document["activity"]["wabucket:run/made"]["prov:startTime"].endswith("+00:00")
    assert "wabucket:agent/ada" in document["agent"]


def test_an_artifact_alone() -> None:
    document = prov_document(replace(lineage(), produced_by=None, used_by=[], upstream=[], downstream=[]))
    check(document)
    assert len(document["entity"]) == 1
