"""Buckets, links and their objects, through the command line."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest
from fsspec.implementations.local import LocalFileSystem

from tests.e2e.bad_input.bench import Bench, upload
from tests.faults import trees
from wabucketref import WaBucketRefAPI
from wabucketref.errors import LinkSourceNotFound

SECRET = "cAnArY-s3cr3t"


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


@pytest.mark.row("B6")
def test_B6_other_bytes_under_an_alias(uploaded: Bench) -> None:
    """Of the same size, only a look at every byte finds them; of another size, any look."""
    path = uploaded.bucket / "dataset/cats/one/a.txt"
    for content, found_without_deep in ((b"ALPHA\n", False), (b"longer than it was", True)):
        path.write_bytes(content)
        uploaded.refused(7, "download", "dataset/cats:one", "-d", "out", says="'a.txt'")
        assert not (uploaded.here / "out").exists()
        for options, found in (([], found_without_deep), (["--deep"], True)):
            code, out, _ = uploaded.run("--json", "verify", "dataset/cats:one", *options)
            assert code == (7 if found else 0)
            assert [damage["path"] for damage in json.loads(out)["damage"]] == ["a.txt"] * found


class Vault(LocalFileSystem):
    """A file system that wants a user and a password in its URL."""

    protocol = "vault"
    places: dict[str, Path] = {}
    asked: list[str] = []

    def __init__(self, username: str = "", password: str = "", **options: Any) -> None:
        super().__init__(**{"auto_mkdir": True, **options})
        Vault.asked.append(f"{username}:{password}")
        if (username, password) != ("me", SECRET):
            raise PermissionError(f"vault: {username}:{password} is wrong")

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        text = str(path)
        if "://" in text:
            host, _, rest = text.partition("://")[2].rpartition("@")[2].partition("/")
            text = f"{cls.places[host]}/{rest}"
        return super()._strip_protocol(text)

    @staticmethod
    def _get_kwargs_from_urls(url: str) -> dict[str, str]:
        user, _, password = url.partition("://")[2].rpartition("@")[0].partition(":")
        return {"username": user, "password": password}


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Path]:
    fsspec.register_implementation("vault", Vault, clobber=True)
    Vault.places["host"] = tmp_path / "vault"
    yield tmp_path / "vault"
    del Vault.places["host"]
    Vault.asked.clear()


@pytest.mark.row("B3", "X19")
def test_B3_a_password_in_the_url_is_used_and_kept_nowhere(
    bench: Bench, vault: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WABUCKET_BUCKET", f"vault://me:{SECRET}@host/root")
    said = []
    for command in (
        upload(),
        ["--json", *upload(alias="two")],
        ["-v", "download", "dataset/cats:one", "-d", "out"],
        ["--json", "show", "dataset/cats:one"],
        ["runs"],
        ["config", "list", "--show-origin"],
        ["verify", "dataset/cats:one", "--deep"],
        ["link", "dataset/cats/two", "-n", "again", "-t", "dataset"],
        ["doctor"],
        ["sync"],
    ):
        code, out, err = bench.run(*command)
        assert code == 0, (command, out, err)
        said.append(out + err)
    assert trees.read(bench.here / "out") == trees.TWO_FILES
    assert f"me:{SECRET}" in Vault.asked
    assert "vault://host/root" in "".join(said)
    monkeypatch.setenv("WABUCKET_BUCKET", f"vault://me:{SECRET}x@host/root")
    said.append("".join(map(str, bench.run("-v", *upload(alias="three")))))
    assert SECRET not in "".join(said)
    for root in (Path(os.environ["HOME"]), vault, bench.here):
        for path in root.rglob("*"):
            assert SECRET not in path.name
            assert not path.is_file() or SECRET.encode() not in path.read_bytes(), path


@pytest.mark.row("B3", "X19")
@pytest.mark.parametrize(
    "bucket",
    [
        f"https://host/bucket?X-Amz-Signature={SECRET}",
        f"az://account/container?sig={SECRET}&se=2027",
        f"s3://KEY:{SECRET}@bucket",
        f"gs://KEY:{SECRET}@bucket",
        f"s3:/KEY:{SECRET}@bucket",
        f"nope://KEY:{SECRET}@bucket",
    ],
)
def test_B3_what_no_driver_takes_is_refused_without_its_secret(bench: Bench, bucket: str) -> None:
    bench.refused(2, "--bucket", bucket, *upload())
    for command in (["--bucket", bucket, "-v", *upload()], ["--bucket", bucket, "config", "list", "--show-origin"]):
        assert SECRET not in "".join(map(str, bench.run(*command)))
    assert not [p for p in Path(os.environ["HOME"]).rglob("*") if p.is_file() and SECRET.encode() in p.read_bytes()]


@pytest.mark.row("B4")
def test_B4_links_in_python(bench: Bench) -> None:
    trees.make(bench.bucket / "raw", {"file": b"1"})
    with WaBucketRefAPI() as api:
        for path in ("no/such", "raw/file"):
            with pytest.raises(ValueError, match="does not exist or not a directory") as caught:
                api.link(path, "x", "t")
            assert isinstance(caught.value, LinkSourceNotFound)
            assert caught.value.exit_code == 3
        api.link("raw", "x", "t", "one")
        assert trees.read(api.download("x", "t", "one").path) == {"file": b"1"}


@pytest.mark.row("B5")
def test_B5_linked_objects_change_or_vanish(bench: Bench) -> None:
    trees.make(bench.bucket / "raw", {"a": b"1", "b": b"2", "c": b"3"})
    bench.ok("link", "raw", "-n", "x", "-t", "t", "-a", "one")
    (bench.bucket / "raw/a").write_bytes(b"X")
    (bench.bucket / "raw/c").unlink()
    bench.refused(7, "download", "t/x:one", "-d", "out")
    assert not (bench.here / "out").exists()
    code, out, _ = bench.run("--json", "verify", "t/x:one", "--deep")
    found = {damage["path"]: damage for damage in json.loads(out)["damage"]}
    assert (code, sorted(found)) == (7, ["a", "c"])
    (bench.bucket / "raw/c").write_bytes(b"3")
    message = bench.refused(7, "download", "t/x:one", "-d", "out", says="'a'")
    assert message.count("blake3:") == 2, "recorded and found"
    bench.ok("rm", "t/x:one")
    assert trees.read(bench.bucket / "raw") == {"a": b"X", "b": b"2", "c": b"3"}
