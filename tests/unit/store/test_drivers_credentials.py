"""What the AWS tools' files can do wrong: row C4 of the reliability matrix."""

import os
import time
from pathlib import Path

import pytest

from tests.planes import S3
from wabucketref.errors import SettingsError, TimedOut, TransientError, WaBucketError
from wabucketref.retry import RetryPolicy
from wabucketref.store.drivers import s3_session
from wabucketref.store.drivers.probe import settle

pytestmark = pytest.mark.usefixtures("plane")
NOBODY = "http://127.0.0.1:9"


def environment(directory: Path, config: bytes, **more: str) -> dict[str, str]:
    path = directory / "config"
    path.write_bytes(config)
    files = {"AWS_CONFIG_FILE": str(path), "AWS_SHARED_CREDENTIALS_FILE": str(directory / "none")}
    return {"AWS_ENDPOINT_URL": NOBODY, **files, **more}


def refusal(environ: dict[str, str], probes: Path, policy: RetryPolicy | None = None) -> WaBucketError:
    """What the first request says."""
    store = settle(S3.open("s3://bucket", environ), probes, policy=policy)
    with pytest.raises(WaBucketError) as caught:
        store.capabilities  # noqa: B018  # asks the store
    store.close()
    assert caught.value.hint
    return caught.value


CONFIGS: dict[str, tuple[bytes, str]] = {
    "no section": (b"region = x\n", ":1: not a configuration"),
    "open section": (b"[default]\nregion = x\n\n[prof\n", ":4: not a configuration"),
    "no value": (b"[default]\nregion = x\nfoo\n", ":3: not a configuration"),
    "twice": (b"[default]\nregion = x\nregion = y\n", ":3: not a configuration"),
    "not utf-8": (b"[default]\nregion = \xff\n", ":2: not a configuration"),
    "no source": (b"[default]\nrole_arn = arn:aws:iam::1:role/x\nsource_profile = gone\n", "gone"),
    "no program": (b"[default]\ncredential_process = /no/such/program\n", "'/no/such/program', cannot be run"),
    "garbage": (b"[default]\ncredential_process = echo hello\n", "something else than JSON"),
}


@pytest.mark.row("C4")
@pytest.mark.parametrize("kind", CONFIGS)
def test_a_broken_configuration_is_named_with_its_line(tmp_path: Path, kind: str) -> None:
    config, says = CONFIGS[kind]
    error = refusal(environment(tmp_path, config), tmp_path)
    assert isinstance(error, SettingsError)
    assert says in error.message
    if says.startswith(":"):
        assert error.message.startswith(f"{tmp_path}/config:")


@pytest.mark.row("C4")
def test_a_missing_profile_is_named_with_the_files(tmp_path: Path) -> None:
    error = refusal(environment(tmp_path, b"[profile other]\nregion = x\n", AWS_PROFILE="mine"), tmp_path)
    assert isinstance(error, SettingsError)
    assert error.message == f"there is no profile 'mine' in {tmp_path}/config or {tmp_path}/none"


@pytest.mark.row("C4")
def test_files_that_cannot_be_read_are_not_taken_for_empty_ones(tmp_path: Path) -> None:
    environ = environment(tmp_path, b"")
    (tmp_path / "none").mkdir()
    error = refusal(environ, tmp_path)
    assert isinstance(error, SettingsError)
    assert f"{tmp_path}/none cannot be read" in error.message
    keys = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "y"}
    asked = refusal({**environ, **keys}, tmp_path, RetryPolicy(attempts=1))
    assert "127.0.0.1:9" in asked.message, "with keys in the environment it is not read"


@pytest.mark.row("C4")
def test_a_helper_that_fails_is_quoted_and_not_asked_again(tmp_path: Path) -> None:
    script = tmp_path / "helper"
    script.write_text(f"#!/bin/sh\necho x >>{tmp_path}/asked\nsleep 0.3\necho the session has ended >&2\nexit 3\n")
    script.chmod(0o755)
    error = refusal(environment(tmp_path, f"[default]\ncredential_process = {script}\n".encode()), tmp_path)
    assert isinstance(error, TransientError)
    assert error.message.endswith("failed with exit code 3: the session has ended")
    assert (tmp_path / "asked").read_text() == "x\n", "by nobody of those who wait for it"


@pytest.mark.row("C4")
@pytest.mark.timeout(20)
def test_a_helper_that_hangs_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3_session, "CREDENTIAL_SECONDS", 0.3)
    script = tmp_path / "helper"
    script.write_text(f"#!/bin/sh\necho $$ >{tmp_path}/pid\nexec sleep 600\n")
    script.chmod(0o755)
    begun = time.monotonic()
    error = refusal(environment(tmp_path, f"[default]\ncredential_process = {script}\n".encode()), tmp_path)
    assert isinstance(error, TimedOut)
    assert time.monotonic() - begun < 10
    pid = int((tmp_path / "pid").read_text())
    for _ in range(100):
        if not os.path.exists(f"/proc/{pid}"):
            return
        time.sleep(0.05)
    pytest.fail("the helper lives on")
