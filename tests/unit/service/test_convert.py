"""Values to messages and back: nothing is lost on the way through the journal."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wabucketref import errors
from wabucketref.model.artifact import LoggedArtifact
from wabucketref.model.plan import (
    AdoptPlan,
    Committed,
    DownloadPlan,
    Fetched,
    LinkPlan,
    RunFacts,
    TransferFigures,
    UploadPlan,
)
from wabucketref.model.run import RunKey, RunUpdate
from wabucketref.service import convert, failures
from wabucketref.service.wabucket_pb2 import AdoptRecord, ArtifactRecord, LinkRecord, RunRecord, UseArtifactRecord

KEY = RunKey("ana", "demo", "run1")
texts = st.text(st.characters(codec="utf-8"), max_size=20)
names = st.from_regex(r"[A-Za-z0-9_.-]{1,12}", fullmatch=True)
times = st.datetimes(datetime(2020, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC))
leaves = st.one_of(st.none(), st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False), texts)
values = st.recursive(
    leaves,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)),
    max_leaves=8,
)
mappings = st.dictionaries(texts, values, max_size=4)
globs = st.lists(texts, max_size=3).map(tuple)
facts = st.just(RunFacts(KEY.run_id, KEY.project, KEY.entity))
sizes = st.integers(0, 2**62)
figures = st.builds(TransferFigures, sizes, sizes, sizes, sizes, st.floats(0, 1e9))
artifacts = st.builds(
    LoggedArtifact, names, names, names, names, texts, texts, texts, sizes, sizes, times, mappings, st.booleans()
)


def through(message: Any) -> Any:
    """As it comes out of the journal."""
    return type(message).FromString(message.SerializeToString())


_of = {"xid": names, "bucket": texts, "type": names, "name": names, "alias": names}
_write = _of | {"run": facts, "created": times, "metadata": mappings}


@given(
    st.builds(
        UploadPlan,
        source=texts,
        include=globs,
        exclude=globs,
        overwrite=st.booleans(),
        replaces=names,
        earlier=st.none() | globs,
        **_write,
    )
)
def test_upload_plans(plan: UploadPlan) -> None:
    record: ArtifactRecord = through(convert.upload_to_record(plan))
    assert convert.upload_from_record(record, KEY) == plan


@given(st.builds(LinkPlan, base=texts, **_write))
def test_link_plans(plan: LinkPlan) -> None:
    record: LinkRecord = through(convert.link_to_record(plan))
    assert convert.link_from_record(record, KEY) == plan


@given(st.builds(AdoptPlan, **_write))
def test_adopt_plans(plan: AdoptPlan) -> None:
    record: AdoptRecord = through(convert.adopt_to_record(plan))
    assert convert.adopt_from_record(record, KEY) == plan


@given(
    st.builds(
        DownloadPlan,
        destination=texts,
        digest=st.none() | names,
        include=globs,
        exclude=globs,
        deep=st.booleans(),
        **_of,
    )
)
def test_download_plans(plan: DownloadPlan) -> None:
    record: UseArtifactRecord = through(convert.download_to_record(plan))
    assert convert.download_from_record(record) == plan


@given(
    st.builds(
        RunUpdate,
        key=st.just(KEY),
        name=st.none() | texts,
        job_type=st.none() | texts,
        group=st.none() | texts,
        notes=st.none() | texts,
        tags=st.none() | globs,
        config=st.none() | mappings,
        job=st.none() | mappings,
        created=st.none() | times,
    ),
    st.booleans(),
)
def test_run_updates(update: RunUpdate, single: bool) -> None:
    record: RunRecord = through(convert.run_to_record(update, single_operation=single))
    assert convert.run_from_record(record, KEY) == update
    assert record.single_operation == single
    assert record.key == convert.key_to_message(KEY)


@given(artifacts, figures, st.booleans())
def test_commits(artifact: LoggedArtifact, moved: TransferFigures, already: bool) -> None:
    record = through(convert.committed_to_record("x1", Committed(artifact, moved, already)))
    assert convert.artifact_from_message(record.artifact) == artifact
    assert convert.figures_from_message(record.figures) == moved
    assert (record.xid, record.already_there) == ("x1", already)


@given(st.builds(Fetched, texts, st.none() | names, sizes, sizes, figures, st.booleans(), texts, mappings, times))
def test_downloads_that_are_done(fetched: Fetched) -> None:
    plan = DownloadPlan(xid="x1", destination="/tmp", bucket="b", type="t", name="n", alias="a")
    record = through(convert.fetched_to_record(plan, fetched))
    artifact = convert.artifact_from_message(record.artifact)
    assert (artifact.digest or None, artifact.files, artifact.bytes) == (fetched.digest, fetched.files, fetched.bytes)
    assert (artifact.type, artifact.name, artifact.alias, artifact.bucket) == ("t", "n", "a", "b")
    assert (artifact.uri, artifact.metadata, artifact.created) == (fetched.uri, fetched.metadata, fetched.created)
    assert (record.path, record.verified) == (fetched.path, fetched.verified)


@given(st.floats())
def test_every_float_survives_the_json_of_the_journal(value: float) -> None:
    back = convert.from_json(convert.to_json({"v": value}))["v"]
    assert repr(back) == repr(value)


def kinds() -> list[type[errors.WaBucketError]]:
    found = [errors.WaBucketError]
    for kind in found:
        found.extend(one for one in kind.__subclasses__() if one.__module__ == errors.__name__)
    return found


@pytest.mark.parametrize("kind", kinds(), ids=lambda kind: kind.__name__)
def test_errors_keep_their_type(kind: type[errors.WaBucketError]) -> None:
    error = kind("what", hint="do", retryable=not kind.retryable)
    back = failures.from_message(through(failures.to_message(error)))
    assert type(back) is kind
    assert (back.message, back.hint, back.exit_code) == ("what", "do", kind.exit_code)
    assert back.retryable == (not kind.retryable)


def test_an_error_of_a_kind_unknown_here_keeps_its_exit_code() -> None:
    message = failures.to_message(errors.Conflict("what"))
    message.kind = "made-by-a-newer-release"
    back = failures.from_message(message)
    assert back.exit_code == 6
    message.exit_code = 77
    assert type(failures.from_message(message)) is errors.WaBucketError


def test_kinds_have_different_names() -> None:
    assert len({kind.kind for kind in kinds()}) == len(kinds())
