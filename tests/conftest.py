"""Shared by all tests: one seed, an isolated environment, and real servers started once a worker."""

import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from tests.faults.crash.shown import Figures
from tests.faults.passed import Passed
from tests.postgres import Cluster, cluster
from tests.servers import STARTERS, Server, missing

IN_CI = bool(os.environ.get("CI"))
PLANES = ("native", "fsspec")
SLOWER = "fsspec"
FEW = 40
SHARE = 0.2
"""Of the tests on the slower plane are run, when there are more than a few."""
_FOREIGN = ("WANDB_", "AWS_", "WABUCKET_", "GOOGLE_", "AZURE_", "STORAGE_EMULATOR_", "NEURO_", "APOLO_", "XDG_")
_CI = (
    "GITHUB_", "GITLAB_", "CI_", "BUILDKITE", "JENKINS_", "CIRCLE", "TF_BUILD", "BITBUCKET_", "ARGO_", "SLURM", "SM_",
    "TRAINING_JOB_", "CLOUD_ML_", "RAY_", "KUBERNETES_", "OPENLINEAGE_",
)  # fmt: skip


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--seed", type=int, default=None, help="seed of every random choice (default: made up, printed)")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    if config.option.seed is None:
        config.option.seed = _seed_of_all(config)
    if getattr(config.option, "hypothesis_seed", None) is None:
        config.option.hypothesis_seed = str(config.option.seed)
    settings.register_profile("here", deadline=None)  # a busy machine is slow, and that shows no bug
    settings.load_profile("here")
    config.pluginmanager.register(Passed(strict=IN_CI), "passed-failpoints")
    config.pluginmanager.register(Figures(), "figures")
    config.pluginmanager.register(Workers(), "workers")


def _seed_of_all(config: pytest.Config) -> int:
    """Workers take the one that the process made up which started them: it is the one that is printed."""
    given = getattr(config, "workerinput", {}).get("seed")
    return random.SystemRandom().randrange(1 << 32) if given is None else int(given)


class Workers:
    """What worker processes are told."""

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        node.workerinput["seed"] = node.config.option.seed


def pytest_report_header(config: pytest.Config) -> str:
    return f"seed: {config.option.seed} (repeat with --seed {config.option.seed})"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if terminalreporter.stats.get("failed") or terminalreporter.stats.get("error"):
        terminalreporter.write_line(f"repeat with --seed {config.option.seed}")


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """The seed of this run."""
    return int(request.config.option.seed)


@pytest.fixture
def rng(seed: int) -> random.Random:
    """Random choices that ``--seed`` repeats."""
    return random.Random(seed)


@pytest.fixture(autouse=True)
def isolated_environment(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory, seed: int) -> Path:
    """No settings, credentials or CI job of the machine reach a test; home directories are new. Returns HOME."""
    for name in list(os.environ):
        if name.startswith(_FOREIGN + _CI) or name in ("CI", "NETRC"):
            monkeypatch.delenv(name)
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("WABUCKET_HOME", str(home / "wabucket"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    random.seed(seed)
    return home


def require(part: str) -> None:
    """Skip with the command that would fix it; in CI a missing part is a failure."""
    reason = missing(part)
    if reason and IN_CI:
        pytest.fail(reason, pytrace=False)
    if reason:
        pytest.skip(reason)


@pytest.fixture(params=PLANES)
def plane(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """What carries the bytes of s3 and gs in this test, in this process and (tests/faults) those of its worlds."""
    monkeypatch.setenv("WABUCKET_DATA_PLANE", request.param)
    return str(request.param)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """``pytest -k W1`` finds the tests of row W1 of the reliability matrix by their mark.

    Of many tests of both planes only some are run on the slower one, others with each seed.
    """
    slower = [item for item in items if getattr(item, "callspec", None) and item.callspec.params.get("plane") == SLOWER]
    if len(slower) > FEW:
        left_out = {item for item in slower if random.Random(f"{config.option.seed} {item.nodeid}").random() > SHARE}
        config.hook.pytest_deselected(items=sorted(left_out, key=lambda item: item.nodeid))
        items[:] = [item for item in items if item not in left_out]
    for item in items:
        for mark in item.iter_markers("row"):
            item.extra_keyword_matches.update(mark.args)


def pytest_runtest_setup(item: pytest.Item) -> None:
    for mark in item.iter_markers("needs"):
        for part in mark.args:
            require(part)


def _serve(part: str, factory: pytest.TempPathFactory) -> Iterator[Server]:
    require(part)
    server = STARTERS[part](factory.mktemp(f"server-{part}"))
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def rclone_s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """S3 without conditional put; checks signatures."""
    yield from _serve("rclone", tmp_path_factory)


@pytest.fixture(scope="session")
def moto_s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """S3 with conditional put."""
    yield from _serve("moto", tmp_path_factory)


@pytest.fixture(scope="session")
def gcs_emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Google Cloud Storage; ignores preconditions."""
    yield from _serve("gcs", tmp_path_factory)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Cluster]:
    """A PostgreSQL server of this worker's own."""
    require("postgres")
    with cluster() as running:
        yield running


@pytest.fixture(scope="session")
def shared_postgres_url(postgres: Cluster) -> str:
    """A catalog for tests that keep to a project of their own."""
    return postgres.url(postgres.make())


@pytest.fixture
def postgres_url(postgres: Cluster) -> Iterator[str]:
    """A catalog of this test's own, with nothing in it."""
    name = postgres.make()
    yield postgres.url(name)
    postgres.drop(name)
