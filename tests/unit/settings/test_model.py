import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.settings.conftest import Load
from wabucketref.errors import NotAuthorised, SettingsError, UsageError
from wabucketref.settings.bucket import resolve_bucket, resolve_root
from wabucketref.settings.home import user_name

ROOT = "file:///home/buckets"


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("team-data", "file:///home/buckets/team-data"),
        ("my-w&b project", "file:///home/buckets/my-w&b project"),
        ("/abs/dir/", "file:///abs/dir"),
        ("/abs/./dir", "file:///abs/dir"),
        ("s3://b", "s3://b"),
        ("S3://b/", "s3://b"),
        ("s3://b/prefix/deep/", "s3://b/prefix/deep"),
        ("s3://b/100%25/x", "s3://b/100%25/x"),
        ("gs://b/p", "gs://b/p"),
        ("file:///a/b c/", "file:///a/b c"),
        ("memory://x", "memory://x"),
        ("memory:///x", "memory:///x"),
        ("bucket:team", "bucket:team"),
        ("bucket:team/part/", "bucket:team/part"),
        ("https://key:secret@host/b", "https://key:secret@host/b"),
    ],
)
def test_buckets(text: str, url: str) -> None:
    assert resolve_bucket(text, ROOT) == url


@pytest.mark.row("B2")
@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "empty"),
        ("  ", "empty"),
        ("s3:/b", "is not a URL"),
        ("s3:b", "is not a URL"),
        ("s3://", "names no bucket"),
        ("s3:///x", "names no bucket"),
        ("memory://", "names no bucket"),
        ("://b", "no valid scheme"),
        ("9x://b", "no valid scheme"),
        ("s3://b//", "empty path component"),
        ("s3://b/x//y", "empty path component"),
        ("s3://b/..", r"'\.\.'"),
        ("s3://../x", r"'\.\.'"),
        ("s3://b/./x", r"'\.'"),
        ("s3://b/%2e%2e/x", "%2e%2e"),
        ("s3://b/%252e%252e", "%252e"),
        ("s3://b/a%2f..%2fb", "%2f"),
        ("s3://b/a%00", "%00"),
        ("s3://b/a%5cb", "%5c"),
        ("s3://b/a%3fb", "%3f"),
        ("s3://b?x=1", "has a query"),
        ("s3://b/x#f", "has a fragment"),
        ("s3://b/x\n", "U\\+000A"),
        ("s3://b/\x00", "U\\+0000"),
        ("s3://b\\x", "backslash"),
        ("C:\\data", "backslash"),
        ("C:/data", "is not a URL"),
        ("file://relative", "not absolute"),
        ("file://", "not absolute"),
        ("file:///a/../b", r"'\.\.'"),
        ("file:///a//b", "empty path component"),
        ("/a/../b", r"'\.\.'"),
        ("../b", r"'\.\.'"),
        ("//server/share", "empty path component"),
        ("a/b", "has a slash"),
        ("..", r"'\.\.'"),
        (".wabucket", "not a bucket's name"),
        ("a%20b", "U\\+0025"),
        ("x" * 129, "129 characters"),
        ("a\udcff", "U\\+DCFF"),
    ],
)
def test_malformed_buckets(text: str, says: str) -> None:
    with pytest.raises(UsageError, match=says) as caught:
        resolve_bucket(text, ROOT)
    assert caught.value.exit_code == 2
    assert caught.value.hint


@pytest.mark.row("B3", "X19")
def test_refusals_do_not_repeat_secrets() -> None:
    for text in ("s3://k:CANARY9@b?x", "https://h/c?sig=CANARY9", "s3://k:CANARY9@b//x", "https://CANARY9@h/.."):
        with pytest.raises(UsageError) as caught:
            resolve_bucket(text, ROOT)
        assert "CANARY9" not in f"{caught.value.message} {caught.value.hint}"


@pytest.mark.row("B2")
@given(st.text(alphabet="ab./%2e5cfF\\?#:@ \0é", max_size=25))
def test_what_resolves_stays_below_its_root(text: str) -> None:
    try:
        url = resolve_bucket(f"s3://bucket/root/{text}", ROOT)
    except UsageError:
        return
    assert url.startswith("s3://bucket/root")
    assert not {"..", ".", ""} & set(url.removeprefix("s3://").split("/"))
    try:
        bare = resolve_bucket(text, ROOT) if ":" not in text and not text.startswith("/") else ROOT
    except UsageError:
        return
    assert bare.startswith(ROOT)


@pytest.mark.parametrize(
    ("text", "url"),
    [("s3://", "s3://"), ("gs://root/", "gs://root"), ("/data", "file:///data"), ("file:///data", "file:///data")],
)
def test_roots(text: str, url: str) -> None:
    assert resolve_root(text) == url


def test_bare_name_under_a_cloud_root_is_a_bucket() -> None:
    assert resolve_bucket("b", resolve_root("s3://")) == "s3://b"
    assert resolve_bucket("b", resolve_root("s3://root/p")) == "s3://root/p/b"


def test_bucket_defaults_to_the_project(load: Load, tmp_path: Path) -> None:
    assert load(WANDB_PROJECT="my-w&b-project").bucket_url() == f"file://{tmp_path}/home/buckets/my-w&b-project"
    with pytest.raises(UsageError, match="no project is set") as caught:
        load().bucket_url()
    assert "-p/--project-name" in (caught.value.hint or "")
    assert "WANDB_PROJECT" in (caught.value.hint or "")


def test_malformed_bucket_names_its_source(load: Load) -> None:
    with pytest.raises(UsageError, match=r"^environment WABUCKET_BUCKET: bucket 's3:/b'"):
        load(WABUCKET_BUCKET="s3:/b").bucket_url()
    with pytest.raises(UsageError, match=r"^environment WABUCKET_STORAGE: storage"):
        load(WABUCKET_STORAGE="s3://a?b", WANDB_PROJECT="x").bucket_url()
    with pytest.raises(UsageError, match=r"^argument --project-name: bucket"):
        load({"project_name": ".."}).bucket_url()


def test_tracker_auto(load: Load, tmp_path: Path) -> None:
    assert load().resolved_tracker() == "embedded"
    assert load(WANDB_MODE="disabled", WANDB_API_KEY="x").resolved_tracker() == "disabled"
    assert load(WANDB_MODE="offline").resolved_tracker() == "embedded"
    assert load(WANDB_API_KEY="x").resolved_tracker() == "wandb"
    assert load(WANDB_BASE_URL="http://localhost:8080").resolved_tracker() == "wandb"
    assert load(WANDB_IDENTITY_TOKEN_FILE="/x").resolved_tracker() == "wandb"
    assert load({"tracker": "Embedded"}, WANDB_API_KEY="x").resolved_tracker() == "embedded"
    assert load({"tracker": "mlflow"}).resolved_tracker() == "mlflow"


def test_tracker_auto_reads_netrc(load: Load, tmp_path: Path) -> None:
    home = tmp_path / "user"
    home.mkdir()
    (home / ".netrc").write_text("machine other.example login user password p\n")
    assert load().resolved_tracker() == "embedded"
    (home / ".netrc").write_text("machine api.wandb.ai login user password p\n")
    assert load().resolved_tracker() == "wandb"
    assert load(NETRC=str(tmp_path / "none")).resolved_tracker() == "embedded"
    (home / ".netrc").write_text("machine api.wandb.ai\nbogus\n")
    with pytest.raises(SettingsError, match=r"\.netrc:\d+: "):
        load().resolved_tracker()
    assert load(WANDB_API_KEY="x").resolved_tracker() == "wandb"


def test_tracker_auto_reads_the_settings_of_wandb(load: Load, tmp_path: Path) -> None:
    saved = tmp_path / "user" / ".config" / "wandb" / "settings"
    saved.parent.mkdir(parents=True)
    saved.write_text("[default]\nbase_url = https://w.example\n")
    assert load().resolved_tracker() == "embedded"
    (tmp_path / "user" / ".netrc").write_text("machine w.example login user password p\n")
    assert load().resolved_tracker() == "wandb"
    (tmp_path / "user" / ".netrc").unlink()
    saved.write_text("[default]\napi_key = k%x\n")
    assert load().resolved_tracker() == "wandb"
    saved.write_text("broken")
    with pytest.raises(SettingsError, match="settings is not a settings file of W&B"):
        load().resolved_tracker()


def test_entity_defaults_to_the_user(load: Load) -> None:
    assert load().resolved_entity() == "me"
    assert load(WANDB_ENTITY="team").resolved_entity() == "team"
    assert load(USER="DOMAIN\\some/one").resolved_entity() == "DOMAIN-some-one"
    assert user_name({"USER": "x" * 300}) == "x" * 128


def test_user_without_an_entry_is_local(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 3_999_999_999)
    assert user_name({}) == "local"


@pytest.mark.row("F4", "X3")
def test_home_is_made_private_whatever_the_umask(load: Load, tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        home = load(WABUCKET_HOME=str(tmp_path / "new" / "home")).home_ready()
    finally:
        os.umask(before)
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert load(WABUCKET_HOME=str(home)).home_ready() == home


@pytest.mark.row("F4")
def test_home_that_is_a_file(load: Load, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    for home in (file, file / "below"):
        with pytest.raises(SettingsError, match=r"environment WABUCKET_HOME\) is not a directory"):
            load(WABUCKET_HOME=str(home)).home_ready()


@pytest.mark.row("F4")
def test_home_that_cannot_be_written(load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(NotAuthorised, match="is not writable"):
        load().home_ready()
    monkeypatch.undo()
    with pytest.raises(NotAuthorised, match=r"cannot be created|read-only"):
        load(WABUCKET_HOME="/proc/1/task/1/wabucket" if os.geteuid() else "/sys/kernel/wabucket").home_ready()


@pytest.mark.row("F4", "X3")
def test_home_of_another_user(load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setattr(os, "geteuid", lambda: home.stat().st_uid + 1)
    if home.stat().st_uid == 0:
        os.chown(home, 1234, 1234)
        monkeypatch.setattr(os, "geteuid", lambda: 4321)
    with pytest.raises(NotAuthorised, match="belongs to another user"):
        load().home_ready()


def test_importing_settings_stays_cheap() -> None:
    code = "import sys, wabucketref.settings; print(' '.join(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"platformdirs", "tomllib", "netrc", "configparser", "difflib", "pydantic_settings", "wandb"} & set(
        loaded
    )
