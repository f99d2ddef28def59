"""The bad inputs of the reliability matrix, §2, through the real command line: one test id a row.

Each must end with its exit code, ``error:`` and ``hint:`` on stderr, no traceback, nothing on stdout, and nothing
half-visible in the bucket.
"""

import json
import os
import socket
import stat
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.faults import trees
from wabucketref.cli.main import main

LIMIT = 60


@dataclass
class Bench:
    """A directory to stand in, a home and a bucket."""

    here: Path
    bucket: Path
    capsys: pytest.CaptureFixture[str]

    def run(self, *argv: str) -> tuple[int, str, str]:
        self.capsys.readouterr()
        code = main(list(argv))
        out, err = self.capsys.readouterr()
        return code, out, err

    def refused(self, code: int, *argv: str, says: str = "") -> str:
        """The command must fail with `code`, as every failure must look; what it said."""
        before = self.files()
        got, out, err = self.run(*argv)
        assert got == code, (got, out, err)
        assert out == "", out
        assert "error: " in err, err
        assert "hint: " in err, err
        assert "Traceback" not in err, err
        assert says.lower() in err.lower(), err
        assert self.files() == before, "something is half there"
        got, out, err = self.run("--json", *argv)
        assert got == code
        document = json.loads(out)
        assert document["error"]["code"] == code
        return str(document["error"]["message"])

    def ok(self, *argv: str) -> str:
        code, out, err = self.run(*argv)
        assert code == 0, (code, out, err)
        return err

    def files(self) -> list[str]:
        """What is in the bucket, but what an unfinished upload leaves: it has no header."""
        headers = {path.parent.parent for path in self.bucket.rglob("manifest.json")}
        return sorted(str(path) for directory in headers for path in directory.rglob("*"))


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Bench:
    here = tmp_path / "here"
    trees.make(here / "src", trees.TWO_FILES)
    monkeypatch.chdir(here)
    monkeypatch.setenv("WANDB_PROJECT", "demo")
    monkeypatch.setenv("WABUCKET_TRACKER", "embedded")
    monkeypatch.setenv("WABUCKET_BUCKET", f"file://{tmp_path}/bucket")
    return Bench(here, tmp_path / "bucket", capsys)


def upload(source: str = "src", name: str = "cats", kind: str = "dataset", alias: str = "one") -> list[str]:
    return ["upload", "-n", name, "-t", kind, "-a", alias, "--", source]


# ---- names -----------------------------------------------------------------------------------------------------------

BAD_NAMES = {
    "empty": "",
    "long": "x" * 129,
    "slash": "a/b",
    "space": "a b",
    "umlaut": "ä",
    "newline": "a\n",
    "dot": ".",
    "dots": "..",
    "ours": ".wabucket",
    "ours too": ".wabucket-x",
}


@pytest.mark.row("N1")
@pytest.mark.parametrize("field", ["name", "type", "alias"])
@pytest.mark.parametrize("bad", BAD_NAMES)
def test_N1_names(bench: Bench, field: str, bad: str) -> None:
    given = {"name": "cats", "kind": "dataset", "alias": "one", "kind" if field == "type" else field: BAD_NAMES[bad]}
    message = bench.refused(2, *upload(**given))
    assert field in message
    if bad == "umlaut":
        assert "U+00E4" in message
    assert not bench.bucket.exists(), "refused before any I/O"


@pytest.mark.row("N1")
def test_N1_limits(bench: Bench) -> None:
    bench.ok(*upload(name="x" * 128, kind="A-Za-z0-9_.-", alias="1"))


@pytest.mark.row("N2")
def test_N2_latest_is_reserved(bench: Bench) -> None:
    bench.refused(2, *upload(alias="latest"), says="latest")


@pytest.mark.row("N2")
def test_N2_version_like_aliases_are_warned_of(bench: Bench) -> None:
    assert "v12" in bench.ok(*upload(alias="v12"))
    for alias in ("V1", "v1-rc"):
        assert "version number" not in bench.ok(*upload(alias=alias))
    _, out, _ = bench.run("--json", "show", "dataset/cats:v12")
    assert json.loads(out)["artifact"]["alias"] == "v12"


@pytest.mark.row("N3")
def test_N3_a_leading_dash_works_after_two_dashes(bench: Bench) -> None:
    bench.ok(*upload(name="-x"))
    bench.ok("download", "--", "dataset", "-x", "one")


@pytest.mark.row("N3")
@pytest.mark.parametrize("name", ["x.", "CON", "nul.txt", "COM1"])
def test_N3_names_that_windows_cannot_have(bench: Bench, name: str) -> None:
    bench.refused(2, *upload(name=name), says="Windows")


@pytest.mark.row("N4")
@pytest.mark.parametrize(
    "argv",
    [
        ["dataset/cats"],
        ["a/b/c:d"],
        ["dataset/cats:"],
        ["dataset/cats:one:two"],
        ["dataset/cats:one", "one"],
        ["ana/demo/cats:v0"],
        ["dataset"],
        ["dataset", "cats"],
        ["dataset", "cats", "one", "two"],
    ],
    ids=" ".join,
)
def test_N4_references(bench: Bench, argv: list[str]) -> None:
    bench.ok(*upload())
    bench.refused(2, "download", *argv)


@pytest.mark.row("N6")
def test_N6_three_kinds_of_nothing(bench: Bench) -> None:
    bench.ok(*upload())
    bench.ok(*upload(alias="two"))
    unknown = bench.refused(3, "download", "dataset/cats:onn", says="one")
    (bench.bucket / "dataset/cats/half/.wabucket").mkdir(parents=True)
    (bench.bucket / "dataset/cats/half/.wabucket/claim.json").write_text("{}")
    unfinished = bench.refused(3, "download", "dataset/cats:half", says="unfinished")
    bench.ok("rm", "dataset/cats:two")
    removed = bench.refused(3, "download", "dataset/cats:v1", says="removed")
    assert len({unknown, unfinished, removed}) == 3
    assert not (bench.here / "dataset").exists()


@pytest.mark.row("N8")
def test_N8_the_hash_of_the_config(bench: Bench) -> None:
    bench.refused(2, *upload(alias="!other"))
    code, out, _ = bench.run(*upload(alias="!run-config-hash"))
    assert (code, out.strip()) == (
        0,
        "dataset/cats:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
    )


# ---- source ----------------------------------------------------------------------------------------------------------


@pytest.mark.row("S1")
def test_S1_missing(bench: Bench) -> None:
    bench.refused(3, *upload("nothing"), says="nothing")


@pytest.mark.row("S1")
@pytest.mark.timeout(LIMIT)
@pytest.mark.parametrize("inside", [False, True], ids=["itself", "inside"])
@pytest.mark.parametrize("what", ["fifo", "socket", "device"])
def test_S1_no_file(bench: Bench, what: str, inside: bool) -> None:
    path = bench.here / ("src/odd" if inside else "odd")
    if what == "fifo":
        os.mkfifo(path)
    elif what == "socket":
        with socket.socket(socket.AF_UNIX) as made:
            os.chdir(path.parent)
            made.bind("odd")
            os.chdir(bench.here)
    else:
        try:
            os.mknod(path, 0o600 | stat.S_IFCHR, os.makedev(1, 3))
        except PermissionError:
            pytest.skip("needs the right to make devices")
    bench.refused(2, *upload("src" if inside else "odd"), says="odd")


LINKS: dict[str, Callable[[Path], None]] = {
    "out": lambda src: (src / "odd").symlink_to("/etc/hostname"),
    "environment": lambda src: (src / "odd").symlink_to("/proc/self/environ"),
    "loop": lambda src: (src / "odd").symlink_to("."),
    "itself": lambda src: (src / "odd").symlink_to("odd"),
    "dangling": lambda src: (src / "odd").symlink_to("nowhere"),
}


@pytest.mark.row("S2")
@pytest.mark.parametrize("kind", LINKS)
def test_S2_links(bench: Bench, kind: str) -> None:
    LINKS[kind](bench.here / "src")
    bench.refused(2, *upload(), says="odd")


@pytest.mark.row("S2")
def test_S2_links_inside_are_followed(bench: Bench) -> None:
    (bench.here / "src/link.txt").symlink_to("a.txt")
    bench.ok(*upload())
    bench.ok("download", "dataset/cats:one", "-d", "out")
    assert (bench.here / "out/link.txt").read_bytes() == trees.TWO_FILES["a.txt"]


@pytest.mark.row("S7")
@pytest.mark.parametrize("name", [b"\xff", b"tab\there", b"line\nbreak", b"e\xcc\x81"], ids=repr)
def test_S7_file_names(bench: Bench, name: bytes) -> None:
    (bench.here / "src" / os.fsdecode(name)).touch()
    if name == b"e\xcc\x81":
        (bench.here / "src" / "\u00e9").touch()
    bench.refused(2, *upload())


@pytest.mark.row("S7")
def test_S7_a_backslash_is_data(bench: Bench) -> None:
    (bench.here / "src/a\\b").write_text("x")
    bench.ok(*upload())
    bench.ok("download", "dataset/cats:one", "-d", "out")
    assert (bench.here / "out/a\\b").read_text() == "x"


@pytest.mark.row("S8")
def test_S8_case_only_and_ours(bench: Bench) -> None:
    (bench.here / "src/A.TXT").write_text("x")
    assert "case" in bench.ok(*upload())
    (bench.here / "src/.wabucket").mkdir()
    bench.refused(2, *upload(alias="two"), says=".wabucket")


@pytest.mark.row("S9")
def test_S9_nothing_matched(bench: Bench) -> None:
    bench.refused(2, *upload()[:-2], "--include", "*.nope", "--", "src", says="matched")
    trees.make(bench.here / "hollow", {"empty/directory": None})
    bench.ok(*upload("hollow"))


@pytest.mark.row("S9")
def test_S9_a_sparse_file_is_not_read_by_a_dry_run(bench: Bench) -> None:
    with open(bench.here / "src/sparse", "wb") as file:
        file.truncate(1 << 40)
    code, out, _ = bench.run("--json", *upload()[:-2], "--dry-run", "--", "src")
    assert code == 0
    assert json.loads(out)["artifact"]["bytes"] > 1 << 40
    assert not (bench.bucket / "dataset").exists()


@pytest.mark.row("S10")
def test_S10_the_source_holds_the_bucket(bench: Bench) -> None:
    bench.ok(*upload())
    bench.refused(2, *upload("..", alias="two"))
    bench.refused(2, *upload("/", alias="two"))


@pytest.mark.row("S11")
def test_S11_what_is_not_kept_is_no_error(bench: Bench) -> None:
    os.link(bench.here / "src/a.txt", bench.here / "src/hard")
    os.chmod(bench.here / "src/a.txt", 0o4755)
    bench.ok(*upload())
    bench.ok("download", "dataset/cats:one", "-d", "out")
    assert (bench.here / "out/hard").read_bytes() == trees.TWO_FILES["a.txt"]


# ---- destination -----------------------------------------------------------------------------------------------------


@pytest.fixture
def uploaded(bench: Bench) -> Bench:
    bench.ok(*upload())
    return bench


@pytest.mark.row("D1")
def test_D1_a_file(uploaded: Bench) -> None:
    (uploaded.here / "out").write_text("mine")
    uploaded.refused(2, "download", "dataset/cats:one", "-d", "out", says="not a directory")
    assert (uploaded.here / "out").read_text() == "mine"


@pytest.mark.row("D1")
def test_D1_a_missing_parent_is_made(uploaded: Bench) -> None:
    uploaded.ok("download", "dataset/cats:one", "-d", "a/b/c")
    assert trees.read(uploaded.here / "a/b/c") == trees.TWO_FILES


@pytest.mark.row("D2")
def test_D2_foreign_files_stay_and_ours_are_made_right(uploaded: Bench) -> None:
    trees.make(uploaded.here / "out", {"foreign": b"mine", "a.txt": b"wrong"})
    uploaded.ok("download", "dataset/cats:one", "-d", "out")
    assert trees.read(uploaded.here / "out") == {**trees.TWO_FILES, "foreign": b"mine"}


@pytest.mark.row("D2")
def test_D2_a_file_where_a_directory_must_be(uploaded: Bench) -> None:
    trees.make(uploaded.here / "out", {"deep": b"mine"})
    uploaded.refused(6, "download", "dataset/cats:one", "-d", "out", says="deep")
    assert trees.read(uploaded.here / "out") == {"deep": b"mine"}


@pytest.mark.row("D3")
@pytest.mark.parametrize("where", ["a.txt", "deep"])
def test_D3_a_link_inside(uploaded: Bench, where: str) -> None:
    outside = trees.make(uploaded.here / "outside", {"canary": b"c"})
    (uploaded.here / "out").mkdir()
    (uploaded.here / "out" / where).symlink_to(outside if where == "deep" else outside / "canary")
    uploaded.refused(7, "download", "dataset/cats:one", "-d", "out", says=where)
    assert trees.read(outside) == {"canary": b"c"}


@pytest.mark.row("D3")
def test_D3_the_destination_may_be_one(uploaded: Bench) -> None:
    (uploaded.here / "real").mkdir()
    (uploaded.here / "out").symlink_to("real")
    uploaded.ok("download", "dataset/cats:one", "-d", "out")
    assert trees.read(uploaded.here / "real") == trees.TWO_FILES


# ---- bucket and settings ---------------------------------------------------------------------------------------------


@pytest.mark.row("B2")
@pytest.mark.parametrize(
    "bucket",
    [
        "nope://b",
        "s3:/b",
        "s3://",
        "s3://b//",
        "s3://b/../c",
        "s3://b/%2e%2e/c",
        "s3://b?x=1",
        "s3://b#x",
        "s3://b/a\nb",
        "a/b",
        "",
        "..",
    ],
)
def test_B2_buckets(bench: Bench, bucket: str) -> None:
    bench.refused(2, "--bucket", bucket, *upload()) if bucket else bench.ok("--bucket", bucket, "ls")


@pytest.mark.row("B4")
def test_B4_links(bench: Bench) -> None:
    bench.refused(3, "link", "no/such", "-n", "x", "-t", "t", says="does not exist or not a directory")
    bench.refused(2, "link", "s3://elsewhere/x", "-n", "x", "-t", "t", says="outside")
    bench.refused(2, "link", "../x", "-n", "x", "-t", "t")
    bench.ok(*upload())
    bench.ok("link", "dataset/cats/one", "-n", "again", "-t", "dataset", "-a", "one")
    bench.ok("download", "dataset/again:one", "-d", "out")
    assert trees.read(bench.here / "out", without="") == trees.TWO_FILES


@pytest.mark.row("B6")
def test_B6_a_file_under_an_alias_goes(uploaded: Bench) -> None:
    (uploaded.bucket / "dataset/cats/one/a.txt").unlink()
    uploaded.refused(7, "download", "dataset/cats:one", "-d", "out", says="a.txt")
    assert not (uploaded.here / "out").exists()
    code, out, _ = uploaded.run("--json", "verify", "dataset/cats:one")
    assert code == 7
    assert [damage["path"] for damage in json.loads(out)["damage"]] == ["a.txt"]


SETTINGS_FILES: dict[str, tuple[bytes, str]] = {
    "syntax": (b"bucket = \n", "wabucket.toml"),
    "unknown key": (b'bukcet = "x"\n', "bucket"),
    "wrong type": (b"concurrency = [1]\n", "concurrency"),
    "not utf-8": (b'bucket = "\xff"\n', "wabucket.toml"),
}


@pytest.mark.row("F1")
@pytest.mark.parametrize("kind", SETTINGS_FILES)
def test_F1_settings_files(bench: Bench, kind: str) -> None:
    content, says = SETTINGS_FILES[kind]
    (bench.here / "wabucket.toml").write_bytes(content)
    bench.refused(2, "ls", says=says)


@pytest.mark.row("F1")
def test_F1_a_directory(bench: Bench) -> None:
    (bench.here / "wabucket.toml").mkdir()
    bench.refused(2, "ls", says="wabucket.toml")


@pytest.mark.row("F2")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WANDB_MODE", "foo"),
        ("WABUCKET_CONCURRENCY", "x"),
        ("WABUCKET_CONCURRENCY", "-1"),
        ("WABUCKET_DEADLINE", "1e999"),
    ],
)
def test_F2_environment(bench: Bench, monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    bench.refused(2, "ls", says=name)


@pytest.mark.row("F4")
def test_F4_a_home_that_is_a_file(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    (bench.here / "file").touch()
    monkeypatch.setenv("WABUCKET_HOME", str(bench.here / "file"))
    code, out, err = bench.run("ls")
    assert code in (2, 4)
    assert out == ""
    assert "error: " in err
    assert "hint: " in err


# ---- config, metadata ------------------------------------------------------------------------------------------------


@pytest.mark.row("M5")
@pytest.mark.parametrize(
    "given", [["-m", "K"], ["-m", "=v"], ["-m", "a=1", "-m", "a=2"], ["-m", f"a={'x' * 1_000_000}"]]
)
def test_M5_metadata(bench: Bench, given: list[str]) -> None:
    bench.refused(2, "upload", "src", "-n", "cats", "-t", "dataset", "-a", "one", *given)
    assert not (bench.bucket / "dataset").exists()


@pytest.mark.row("M5")
def test_M5_run_arguments(uploaded: Bench) -> None:
    uploaded.refused(2, "download", "dataset/cats:one", "-d", "out", "--run_args", '{"a": ', says="run")
    assert not (uploaded.here / "out").exists()


@pytest.mark.row("M1")
def test_M1_metadata_that_is_no_number(bench: Bench) -> None:
    bench.ok("upload", "src", "-n", "cats", "-t", "dataset", "-a", "one", "-m", "a=NaN")
    _, out, _ = bench.run("--json", "show", "dataset/cats:one")
    assert json.loads(out)["artifact"]["metadata"] == {"a": "NaN"}


# ---- hostile manifests -----------------------------------------------------------------------------------------------


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


# ---- command line ----------------------------------------------------------------------------------------------------


@pytest.mark.row("U1")
@pytest.mark.parametrize(
    "argv", [[], ["uplaod"], ["ls", "--nope"], ["upload"], ["upload", "src"], ["download"], ["alias", "t/n:a"]], ids=str
)
def test_U1_usage(bench: Bench, argv: list[str]) -> None:
    bench.refused(2, *argv)


@pytest.mark.row("U1")
def test_U1_nearest(bench: Bench) -> None:
    bench.refused(2, "uplaod", says="upload")


@pytest.mark.row("U3")
def test_U3_no_project(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WANDB_PROJECT")
    for argv in (upload(), ["ls"], ["download", "dataset/cats:one"], ["runs"]):
        bench.refused(2, *argv, says="WANDB_PROJECT")


def test_unknown_runs_and_artifacts(uploaded: Bench) -> None:
    for argv in (["runs", "nope"], ["show", "dataset/dogs:one"], ["lineage", "dataset/dogs:one"], ["ls", "model"]):
        uploaded.refused(3, *argv)


# ---- as processes ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "argv"),
    [(2, upload(name="a/b")), (3, upload("nothing")), (3, ["download", "dataset/cats:one"]), (2, ["uplaod"])],
    ids=["N1", "S1", "N6", "U1"],
)
def test_as_a_process(bench: Bench, code: int, argv: list[str]) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "wabucketref", *argv],
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert (ended.returncode, ended.stdout) == (code, "")
    assert "error: " in ended.stderr
    assert "hint: " in ended.stderr
    assert "Traceback" not in ended.stderr
