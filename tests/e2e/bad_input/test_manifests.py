"""Hostile manifests and headers, through the command line."""

import json
import os
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.bad_input.bench import Bench, upload
from tests.e2e.bad_input.forge import CONTENT, digest, entry, forge
from tests.faults import trees
from tests.faults.buckets import client
from tests.servers import Server


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


# ---- paths -----------------------------------------------------------------------------------------------------------

PATHS: dict[str, Any] = {
    "above": "../x",
    "far above": "a/../../../x",
    "absolute": "/x",
    "windows": "C:\\x",
    "windows share": "\\\\host\\x",
    "nul": "a\0b",
    "empty part": "a//b",
    "dot": "./a",
    "slash at the end": "a/",
    "ours": ".wabucket/x",
    "ours in capitals": ".WABUCKET/x",
    "long": "n" * 300,
    "newline": "a\nb",
    "decomposed": "e\u0301",
    "surrogate": "\ud800",
    "empty": "",
    "number": 7,
}


@pytest.mark.row("H1", "X1")
@pytest.mark.parametrize("kind", PATHS)
def test_H1_paths(uploaded: Bench, kind: str) -> None:
    """Each is refused with its reason before a file is fetched, whatever is asked for; nothing outside changes."""
    forge(uploaded.bucket / "dataset/cats/bad", entry("a.txt"), entry(PATHS[kind]))
    (uploaded.bucket / "dataset/cats/bad/a.txt").write_bytes(CONTENT)
    around = trees.read(uploaded.here, without="")
    for command in (["download", "-d", "out/side"], ["download", "-d", "out/side", "--include", "a.txt"], ["verify"]):
        uploaded.refused(7, command[0], "dataset/cats:bad", *command[1:], says="the manifest of dataset/cats:bad")
    uploaded.refused(7, "show", "dataset/cats:bad", "--files")
    assert trees.read(uploaded.here, without="") | {"out": None} == around | {"out": None}
    assert not Path("/x").exists()


@pytest.mark.row("H1")
@pytest.mark.needs("moto")
@pytest.mark.parametrize("path", ["../../../x", "/x", "a//b", "./a", ".wabucket/x/../../y"])
def test_H1_keys_of_uploads_without_manifest(
    bench: Bench, moto_s3: Server, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    for name, value in (*moto_s3.environ.items(), ("WABUCKET_BUCKET", moto_s3.url(moto_s3.make_bucket()))):
        monkeypatch.setenv(name, value)
    s3 = client(moto_s3)
    for key in ("a.txt", path):
        s3.put_object(Bucket=os.environ["WABUCKET_BUCKET"][5:], Key=f"dataset/cats/old/{key}", Body=CONTENT)
    s3.close()
    around = trees.read(bench.here, without="")
    code, out, err = bench.run("download", "dataset/cats:old", "-d", "out/side")
    assert (code, out) == ((3, "") if path.startswith(".wabucket") else (7, "")), err
    assert trees.read(bench.here, without="") | {"out": None} == around | {"out": None}


# ---- entries ---------------------------------------------------------------------------------------------------------


@pytest.mark.row("H2", "X1")
@pytest.mark.parametrize(
    "entries",
    [
        [entry("a", type="symlink", target="/etc")],
        [entry("a", type="symlink", target="/etc"), entry("a/passwd")],
        [entry("a", type="hardlink")],
        [entry("a", type=["file"])],
        [entry("a", type=None)],
    ],
    ids=["link", "file below a link", "hard link", "list", "none"],
)
def test_H2_kinds(uploaded: Bench, entries: list[dict[str, Any]]) -> None:
    forge(uploaded.bucket / "dataset/cats/bad", *entries)
    uploaded.refused(7, "download", "dataset/cats:bad", "-d", "out")
    assert not (uploaded.here / "out").exists()


@pytest.mark.row("H2", "X1")
@pytest.mark.parametrize("name", [".wabucket-tmp-" + "0" * 24, ".wabucket-lock"])
def test_H2_names_of_our_temporary_files(uploaded: Bench, name: str) -> None:
    forge(uploaded.bucket / "dataset/cats/bad", entry(name))
    (uploaded.bucket / "dataset/cats/bad" / name).write_bytes(CONTENT)
    uploaded.refused(7, "download", "dataset/cats:bad", "-d", "out")
    assert not (uploaded.here / "out").exists()
    (uploaded.here / "src" / name).write_bytes(CONTENT)
    uploaded.refused(2, *upload(alias="two"), says=name)
    assert not (uploaded.bucket / "dataset/cats/two").exists()


@pytest.mark.row("H2")
def test_H2_a_name_like_that_of_the_directory_beside_the_destination(uploaded: Bench) -> None:
    directory = uploaded.bucket / "dataset/cats/bad"
    forge(directory, entry(".out.wabucket-0123456789ab"), entry("a"))
    for name in (".out.wabucket-0123456789ab", "a"):
        (directory / name).write_bytes(CONTENT)
    uploaded.ok("download", "dataset/cats:bad", "-d", "out")
    assert trees.read(uploaded.here / "out") == {".out.wabucket-0123456789ab": CONTENT, "a": CONTENT}
    assert [path.name for path in uploaded.here.iterdir() if "wabucket-" in path.name] == []


@pytest.mark.row("D4", "H4")
@pytest.mark.parametrize(
    "entries",
    [
        [entry("a"), entry("a/b")],
        [entry("a"), entry("a-b"), entry("a/b")],
        [entry("a"), entry("a")],
        [entry("b"), entry("a")],
        [entry("a", size=-1)],
        [entry("a", size=1 << 64)],
        [entry("a", size=7.0)],
        [entry("a", size=True)],
        [entry("a", digest="md5:" + "0" * 32)],
    ],
    ids=str,
)
def test_H4_entries_that_contradict_one_another(uploaded: Bench, entries: list[dict[str, Any]]) -> None:
    forge(uploaded.bucket / "dataset/cats/bad", *entries)
    (uploaded.bucket / "dataset/cats/bad/a").write_bytes(CONTENT)
    uploaded.refused(7, "download", "dataset/cats:bad", "-d", "out")
    assert not (uploaded.here / "out").exists()


@pytest.mark.row("H4")
@pytest.mark.parametrize(
    "header",
    [
        {"files": 10**9, "entries": {"digest": digest(b""), "bytes": 10**12, "count": 10**9}},
        {"files": 2},
        {"bytes": 1 << 64},
        {"bytes": 3},
        {"files": 1.0},
        {"entries": {"digest": digest(b""), "bytes": 0, "count": 0}},
        {"entries": []},
        {"digest": digest(b"other")},
    ],
    ids=str,
)
def test_H4_headers_that_do_not_add_up(uploaded: Bench, header: dict[str, Any]) -> None:
    forge(uploaded.bucket / "dataset/cats/bad", entry("a"), **header)
    (uploaded.bucket / "dataset/cats/bad/a").write_bytes(CONTENT)
    uploaded.refused(7, "download", "dataset/cats:bad", "-d", "out")
    assert not (uploaded.here / "out").exists()


@pytest.mark.row("D4")
def test_D4_case_twins(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    (bench.here / "src/A.TXT").write_text("x")
    bench.ok(*upload())
    monkeypatch.setattr("wabucketref.store.receiving.staging._folds_case", lambda descriptor: True)
    bench.refused(2, "download", "dataset/cats:one", "-d", "out", says="A.TXT")
    assert not (bench.here / "out").exists()
    bench.ok("download", "dataset/cats:one", "-d", "out", "--include", "a.txt")


# ---- size ------------------------------------------------------------------------------------------------------------


def zeros(size: int) -> bytes:
    """A Zstandard frame of `size` zero bytes (a multiple of 128 KiB) in four bytes for each block."""
    block = 128 << 10
    count = size // block
    head = b"\x28\xb5\x2f\xfd" + b"\x00" + b"\x38"  # no content size, a window of 128 KiB
    body = ((block << 3) | (1 << 1)).to_bytes(3, "little") + b"\0"
    last = ((block << 3) | (1 << 1) | 1).to_bytes(3, "little") + b"\0"
    return head + body * (count - 1) + last


@pytest.mark.row("H3", "X1")
@pytest.mark.parametrize("said", [1 << 10, 1 << 34], ids=["declared small", "declared"])
def test_H3_a_bomb_costs_no_memory(uploaded: Bench, said: int) -> None:
    directory = uploaded.bucket / "dataset/cats/bad"
    forge(directory, entry("a"), entries={"digest": digest(b""), "bytes": said, "count": 1})
    bomb = zeros(4 << 30)
    assert len(bomb) < 200_000
    (directory / ".wabucket/entries.jsonl.zst").unlink()
    (directory / ".wabucket/entries.jsonl.zst").write_bytes(bomb)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    uploaded.refused(7, "download", "dataset/cats:bad", "-d", "out")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 << 10, "KiB"


@pytest.mark.row("H5")
def test_H5_a_header_of_a_gibibyte_is_not_read(uploaded: Bench) -> None:
    path = uploaded.bucket / "dataset/cats/one/.wabucket/manifest.json"
    path.unlink()
    with open(path, "wb") as file:
        file.truncate(1 << 30)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    uploaded.refused(7, "download", "dataset/cats:one", "-d", "out")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 << 10, "KiB"


@pytest.mark.row("H5")
@pytest.mark.parametrize("field", ["format", "alias", "digest"])
def test_H5_a_field_that_is_there_twice(uploaded: Bench, field: str) -> None:
    path = uploaded.bucket / "dataset/cats/one/.wabucket/manifest.json"
    text = path.read_text()
    path.unlink()
    path.write_text(text.replace("{", f'{{"{field}": {json.dumps(json.loads(text)[field])}, ', 1))
    uploaded.refused(7, "download", "dataset/cats:one", "-d", "out", says="twice")


# ---- what helps ------------------------------------------------------------------------------------------------------


@pytest.mark.row("H5")
@pytest.mark.parametrize("content", [b"", b"{", b"\0" * 100], ids=lambda one: str(len(one)))
def test_H5_a_damaged_header_is_replaced_or_removed(uploaded: Bench, content: bytes) -> None:
    path = uploaded.bucket / "dataset/cats/one/.wabucket/manifest.json"
    again = ("upload", "src", "-n", "cats", "-t", "dataset", "-a", "one")
    path.unlink()
    path.write_bytes(content)
    uploaded.refused(7, *again, says="--overwrite")
    uploaded.ok(*again, "--overwrite")
    uploaded.ok("verify", "--all", "--deep")
    path.unlink()
    path.write_bytes(content)
    uploaded.ok("rm", "dataset/cats:one")
    assert not (uploaded.bucket / "dataset").exists()
    uploaded.refused(3, "show", "dataset/cats:one")
