"""From creation to commit in the catalog: what is repeated, shared or equal makes no second version."""

import pytest

from tests.server.artifacts.conftest import RUN, Desk
from tests.unit.trackers.helpers import BUCKET, WHEN
from wabucketref.errors import Conflict, NotFound, UsageError
from wabucketref.model.artifact import LoggedArtifact
from wabucketref.model.reference import ArtifactRef
from wabucketref.model.run import RunKey
from wabucketref.trackers.embedded import aliases, artifacts, infos, resolve
from wabucketref.trackers.embedded.schema import version
from wabucketref.trackers.embedded.sdk import blobs, collections, drafts, entries, ids, naming, uses, versions
from wabucketref.trackers.embedded.sdk.facts import File


def numbers(desk: Desk) -> int:
    """Versions of the artifact."""
    (found,) = collections.by_name(desk.connection, desk.project_pk, "data")
    return len(versions.living_in(desk.connection, found))


def test_the_id_of_a_draft_stays_that_of_its_version(desk: Desk) -> None:
    draft = desk.draft("d1", client_id="c1")
    before = drafts.public_id(desk.connection, draft.pk)
    assert versions.key_of(desk.connection, before) is None
    found = desk.commit(draft)
    assert (found.id, drafts.of_client(desk.connection, "c1")) == (before, before)
    assert versions.key_of(desk.connection, before) == found.pk


def test_a_draft_created_twice_is_one_and_committed_twice_is_one_version(desk: Desk) -> None:
    first = desk.draft("d1", client_id="c1", aliases=["latest", "best"])
    assert desk.draft("d1", client_id="c1", aliases=["latest", "best"]) == first
    found = desk.commit(first, File("a", "x", 3, "s3://b/a", None, None, {}))
    assert desk.commit(first).pk == found.pk
    again = desk.draft("d1", client_id="c1")
    assert (again.pk, again.version_pk) == (first.pk, found.pk)
    assert (numbers(desk), found.files, found.bytes) == (1, 1, 3)
    assert [alias.name for alias in found.aliases] == ["best", "latest"]


def test_repeating_an_old_creation_does_not_bring_latest_back(desk: Desk) -> None:
    old = desk.log("d1", client_id="c1", aliases=["latest"])
    new = desk.log("d2", client_id="c2", aliases=["latest"])
    desk.draft("d1", client_id="c1", aliases=["latest", "also"])
    found = naming.find(desk.connection, desk.project_pk, "data:latest")
    also = naming.find(desk.connection, desk.project_pk, "data:also")
    assert found is not None
    assert also is not None
    assert (found.version_pk, also.version_pk) == (new.pk, old.pk)


def test_equal_content_is_the_version_it_was_and_an_output_of_this_run_too(desk: Desk) -> None:
    first = desk.log("d1")
    draft = desk.draft("d1", run=RUN, aliases=["again"])
    assert draft.version_pk == first.pk
    assert drafts.public_id(desk.connection, draft.pk) == first.id
    run_pk = artifacts.require_run(desk.connection, RUN)[0]
    assert list(uses.outputs(desk.connection, run_pk, None, None).items) == [first.pk]
    assert desk.log("d1", unique=False).number == 1


def test_two_drafts_of_equal_content_become_one_version(desk: Desk) -> None:
    one, two = desk.draft("d1", client_id="c1"), desk.draft("d1", client_id="c2")
    assert desk.commit(one).pk == desk.commit(two).pk
    assert numbers(desk) == 1
    assert drafts.of_client(desk.connection, "c2") == drafts.of_client(desk.connection, "c1")


def test_several_clients_write_one_distributed_draft(desk: Desk) -> None:
    one = desk.draft("d1", client_id="c1", distributed_id="group")
    two = desk.draft("d2", client_id="c2", distributed_id="group")
    assert one.pk == two.pk
    desk.commit(one)
    assert desk.draft("d3", distributed_id="group").pk != one.pk


def test_what_was_removed_by_either_side_can_be_logged_again(desk: Desk) -> None:
    first = desk.log("d1", client_id="c1")
    versions.delete(desk.connection, first, with_aliases=True)
    second = desk.log("d1", client_id="c1")
    aliases.remove_upload(desk.connection, ArtifactRef("dataset", "data", "v1"), ("team", "demo"), second.bucket)
    assert desk.log("d1", client_id="c1").number == 2


def test_a_version_with_aliases_is_deleted_only_with_them(desk: Desk) -> None:
    found = desk.log("d1", aliases=["best"])
    with pytest.raises(Conflict, match="has aliases"):
        versions.delete(desk.connection, found, with_aliases=False)
    versions.delete(desk.connection, found, with_aliases=True)
    assert naming.find(desk.connection, desk.project_pk, "data:best") is None
    with pytest.raises(NotFound):
        versions.require(desk.connection, found.pk)


def test_a_name_has_one_type_and_its_run_must_exist(desk: Desk) -> None:
    desk.log("d1")
    with pytest.raises(Conflict, match="type 'dataset'"):
        desk.draft("d2", type="model")
    with pytest.raises(NotFound, match="nobody"):
        desk.draft("d2", run=RunKey("team", "demo", "nobody"))


@pytest.mark.parametrize("alias", ["", "a/b", "a:b", "v3", "x" * 129, "line\n"])
def test_aliases_that_no_reference_could_name_are_refused(desk: Desk, alias: str) -> None:
    with pytest.raises(UsageError):
        desk.draft("d1", aliases=[alias])


def test_bytes_are_kept_once_a_project_and_forgotten_with_the_last_version(desk: Desk) -> None:
    keys = iter(f"key-{n}" for n in range(9))
    draft = desk.draft("d1")
    (blob,) = blobs.reserve(desk.connection, desk.project_pk, draft.pk, ["m1", "m1"], lambda: next(keys)).values()
    blobs.stored(desk.connection, blob.pk, 7)
    assert blobs.forget_unused(desk.connection, desk.project_pk) == ()  # the draft is being made
    one = desk.commit(draft, File("a", "m1", 7, None, blob.pk, draft.pk, {}))
    two = desk.commit(desk.draft("d2"), File("b", "m1", 7, None, blob.pk, draft.pk, {}))
    for found, left in ((one, []), (two, ["key-0"])):
        versions.delete(desk.connection, found, with_aliases=True)
        entries.drop(desk.connection, found.pk)
        assert list(blobs.forget_unused(desk.connection, desk.project_pk)) == left


def test_the_command_line_sees_what_the_sdk_logged_and_the_sdk_what_it_uploaded(desk: Desk) -> None:
    logged = desk.log("d1", run=RUN, aliases=["best"])
    uploaded = LoggedArtifact("x1", "dataset", "data", "first", "blake3:1", f"{BUCKET}/d", BUCKET, 2, 9, WHEN)
    artifacts.log(desk.connection, RUN, uploaded)
    found = resolve.find_version(desk.connection, ArtifactRef("dataset", "data", "best"), ("team", "demo"), BUCKET)
    assert found.id == logged.pk
    shown = infos.read_artifacts(desk.connection, version.c.id == logged.pk)[0]
    assert (shown.version, shown.aliases, shown.uri) == (
        "v0",
        ("best", "latest"),
        "wandb-artifact://team/demo/data:v0",
    )
    newest = naming.find(desk.connection, desk.project_pk, "data:latest")
    assert newest is not None
    theirs = versions.require(desk.connection, newest.version_pk)
    assert (theirs.number, theirs.digest, theirs.files, [alias.name for alias in theirs.aliases]) == (
        1,
        "blake3:1",
        2,
        ["first", "latest"],
    )
    # The SDK knows no buckets: the newest of several "latest" is its own.
    assert [alias.name for alias in versions.require(desk.connection, logged.pk).aliases] == ["best"]


def test_the_directory_of_an_upload_keeps_its_name(desk: Desk) -> None:
    for n in (1, 2):
        uploaded = LoggedArtifact(
            f"x{n}", "dataset", "data", f"a{n}", f"blake3:{n}", f"{BUCKET}/{n}", BUCKET, 1, 1, WHEN
        )
        artifacts.log(desk.connection, RUN, uploaded)
    found = naming.find(desk.connection, desk.project_pk, "data:a2")
    assert found is not None
    with pytest.raises(Conflict, match="directory"):
        naming.give(desk.connection, found.collection, found.version_pk, ["a1"])
    with pytest.raises(Conflict, match="directory"):
        naming.take(desk.connection, found.collection, found.version_pk, ["a2"])
    naming.give(desk.connection, found.collection, found.version_pk, ["prod"])
    logged = desk.log("d1", aliases=["prod"])
    moved = naming.find(desk.connection, desk.project_pk, "data:prod")
    assert moved is not None
    assert moved.version_pk == logged.pk
    with pytest.raises(Conflict, match="lie in"):
        versions.delete(desk.connection, versions.require(desk.connection, found.version_pk), with_aliases=True)


@pytest.mark.parametrize("given", ["", "x", "QXJ0aWZhY3Q6dg==", "QXJ0aWZhY3Q6ZDk5OTk5OTk5OTk5OTk5OTk5OTk5", "Ünï"])
def test_ids_of_others_name_nothing(desk: Desk, given: str) -> None:
    assert versions.key_of(desk.connection, given) is None
    assert ids.number(ids.COLLECTION, given) is None


def test_the_command_line_moves_names_between_what_both_sides_made(desk: Desk) -> None:
    artifacts.log(
        desk.connection,
        RUN,
        LoggedArtifact("x1", "dataset", "data", "first", "blake3:1", f"{BUCKET}/d", BUCKET, 2, 9, WHEN),
    )
    logged = desk.log("d1", aliases=["prod"])

    def ref(alias: str) -> ArtifactRef:
        return ArtifactRef("dataset", "data", alias)

    def number(alias: str) -> int:
        return resolve.find_version(desk.connection, ref(alias), ("team", "demo"), BUCKET).number

    assert number("prod") == logged.number == 1
    aliases.add(desk.connection, ref("first"), ("team", "demo"), BUCKET, ["prod"])
    assert number("prod") == 0
    aliases.add(desk.connection, ref("v1"), ("team", "demo"), BUCKET, ["prod", "best"])
    assert (number("prod"), number("best")) == (1, 1)
    aliases.drop(desk.connection, ref("best"), ("team", "demo"), BUCKET)
    with pytest.raises(NotFound):
        number("best")


def test_files_are_read_by_path_and_the_connection_writes_on(desk: Desk) -> None:
    files = [File(path, "e", 1, f"s3://b/{path}", None, None, {"extra": {"n": 1}}) for path in ("b", "a", "ü")]
    found = desk.commit(desk.draft("d1"), *files)
    assert [file.path for file in entries.read(desk.connection, found.pk)] == ["a", "b", "ü"]
    assert desk.log("d2").number == 1
    entries.drop(desk.connection, found.pk)
    assert list(entries.read(desk.connection, found.pk)) == []
