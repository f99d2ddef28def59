"""Manifests are untrusted JSON; several make one artifact."""

import json
from typing import Any

import pytest

from wabucketref.errors import UsageError
from wabucketref.server.artifacts import merging
from wabucketref.server.artifacts.merging import Named


def manifest(contents: Any, **more: Any) -> bytes:
    return json.dumps({"version": 1, "contents": contents, **more}).encode()


def entry(digest: str = "x", **more: Any) -> dict[str, Any]:
    return {"digest": digest, "size": 1, **more}


def test_entries_keep_what_the_sdk_reads_and_lose_the_paths_of_a_machine() -> None:
    found = merging.parse(
        manifest(
            {"a/b": entry(local_path="/home/me/secret", skip_cache=True, extra={"k": [1]}, ref="s3://b/k", size=9)},
            storagePolicyConfig={"storageRegion": "default"},
        )
    )
    assert found.region == "default"
    assert found.entries == {"a/b": Named("a/b", "x", 9, "s3://b/k", {"extra": {"k": [1]}, "skip_cache": True})}


@pytest.mark.row("X11", "X8")
@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{}",
        b"[" * 100_000,
        manifest({"a": entry()}, version=2),
        manifest([]),
        manifest({"": entry()}),
        manifest({"/etc/passwd": entry()}),
        manifest({"a/../../b": entry()}),
        manifest({"a\0b": entry()}),
        manifest({"a": 1}),
        manifest({"a": {"size": 1}}),
        manifest({"a": entry(size=-1)}),
        manifest({"a": entry(size=1.5)}),
        manifest({"a": entry(ref=["x"])}),
        manifest({"a": entry(extra=[1])}),
    ],
    ids=lambda data: data[:40].decode(),
)
def test_what_is_no_manifest_is_refused(data: bytes) -> None:
    with pytest.raises((UsageError, TypeError)):
        merging.parse(data)


def test_later_parts_count_and_the_base_is_kept() -> None:
    base = [Named("kept", "1", 1, None, {}), Named("changed", "1", 1, None, {})]
    parts = [
        merging.parse(manifest({"changed": entry("2"), "new": entry("2")})),
        merging.parse(manifest({"new": entry("3")})),
    ]
    merged = merging.merge(base, parts)
    assert {path: one.digest for path, one in merged.items()} == {"kept": "1", "changed": "2", "new": "3"}


def test_the_digest_is_that_of_the_sdk() -> None:
    import wandb
    from wandb.sdk.artifacts.artifact_manifest_entry import ArtifactManifestEntry

    digests = {"b/a": "1", "a": "2", "B": "3"}
    theirs = wandb.Artifact("data", "dataset").manifest
    for path, digest in digests.items():
        theirs.add_entry(ArtifactManifestEntry(path=path, digest=digest, size=1))
    assert merging.digest_of([Named(path, digest, 1, None, {}) for path, digest in digests.items()]) == theirs.digest()
