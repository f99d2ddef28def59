"""What a start costs: modules that are loaded before anything is asked of them."""

import subprocess
import sys

import pytest

HEAVY = {
    "alembic", "blake3", "boto3", "botocore", "fsspec", "gcsfs", "google", "grpc", "logging", "numpy", "obstore",
    "pathspec", "platformdirs", "pydantic", "requests", "rich", "s3fs", "sqlalchemy", "sqlite3", "wandb", "zstandard",
    "asyncio", "multiprocessing", "hypothesis", "pytest",
}  # fmt: skip

HELP = """
import sys
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


def test_settings_cost_pydantic_at_most() -> None:
    loaded = modules("import sys, wabucketref.settings; print(*sys.modules, sep=',', file=sys.stderr)")
    assert loaded & {"sqlalchemy", "fsspec", "wandb", "click", "rich", "alembic", "pydantic_settings"} == set()
