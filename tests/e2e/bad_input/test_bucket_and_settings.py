"""Buckets and settings, through the command line."""

import json

import pytest

from tests.e2e.bad_input.bench import Bench, upload
from tests.faults import trees


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
