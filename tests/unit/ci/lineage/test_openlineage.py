import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import ValidationError

from tests.unit.ci.lineage.checks import SCHEMAS, check_event, facets
from tests.unit.ci.samples import SAMPLES, SHA
from tests.unit.cli.samples import artifact, lineage, run
from wabucketref.ci.lineage.datasets import Dataset, namespace_and_root
from wabucketref.ci.lineage.openlineage import lineage_events, run_events
from wabucketref.model.run import RunState

JOB = {**SAMPLES["github"].facts, "cicd.provider": "github"}


def test_the_events_of_a_run_are_valid_and_complete() -> None:
    source = artifact()
    made = artifact(type="model", name="net", alias="m1", bucket="file:///b", uri="file:///b/model/net/m1")
    one = run(job=JOB, tags=("flow:main", "plain"), exit_code=0, job_type="train")
    start, end = run_events(one, [Dataset.of(source)], [Dataset.of(made), Dataset("model/old:x", "s3://other/prefix")])
    for event in (start, end):
        check_event(event)
    assert (start["eventType"], end["eventType"]) == ("START", "COMPLETE")
    assert start["run"]["runId"] == end["run"]["runId"]
    assert end["job"]["namespace"] == f"{one.entity}/{one.project}"
    assert end["job"]["name"] == "train"
    location = end["job"]["facets"]["sourceCodeLocation"]
    assert (location["version"], location["branch"], location["url"]) == (
        SHA,
        "topic",
        "https://github.com/team/models",
    )
    assert end["job"]["facets"]["ownership"]["owners"] == [{"name": "ada", "type": "OWNER"}]
    assert end["run"]["facets"]["parent"]["job"] == {"namespace": "team/models", "name": "CI"}
    assert end["run"]["facets"]["tags"]["tags"][0] == {"key": "flow", "value": "main", "source": "USER"}
    assert end["run"]["facets"]["wabucket_run"]["job"]["cicd.pipeline.run.id"] == "77"
    (used,), (output, old) = end["inputs"], end["outputs"]
    assert (used["namespace"], used["name"]) == ("file", "/b/dataset/cats")
    assert used["facets"]["version"]["datasetVersion"] == "first"
    assert used["facets"]["dataSource"]["uri"] == "file:///b"
    assert used["inputFacets"]["inputStatistics"]["size"] == source.bytes
    assert output["outputFacets"]["outputStatistics"]["fileCount"] == made.files
    assert {"namespace": "file", "name": "/b/model/net/m1", "type": "LOCATION"} in (
        output["facets"]["symlinks"]["identifiers"]
    )
    assert output["facets"]["wabucket_artifact"]["digest"] == made.digest
    assert (old["namespace"], old["name"]) == ("s3://other", "prefix/model/old")


@pytest.mark.parametrize(
    ("state", "kind"),
    [("running", "RUNNING"), ("finished", "COMPLETE"), ("failed", "FAIL"), ("crashed", "FAIL"), ("killed", "ABORT")],
)
def test_each_state_has_its_event(state: str, kind: str) -> None:
    one = run(state=RunState(state), finished=None)
    events = run_events(one, [], [])
    assert events[1]["eventType"] == kind
    for event in events:
        check_event(event)


def test_an_event_is_the_same_each_time_it_is_made() -> None:
    assert run_events(run(), [], []) == run_events(run(), [], [])
    assert run_events(run(id="r2"), [], [])[0]["run"] != run_events(run(), [], [])[0]["run"]


def test_the_lineage_of_an_artifact() -> None:
    found = lineage()
    events = lineage_events(found, "team")
    assert len(events) == 2 * (1 + len(found.used_by))
    for event in events:
        check_event(event)
        assert event["job"]["namespace"] == "team"
    names = [one["name"] for event in events for one in event["outputs"]]
    assert any(name.endswith(f"{found.artifact.type}/{found.artifact.name}") for name in names)


def test_an_artifact_that_no_run_touched_is_a_dataset() -> None:
    found = replace(lineage(), produced_by=None, used_by=[])
    (event,) = lineage_events(found)
    check_event(event)
    assert event["dataset"]["facets"]["version"]["datasetVersion"] == found.artifact.alias


@pytest.mark.parametrize(
    ("bucket", "expected"),
    [
        ("s3://b", ("s3://b", "")),
        ("s3://b/a/b/", ("s3://b", "a/b/")),
        ("gs://b/x", ("gs://b", "x/")),
        ("file:///srv/data", ("file", "/srv/data/")),
        ("az://box@account/x", ("az://box@account", "x/")),
        ("wandb-artifact:", ("wandb-artifact:", "")),
    ],
)
def test_names_of_datasets(bucket: str, expected: tuple[str, str]) -> None:
    assert namespace_and_root(bucket) == expected


def test_the_checks_find_what_is_wrong() -> None:
    _, event = run_events(run(job=JOB), [Dataset.of(artifact())], [])
    assert sum(1 for _ in facets(event)) >= 9
    broken: list[Any] = [json.loads(json.dumps(event)) for _ in range(3)]
    broken[0]["eventType"] = "DONE"
    del broken[1]["run"]["runId"]
    del broken[2]["inputs"][0]["facets"]["version"]["datasetVersion"]
    for one in broken:
        with pytest.raises(ValidationError):
            check_event(one)


def test_the_schemas_carry_their_licence() -> None:
    assert "Apache License" in (SCHEMAS / "LICENSE").read_text()
    assert (SCHEMAS / "NOTICE.txt").is_file()


@given(st.dictionaries(st.sampled_from(sorted(JOB)), st.text()), st.lists(st.text(), max_size=3), st.text())
def test_any_text_makes_valid_events(job: dict[str, str], tags: list[str], name: str) -> None:
    one = run(job=job, tags=tuple(tags), job_type=name, name=name)
    for event in run_events(one, [Dataset.of(artifact(metadata={name: name}))], []):
        check_event(json.loads(json.dumps(event)))
