"""What a start costs: modules that are loaded before anything is asked of them."""

import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {
    "alembic", "blake3", "boto3", "botocore", "fsspec", "gcsfs", "google", "grpc", "logging", "numpy", "obstore",
    "pathspec", "platformdirs", "pydantic", "requests", "rich", "s3fs", "sqlalchemy", "sqlite3", "wandb", "zstandard",
    "asyncio", "multiprocessing", "hypothesis", "pytest",
}  # fmt: skip

HELP = """
import sys
from pathlib import Path
from wabucketref.__main__ import main
sys.argv = ["wabucket", *{arguments!r}]
code = main()
assert code == 0, code
print(*sorted(sys.modules), sep=",", file=sys.stderr)
"""


def modules(script: str) -> set[str]:
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    return set(ran.stderr.strip().splitlines()[-1].split(","))


@pytest.mark.parametrize(
    "arguments", [["--help"], ["upload", "--help"], ["download", "--help"], ["--version"], ["ls", "--help"]]
)
def test_help_loads_click_and_nothing_heavy(arguments: list[str]) -> None:
    loaded = modules(HELP.format(arguments=arguments))
    assert "click" in loaded
    assert loaded & HEAVY == set()


def test_importing_the_package_loads_nothing_heavy() -> None:
    loaded = modules("import sys, wabucketref; print(*sys.modules, sep=',', file=sys.stderr)")
    assert loaded & (HEAVY | {"click", "dataclasses", "json"}) == set()


def test_importing_the_api_loads_neither_wandb_nor_a_cloud_sdk() -> None:
    script = "import sys; from wabucketref import WaBucketRefAPI; print(*sys.modules, sep=',', file=sys.stderr)"
    loaded = modules(script)
    cloud = {"wandb", "boto3", "botocore", "s3fs", "gcsfs", "google.cloud", "obstore", "click", "rich", "alembic"}
    assert loaded & cloud == set()


def test_settings_cost_the_validator_at_most() -> None:
    loaded = modules("import sys, wabucketref.settings; print(*sys.modules, sep=',', file=sys.stderr)")
    assert loaded & (HEAVY - {"logging"} | {"importlib.metadata", "zoneinfo"}) == set()


WARM = """
import sys
from pathlib import Path
from wabucketref.__main__ import main
sys.argv = ["wabucket", *{arguments!r}]
code = main()
assert code == 0, code
print(*sorted(sys.modules), sep=",", file=sys.stderr)
"""

NOT_FOR_A_TRANSFER = {
    "alembic", "asyncio", "boto3", "botocore", "email", "fsspec", "gcsfs", "grpc", "html", "http.client",
    "importlib.metadata", "ssl", "subprocess", "zipfile",
    "multiprocessing", "numpy", "platformdirs", "pydantic", "requests", "rich", "s3fs", "urllib.request", "wandb",
    "wabucketref.store.collect.collector", "wabucketref.store.kept.download", "wabucketref.store.kept.web",
    "wabucketref.store.remove", "wabucketref.store.sending.adopt", "wabucketref.store.sending.link",
    "wabucketref.store.spread.worker", "wabucketref.store.survey", "wabucketref.trackers.embedded.keeping",
    "wabucketref.trackers.embedded.kept", "wabucketref.trackers.embedded.lineage",
    "wabucketref.trackers.embedded.relocating", "wabucketref.trackers.embedded.sdk.tables",
}  # fmt: skip

WITH_SQLALCHEMY = {"asyncio", "email", "importlib.metadata", "ssl", "subprocess", "zipfile"}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with one artifact in it, so that what comes is no first run."""
    monkeypatch.setenv("WABUCKET_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("WANDB_PROJECT", "start")
    (tmp_path / "home/buckets/start").mkdir(parents=True)
    (tmp_path / "source").mkdir()
    for name in ("a", "b", "c"):
        (tmp_path / "source" / name).write_text(name)
    modules(WARM.format(arguments=["upload", str(tmp_path / "source"), "-n", "cats", "-t", "dataset", "-a", "first"]))
    return tmp_path


def test_a_warm_transfer_loads_only_what_it_needs(home: Path) -> None:
    up = ["upload", str(home / "source"), "-n", "cats", "-t", "dataset", "-a", "second", "-q"]
    down = ["download", "dataset/cats:first", "-d", str(home / "down"), "-q"]
    for arguments, other, most in ((up, "receiving.download", 268), (down, "sending.upload", 255)):
        loaded = modules(WARM.format(arguments=arguments))
        assert loaded & (NOT_FOR_A_TRANSFER | {"sqlalchemy"}) == set()
        assert f"wabucketref.store.{other}" not in loaded
        assert len({name for name in loaded if name.startswith("wabucketref.")}) <= most


def test_a_bucket_loads_the_kind_of_store_that_it_is_in() -> None:
    loaded = modules(
        "import sys; from wabucketref.store.native import factory\n"
        "factory.S3.open('s3://bucket', {'AWS_ACCESS_KEY_ID': 'x', 'AWS_SECRET_ACCESS_KEY': 'y'})\n"
        "print(*sys.modules, sep=',', file=sys.stderr)"
    )
    assert "wabucketref.store.native.s3" in loaded
    other = {"wabucketref.store.native.gcs", "wabucketref.store.drivers.gcs", "wabucketref.store.drivers.local"}
    assert loaded & (other | HEAVY - {"asyncio", "blake3", "logging"} | {"html"}) == set()


def test_a_warm_look_loads_nothing_that_carries_bytes(home: Path) -> None:
    for arguments in (["ls"], ["runs"], ["show", "dataset/cats:first"]):
        loaded = modules(WARM.format(arguments=arguments))
        carrying = {"wabucketref.store.sending.upload", "wabucketref.store.receiving.download"}
        assert loaded & (NOT_FOR_A_TRANSFER - WITH_SQLALCHEMY | carrying) == set()
