"""Uploads and downloads as a user would make them, and what is said when they fail."""

import json
import logging
import os
import subprocess
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob import (
    AccountSasPermissions,
    BlobServiceClient,
    ResourceTypes,
    generate_account_sas,
)

from azurite_server import ACCOUNT, KEY
from wabucketref.errors import NotAuthorised, SettingsError, UsageError
from wabucketref.testing import round_trip
from wabucketref_azure import PLUGIN, AzureOptions


def sas(permission: AccountSasPermissions) -> str:
    return generate_account_sas(
        ACCOUNT, KEY, ResourceTypes(container=True, object=True), permission, datetime.now(UTC) + timedelta(hours=1)
    )


ALL = AccountSasPermissions(read=True, write=True, delete=True, list=True, create=True, add=True)


def test_upload_and_download(azurite, container: str, tmp_path: Path) -> None:
    round_trip(f"az://{container}/use", tmp_path, **azurite.environ)


def test_a_signature_is_enough(azurite, container: str) -> None:
    options = AzureOptions(account_name=ACCOUNT, sas_token=sas(ALL), endpoint=azurite.endpoint)
    store = PLUGIN.configured(options).open(f"az://{container}/sas", {})
    store.put("a", b"1", if_absent=True)
    store.copy("a", "b")
    assert sorted(info.key for info in store.list("")) == ["a", "b"]
    assert store.read("b", limit=1)[0] == b"1"


def test_with_a_key_nothing_of_azures_is_loaded(azurite, container: str) -> None:
    """What that costs is several times a small transfer."""
    script = (
        "import os, sys\n"
        "from wabucketref_azure import PLUGIN\n"
        "store = PLUGIN.open(sys.argv[1], os.environ)\n"
        "store.put('a', b'1', if_absent=True)\n"
        "assert store.read('a', limit=1)[0] == b'1'\n"
        "assert [info.key for info in store.list('')] == ['a']\n"
        "store.delete('a')\n"
        "print(store.plane, *sys.modules, sep=',')\n"
    )
    command = [sys.executable, "-P", "-c", script, f"az://{container}/modules"]
    ran = subprocess.run(command, env={**os.environ, **azurite.environ}, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    plane, *modules = ran.stdout.strip().split(",")
    assert plane == "native"
    assert not {"azure", "fsspec", "http.client", "pydantic", "requests", "urllib3"} & set(modules)


@pytest.mark.parametrize("plane", ["auto", "native"])
def test_a_proxy_that_only_the_sdk_speaks_to(
    azurite, container: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, plane: str
) -> None:
    monkeypatch.setenv("http_proxy", "socks5://127.0.0.1:9")
    environ = {"AZURE_STORAGE_CONNECTION_STRING": "AccountName=team;BlobEndpoint=http://team.example"}
    if plane == "native":
        with pytest.raises(SettingsError, match="a proxy that is spoken to by socks5"):
            PLUGIN.open("az://team", {**environ, "WABUCKET_DATA_PLANE": plane})
        return
    with caplog.at_level(logging.INFO):
        assert PLUGIN.open("az://team", environ).plane == "fsspec"  # type: ignore[attr-defined]
    assert "az://team is carried by azure-storage-blob" in caplog.text


def wabucket(*arguments: str, work: Path, **environ: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-P", "-m", "wabucketref", "-p", "demo", *arguments],
        cwd=work,
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


@pytest.mark.parametrize(
    ("change", "code", "says"),
    [
        ({"key": "QUFBQQ=="}, 4, "403"),
        ({"container": "no-such-container"}, 3, "there is no such container"),
        ({"endpoint": "http://127.0.0.1:9/devstoreaccount1"}, 5, "check the endpoint"),
    ],
)
def test_failures_have_their_codes_and_no_secrets(
    azurite, container: str, tmp_path: Path, change: dict[str, str], code: int, says: str
) -> None:
    (tmp_path / "file").write_text("x")
    key = change.get("key", KEY)
    environ = {
        "AZURE_STORAGE_CONNECTION_STRING": f"AccountName={ACCOUNT};AccountKey={key};"
        f"BlobEndpoint={change.get('endpoint', azurite.endpoint)}",
        "WABUCKET_DEADLINE": "2",
    }
    bucket = f"az://{change.get('container', container)}/errors"
    ran = wabucket(
        "-v", "--bucket", bucket, "upload", "file", "-n", "a", "-t", "b", "-a", "c", work=tmp_path, **environ
    )
    assert (ran.returncode, ran.stdout) == (code, "")
    assert says in ran.stderr
    assert key not in ran.stderr + "".join(path.read_text(errors="replace") for path in _files(tmp_path))


def _files(home: Path) -> list[Path]:
    return [path for path in home.rglob("*") if path.is_file()]


def test_a_signature_that_allows_too_little(azurite, container: str) -> None:
    given = sas(AccountSasPermissions(read=True, list=True))
    store = PLUGIN.configured(AzureOptions(account_name=ACCOUNT, sas_token=given, endpoint=azurite.endpoint)).open(
        f"az://{container}/little", {}
    )
    with pytest.raises(NotAuthorised) as caught:
        store.put("a", b"1")
    assert given not in str(caught.value)
    assert [info.key for info in store.list("")] == []


def test_a_killed_upload_goes_on_where_it_was(azurite, container: str, tmp_path: Path) -> None:
    file = tmp_path / "large.bin"
    file.write_bytes(os.urandom(1 << 20) * 96)
    environ = {**azurite.environ, "WABUCKET_CONCURRENCY": "1", "WABUCKET_MEMORY": "16MiB"}
    command = ["--bucket", f"az://{container}/killed", "--json", "upload", str(file), "-n", "a", "-t", "b", "-a", "c"]
    first = subprocess.Popen(
        [sys.executable, "-P", "-m", "wabucketref", "-p", "demo", *command],
        cwd=tmp_path,
        env={**os.environ, **environ},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _until_blocks_wait(azurite.service(), container, "killed/b/a/c/large.bin", first)
    finally:
        first.kill()
        first.wait(10)
    again = wabucket(*command, work=tmp_path, **environ)
    assert again.returncode == 0, again.stdout + again.stderr
    transfer = json.loads(again.stdout)["transfer"]
    assert transfer["bytes_reused"] > 0
    assert transfer["bytes_sent"] + transfer["bytes_reused"] == file.stat().st_size
    with azurite.service() as service:
        blob = service.get_blob_client(container, "killed/b/a/c/large.bin")
        assert blob.download_blob().readall() == file.read_bytes()
        assert blob.get_block_list("uncommitted")[1] == []


def _until_blocks_wait(
    service: BlobServiceClient, container: str, name: str, process: "subprocess.Popen[bytes]"
) -> None:
    with service:
        blob = service.get_blob_client(container, name)
        while process.poll() is None:
            with suppress(ResourceNotFoundError):  # not yet
                if len(blob.get_block_list("uncommitted")[1]) >= 2:
                    return
            time.sleep(0.01)
    pytest.fail("the upload ended before it was killed")


@pytest.mark.parametrize(
    ("environ", "says"),
    [
        ({}, "no storage account"),
        ({"AZURE_STORAGE_CONNECTION_STRING": "nonsense"}, "names no account"),
        ({"AZURE_STORAGE_ACCOUNT": "Not An Account"}, "no name of a storage account"),
        ({"AZURE_STORAGE_ACCOUNT": "team", "AZURE_STORAGE_KEY": "cAnArY!"}, "not base64"),
    ],
)
def test_malformed_access_is_said_before_anything_is_asked(environ: dict[str, str], says: str) -> None:
    with pytest.raises(SettingsError, match=says) as caught:
        PLUGIN.open("az://container/prefix", environ)
    assert "cAnArY" not in str(caught.value)


def test_names_that_the_service_would_change(azurite, container: str) -> None:
    store = PLUGIN.open(f"az://{container}/names", azurite.environ)
    for key in ("a\\b", "ends./x", "ends."):
        with pytest.raises(UsageError, match=r"takes no|ends with a dot"):
            store.put(key, b"")
