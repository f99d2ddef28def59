"""Hostile manifests and headers, through the command line."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.e2e.bad_input.bench import Bench
from tests.faults import trees


@pytest.mark.row("H5")
@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda header: header.update(alias="other"), 7),
        (lambda header: header.update(format="2.0"), 2),
        (lambda header: header.update(files=10**9), 7),
        (lambda header: header.update(bytes=-1), 7),
        (lambda header: header.update(digest="blake3:" + "0" * 64), 7),
        (lambda header: header["entries"].update(digest="blake3:" + "0" * 64), 7),
        (lambda header: header.clear(), 7),
    ],
    ids=["another alias", "newer", "files", "negative", "digest", "entries", "empty"],
)
def test_H5_headers(uploaded: Bench, change: Callable[[dict[str, Any]], None], code: int) -> None:
    path = uploaded.bucket / "dataset/cats/one/.wabucket/manifest.json"
    header = json.loads(path.read_bytes())
    change(header)
    path.unlink()
    path.write_text(json.dumps(header))
    uploaded.refused(code, "download", "dataset/cats:one", "-d", "out")
    assert not (uploaded.here / "out").exists()


@pytest.mark.row("H5")
@pytest.mark.parametrize(
    "content", [b"", b"\0" * 100, b"[]", b"{" * 100_000, b"x" * (2 << 20)], ids=lambda one: str(len(one))
)
def test_H5_no_header_at_all(uploaded: Bench, content: bytes) -> None:
    path = uploaded.bucket / "dataset/cats/one/.wabucket/manifest.json"
    path.unlink()
    path.write_bytes(content)
    uploaded.refused(7, "download", "dataset/cats:one", "-d", "out")


@pytest.mark.row("H3")
@pytest.mark.parametrize("content", [b"", b"nonsense", b"\x28\xb5\x2f\xfd" + b"\0" * 50], ids=["empty", "text", "zstd"])
def test_H3_entries(uploaded: Bench, content: bytes) -> None:
    path = uploaded.bucket / "dataset/cats/one/.wabucket/entries.jsonl.zst"
    path.unlink()
    path.write_bytes(content)
    uploaded.refused(7, "download", "dataset/cats:one", "-d", "out")
    uploaded.refused(7, "show", "dataset/cats:one", "--files")


@pytest.mark.row("H6")
def test_H6_replaced_behind_the_trackers_back(uploaded: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    trees.make(uploaded.here / "other", {"x": b"other"})
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("WABUCKET_HOME", str(uploaded.here / "other-home"))
        uploaded.ok("upload", "other", "-n", "cats", "-t", "dataset", "-a", "one", "--overwrite")
    message = uploaded.refused(7, "download", "dataset/cats:one", "-d", "out")
    assert message.count("blake3:") == 2
    assert not (uploaded.here / "out").exists()
