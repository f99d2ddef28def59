"""Each ``--json`` document is what its schema says, and one document only."""

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from jsonschema import Draft202012Validator, ValidationError

from tests.unit.cli import samples, schemas
from tests.unit.cli.conftest import Floors, Ran
from wabucketref.errors import NotFound
from wabucketref.model.audit import CheckedVersion, Finding
from wabucketref.model.garbage import Kept
from wabucketref.model.rebuilt import Skipped
from wabucketref.operations.adopt import Adopted

Run = Callable[..., Ran]
IDENTITY = ("-n", "cats", "-t", "dataset")
REF = "dataset/cats:first"

CASES: list[tuple[str, tuple[str, ...], dict[str, Any]]] = [
    ("upload", ("upload", "d", *IDENTITY), {"upload": samples.upload_result()}),
    ("upload", ("upload", "d", *IDENTITY), {"upload": samples.upload_result(run=None, dry_run=True)}),
    ("link", ("link", "d", *IDENTITY), {"link": samples.upload_result(artifact=samples.artifact(version=None))}),
    ("adopt", ("adopt", REF), {"adopt": samples.upload_result()}),
    ("adopt", ("adopt", REF, "--dry-run"), {"adopt": samples.upload_result(run=None, dry_run=True)}),
    ("adopt-all", ("adopt", "dataset/cats"), {"adopt_all": Adopted([samples.upload_result()])}),
    ("download", ("download", REF), {"download": samples.download_result()}),
    (
        "download",
        ("download", REF),
        {"download": samples.download_result(artifact=samples.artifact(digest=None), verified=False)},
    ),
    ("ls", ("ls",), {"list_artifacts": [samples.artifact(), samples.artifact()]}),
    ("ls", ("ls", "model"), {"list_artifacts": []}),
    ("show", ("show", REF), {"show": SimpleNamespace(artifact=samples.artifact(), files=None)}),
    ("show", ("show", REF, "--files"), {"show": SimpleNamespace(artifact=samples.artifact(), files=samples.FILES)}),
    ("lineage", ("lineage", REF), {"lineage": samples.lineage()}),
    ("lineage", ("lineage", REF), {"lineage": samples.lineage(produced_by=None, used_by=())}),
    ("runs", ("runs",), {"list_runs": [samples.run(), samples.run(finished=None, exit_code=None)]}),
    ("runs-one", ("runs", "r1"), {"get_run": samples.run()}),
    ("alias", ("alias", REF, "prod"), {"set_aliases": samples.artifact()}),
    ("rm", ("rm", REF), {"remove": samples.artifact()}),
    ("verify", ("verify", REF), {"verify": samples.verify_result()}),
    ("verify-all", ("verify", "--all"), {"verify_all": samples.verify_all_result()}),
    (
        "verify-all",
        ("verify", "--all"),
        {
            "verify_all": samples.verify_all_result(
                CheckedVersion(samples.artifact(), "ok", extra=("stray.txt",)),
                findings=(Finding("orphan", "k", "nobody needs it"),),
            )
        },
    ),
    ("gc", ("gc",), {"gc": samples.gc_result()}),
    (
        "gc",
        ("gc", "model/net", "--keep-last", "2", "--apply"),
        {
            "gc": samples.gc_result(
                samples.garbage(state="removed"),
                samples.garbage(kind="parts", bytes=None, since=None),
                kept=(Kept("model/net:1", "needed"),),
                scope="model/net",
                keep_last=2,
                applied=True,
                notes=("not looked for",),
            )
        },
    ),
    ("rebuild", ("rebuild",), {"rebuild": samples.rebuild_result(set_aside="/home/catalog.sqlite.damaged-1")}),
    ("rebuild", ("rebuild",), {"rebuild": samples.rebuild_result(Skipped("a/b:c", "skipped", "of no project"))}),
    ("relocate", ("relocate", "a", "b"), {"relocate": samples.relocate_result()}),
    ("completion", ("completion", "zsh"), {}),
    ("version", ("--version",), {}),
    ("error", ("show", REF), {"show": NotFound("gone", hint="look elsewhere")}),
    ("error", ("shw",), {}),
]


@pytest.mark.parametrize(("schema", "arguments", "answers"), CASES)
def test_document(
    wabucket: Run, floors: Floors, schema: str, arguments: tuple[str, ...], answers: dict[str, Any]
) -> None:
    floors.answers |= answers
    ran = wabucket("--json", "--quiet", *arguments)
    assert ran.err == ""
    schemas.check(schema, json.loads(ran.out))


def test_format_json_is_the_same_document(wabucket: Run, floors: Floors) -> None:
    floors.answers["lineage"] = samples.lineage()
    assert wabucket("lineage", REF, "--format", "json") == wabucket("--json", "lineage", REF)
    assert wabucket("--json", "lineage", REF, "--format", "dot").code == 2


def test_numbers_that_json_lacks_are_named(wabucket: Run, floors: Floors) -> None:
    values = {"a": float("nan"), "b": [float("inf"), -float("inf")], "c": 0.5}
    floors.answers["get_run"] = samples.run(summary=values)
    found = json.loads(wabucket("--json", "runs", "r1").out)["run"]["summary"]
    assert found == {"a": "NaN", "b": ["Infinity", "-Infinity"], "c": 0.5}


def test_schemas_are_schemas() -> None:
    for name, schema in schemas.load().items():
        Draft202012Validator.check_schema(schema)
        assert schema["$id"] == f"{name}.json"


def test_every_schema_is_used() -> None:
    parts = {"artifact", "run", "run-status", "run-summary"}
    elsewhere = {"attest", "cache-ls", "cache-prune", "config-list", "doctor", "plugins", "serve", "sync", "status"} | {
        "service-start",
        "service-status",
        "service-stop",
    }
    assert set(schemas.load()) <= {case[0] for case in CASES} | parts | elsewhere


def test_the_check_is_strict() -> None:
    with pytest.raises(ValidationError):
        schemas.check("version", {"name": "wabucket", "version": "1", "more": 1})
