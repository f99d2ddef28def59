"""What a user mistypes for a bucket may hold a secret, which is not repeated."""

import pytest

from tests.unit.settings.conftest import Load
from wabucketref.errors import SettingsError, UsageError
from wabucketref.settings.bucket import resolve_bucket, resolve_root

CANARY = "cAnArY0x7f"
MISTYPED = [
    f"s3:/KEY:{CANARY}@b",
    f"s3:KEY:{CANARY}@b/p",
    f"s3:///KEY:{CANARY}@b",
    f"s3://KEY:x/{CANARY}@b//",
    f"s3://KEY:a%2F{CANARY}@b/..",
    f"s3://KEY:x/a%2F{CANARY}@b",
    f"s3:/{CANARY}@b",
    f"gs:/KEY:a/{CANARY}@b?x",
]


@pytest.mark.row("B3", "X19")
@pytest.mark.parametrize("text", MISTYPED)
@pytest.mark.parametrize("resolve", [lambda text: resolve_bucket(text, "file:///root"), resolve_root])
def test_a_mistyped_url_does_not_show_its_secret(resolve: object, text: str) -> None:
    with pytest.raises(UsageError) as caught:
        resolve(text)  # type: ignore[operator]
    assert CANARY not in caught.value.message
    assert CANARY not in str(caught.value.hint)
    assert "********@" in caught.value.message or "component" in caught.value.message


@pytest.mark.row("B3", "X19")
@pytest.mark.parametrize("name", ["bucket", "storage"])
@pytest.mark.parametrize("text", MISTYPED)
def test_nor_do_the_settings(load: Load, name: str, text: str) -> None:
    settings = load({name: text, "project_name": "p"})
    assert CANARY not in repr(settings) + settings.origin(name).shown
    with pytest.raises(UsageError) as caught:
        settings.bucket_url()
    assert CANARY not in f"{caught.value} {caught.value.hint}"


def test_a_storage_root_without_its_slashes_is_no_directory(load: Load) -> None:
    with pytest.raises(UsageError, match=r"storage 's3:/team' is not a URL"):
        _ = load({"storage": "s3:/team"}).storage_root
    assert load({"storage": "disk:/team"}).storage_root.endswith("/work/disk:/team")


@pytest.mark.row("X19")
@pytest.mark.parametrize(
    "url", [f"postgresql://me:{CANARY}@db/runs", f"nosql://me@db/runs?password={CANARY}&sslmode=require"]
)
def test_a_catalog_does_not_show_its_password(load: Load, url: str) -> None:
    settings = load({"catalog": url, "tracker": "embedded"})
    told = [repr(settings), settings.origin("catalog").shown, str(settings.origins()), settings.tracker_place()]
    assert CANARY not in "".join(told)


@pytest.mark.row("X19")
@pytest.mark.parametrize(
    "text",
    [f"postgresql:/me:{CANARY}@db/runs", f"postgresql:me:{CANARY}@db/runs", f"host=db user=me password={CANARY}"],
)
def test_nor_does_one_that_is_no_url(load: Load, text: str) -> None:
    with pytest.raises(SettingsError, match="environment WABUCKET_CATALOG") as caught:
        load(WABUCKET_CATALOG=text)
    assert "not a URL" in caught.value.message
    assert CANARY not in f"{caught.value} {caught.value.hint}"
