"""W&B's rules, as our own words; and what entries say."""

import base64
import hashlib
import re
from pathlib import Path

import pytest

from wabucketref.contracts.tracker_files import FileReference
from wabucketref.errors import NotAuthorised, NotFound, TransientError, UsageError, WaBucketError
from wabucketref.trackers.wandb.entries import entry_fields
from wabucketref.trackers.wandb.rules import check_names
from wabucketref.trackers.wandb.sdk import translated

RESERVED = [
    ("wandb-history", "x", "a"),
    ("job", "anything", "a"),
    ("code", "source-1", "a"),
    ("run_table", "run-1", "a"),
    ("model", "m", "v0"),
    ("model", "m", "v12"),
    ("model", "m", "latest"),
]


@pytest.mark.row("N7", "N2")
@pytest.mark.parametrize(("kind", "name", "alias"), RESERVED)
def test_what_wandb_keeps_for_itself_is_refused(kind: str, name: str, alias: str) -> None:
    with pytest.raises(UsageError, match=r"reserved|version number"):
        check_names(kind, name, alias)


@pytest.mark.parametrize(
    ("kind", "name", "alias"), [("code", "x", "a"), ("run_table", "x", "V1"), ("wandb", "x", "v1-rc")]
)
def test_neighbours_of_reserved_names_are_fine(kind: str, name: str, alias: str) -> None:
    check_names(kind, name, alias)


@pytest.mark.row("N7")
def test_our_rules_are_the_sdk_s() -> None:
    from wandb.sdk.artifacts import _validators as theirs

    for kind, name, alias in RESERVED[:4]:
        with pytest.raises(ValueError, match="reserved"):
            theirs.validate_artifact_type(kind, name)
        assert theirs.validate_aliases([alias]) == [alias]
    assert theirs.MAX_ARTIFACT_METADATA_KEYS == 100
    assert theirs.NAME_MAXLEN == 128


def test_entries_follow_the_convention_of_their_scheme(tmp_path: Path) -> None:
    ours = "blake3:" + "0" * 64
    s3 = entry_fields(FileReference("a", "s3://b/k ä%20", 3, ours, "etag-1", "ver"))
    assert (s3["digest"], s3["ref"], s3["size"]) == ("etag-1", "s3://b/k ä%20", 3)
    assert s3["extra"] == {"etag": "etag-1", "versionID": "ver", "wabucket": ours}
    assert "versionID" not in entry_fields(FileReference("a", "s3://b/k", 3, ours, "e"))["extra"]
    file = tmp_path / "a b%20.txt"
    file.write_bytes(b"alpha")
    local = entry_fields(FileReference("a", file.as_uri(), 5, ours, "inode"))
    assert local["digest"] == base64.b64encode(hashlib.md5(b"alpha").digest()).decode()
    with pytest.raises(NotFound):
        entry_fields(FileReference("a", (tmp_path / "gone").as_uri(), 5, ours))


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Post: dial tcp 127.0.0.1:1: connect: connection refused", TransientError),
        ("the service process is busy and did not respond in time", TransientError),
        ("giving up after 4 attempts: 404 page of a proxy", TransientError),
        ("returned error 401: user is not logged in", NotAuthorised),
        ("403 permission denied", NotAuthorised),
        ("API key must have 40+ characters, has 3.", NotAuthorised),
        ("Failed to verify credentials with http://x: returned error 500: oh", TransientError),
        ("project 'demo' not found under entity 'x'", NotFound),
        ("some words nobody foresaw", TransientError),
    ],
)
@pytest.mark.row("T3")
def test_errors_are_told_apart_by_their_words(text: str, kind: type[WaBucketError]) -> None:
    found = translated(RuntimeError(text), "asking")
    assert type(found) is kind
    assert re.search(re.escape(text[:20]), found.message)
    assert not found.retryable  # the SDK tried again by itself
