"""The server on a PostgreSQL catalog: the SDK as it is, and two servers on one catalog."""

import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path

import pytest

from tests.server import test_sdk_basics, test_sdk_runs
from tests.server.artifacts import test_sdk
from tests.server.inprocess import Inside, inside
from tests.server.live import started
from tests.server.sdk import Sdk
from tests.unit.trackers.helpers import upload
from wabucketref.model.run import RunKey, RunUpdate
from wabucketref.server.artifacts.reader import ensure_project
from wabucketref.testing.server import LiveServer
from wabucketref.trackers.embedded import runs
from wabucketref.trackers.embedded.sdk import drafts
from wabucketref.trackers.embedded.sdk.drafts import Listing, NewDraft
from wabucketref.trackers.embedded.tracker import EmbeddedTracker

SAMPLED: list[Callable[[Sdk], None]] = [
    test_sdk_runs.test_a_run_is_resumed_where_it_stopped,
    test_sdk_runs.test_an_offline_run_is_synced_once_however_often,
    test_sdk_runs.test_files_console_and_metadata_of_a_run,
    test_sdk.test_versions_are_described_named_linked_and_deleted,
    test_sdk.test_incremental_distributed_and_drafted_artifacts_are_merged,
    test_sdk.test_equal_content_is_one_version_and_its_bytes_are_sent_once,
]
WRITERS = 8


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, shared_postgres_url: str) -> Iterator[LiveServer]:
    with started(tmp_path_factory.mktemp("live"), WABUCKET_CATALOG=shared_postgres_url) as running:
        yield running


def test_a_session(sdk: Sdk) -> None:
    test_sdk_basics.test_what_a_session_logs_is_what_the_command_line_shows(sdk)


def test_artifacts_and_lineage(sdk: Sdk) -> None:
    test_sdk.test_files_and_references_come_back_and_lineage_is_known_on_both_sides(sdk)


def test_another_of_the_tests_of_the_sdk(sdk: Sdk, rng: random.Random) -> None:
    """Each time others, by the seed; all of them run on SQLite."""
    rng.choice(SAMPLED)(sdk)


@pytest.mark.row("A5")
def test_servers_and_command_lines_share_a_catalog(postgres_url: str, tmp_path: Path) -> None:
    """Two servers and other processes name versions of one artifact at once: dense, each once."""
    with ExitStack() as stack:
        sites = [stack.enter_context(inside(make(tmp_path / name), url=postgres_url)) for name in ("one", "two")]
        tracker = stack.enter_context(closing(EmbeddedTracker(postgres_url)))
        tracker.upsert_run(RunUpdate(RunKey("team", "demo", "r")))

        def log(number: int) -> int:
            if number % 3 == 2:
                ours = replace(upload(f"a{number}"), type="dataset", name="data")
                return int(str(tracker.log_artifact(RunKey("team", "demo", "r"), ours).version)[1:])
            return drafted(sites[number % 3], f"digest-{number}")

        with ThreadPoolExecutor(WRITERS) as pool:
            found = list(pool.map(log, range(4 * WRITERS)))
        assert sorted(found) == list(range(4 * WRITERS))


def drafted(site: Inside, digest: str) -> int:
    """What a client makes by several requests; the number of its version."""
    with site.site.write() as connection:
        project_pk = ensure_project(connection, "team", "demo")
        runs.upsert(connection, RunUpdate(RunKey("team", "demo", "r"), config={digest: 1}))
        made = drafts.create(connection, project_pk, NewDraft(type="dataset", name="data", digest=digest))
    with site.site.write() as connection:
        pk = drafts.commit(connection, made, Listing(digest, ()))
        return int(connection.exec_driver_sql(f"SELECT number FROM artifact_version WHERE id = {pk}").scalar_one())


def make(directory: Path) -> Path:
    directory.mkdir()
    return directory
