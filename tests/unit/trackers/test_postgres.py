"""The catalog on a server: who may come in, what is said when not, values, waits, forks."""

import multiprocessing
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from sqlalchemy import text

from tests.postgres import ADMIN, PASSWORD, USER, Cluster
from tests.servers import free_port
from tests.unit.trackers.helpers import PROJECT, ref, run, upload
from wabucketref.errors import InvalidValue, NotAuthorised, SettingsError, TransientError, WaBucketError
from wabucketref.model.run import HistoryRow, RunKey, RunUpdate
from wabucketref.trackers.embedded import postgres as particulars
from wabucketref.trackers.embedded.engine import Catalog
from wabucketref.trackers.embedded.tracker import EmbeddedTracker

WITHOUT_DRIVER = """
import sys
sys.modules["psycopg"] = None
sys.argv = ["wabucket", "-p", "demo", "--tracker", "embedded", "ls"]
from wabucketref.__main__ import main
sys.exit(main())
"""


@pytest.fixture
def tracker(postgres_url: str) -> Iterator[EmbeddedTracker]:
    with closing(EmbeddedTracker(postgres_url)) as found:
        yield found


def named(url: str) -> str:
    """The database in it."""
    return url.rpartition("/")[2]


# ---- coming in ------------------------------------------------------------------------------------------------------


@pytest.mark.row("X19")
@pytest.mark.parametrize(
    ("change", "kind", "words"),
    [
        (lambda url: url.replace(PASSWORD, "wrong-and-secret"), NotAuthorised, "refused the credentials"),
        (lambda url: url.replace(f"{USER}:", "nobody-known:"), NotAuthorised, "refused the credentials"),
        (lambda url: url + "_not_there", SettingsError, "names a database that does not exist"),
        (lambda url: url.replace("127.0.0.1", "127.0.0.1:1"), SettingsError, "cannot be understood"),
        (lambda url: url + "?nonsense=1", WaBucketError, ""),
    ],
    ids=["password", "user", "database", "url", "option"],
)
def test_who_does_not_come_in_is_told_why_and_no_secret(
    shared_postgres_url: str, change: Callable[[str], str], kind: type[WaBucketError], words: str
) -> None:
    url = change(shared_postgres_url)
    with pytest.raises(WaBucketError) as caught:
        EmbeddedTracker(url)
    assert isinstance(caught.value, kind)
    assert words in caught.value.message
    told = "".join(traceback.format_exception(caught.value)) + caught.value.hint
    assert PASSWORD not in told.replace(url, "")
    assert "wrong-and-secret" not in told.replace(url, "")


def test_nobody_listens(shared_postgres_url: str, postgres: Cluster) -> None:
    dead = shared_postgres_url.replace(f":{postgres.port}/", f":{free_port()}/")
    with pytest.raises(TransientError, match=r"does not answer: .*refused") as caught:
        EmbeddedTracker(dead)
    assert caught.value.retryable


def test_a_user_who_may_not_make_tables(postgres: Cluster) -> None:
    name = postgres.make(empty=True)
    postgres.sql(f"ALTER DATABASE {name} OWNER TO {ADMIN}", name)
    for taken, words in (("CREATE", "refused the credentials"), ("ALL", "no schema for its tables")):
        postgres.sql(f"REVOKE {taken} ON SCHEMA public FROM PUBLIC", name)
        with pytest.raises(NotAuthorised, match=words):
            EmbeddedTracker(postgres.url(name))
    postgres.drop(name)


def test_by_a_socket_without_a_password(postgres: Cluster) -> None:
    name = postgres.make()
    with closing(EmbeddedTracker(postgres.socket_url(name))) as tracker:
        assert tracker.log_artifact(run(tracker), upload("a")).version == "v0"
    postgres.drop(name)


def test_a_new_catalog_says_so_and_another_programs_database_is_left_alone(postgres: Cluster) -> None:
    name = postgres.make(empty=True)
    for made in (True, False):
        with closing(EmbeddedTracker(postgres.url(name))) as tracker:
            assert tracker.made_anew is made
    postgres.drop(name)
    other = postgres.make(empty=True)
    postgres.sql("CREATE TABLE photos (id INTEGER)", other)
    with pytest.raises(WaBucketError, match="another program"):
        EmbeddedTracker(postgres.url(other))
    postgres.drop(other)


def test_without_the_extra_the_command_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WABUCKET_CATALOG", "postgresql://me:hunter2@127.0.0.1:1/db")
    ran = subprocess.run([sys.executable, "-c", WITHOUT_DRIVER], capture_output=True, text=True, check=False)
    assert ran.returncode == 2, ran.stderr
    assert "needs a driver that is not installed" in ran.stderr
    assert "hint: pip install 'wabucketref[postgres]'" in ran.stderr
    assert "hunter2" not in ran.stdout + ran.stderr


# ---- values ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("notes", ["a\0b", "\ud800"], ids=["NUL", "half a character"])
def test_text_that_no_database_holds(tracker: EmbeddedTracker, notes: str) -> None:
    with pytest.raises(InvalidValue, match="cannot hold") as caught:
        run(tracker, notes=notes, config={"token": "hunter2"})
    assert "hunter2" not in "".join(traceback.format_exception(caught.value)).replace('{"token": "hunter2"}', "")


def test_numbers_that_no_database_holds(tracker: EmbeddedTracker) -> None:
    key = run(tracker)
    for step in (1 << 63, 10**40):
        with pytest.raises(InvalidValue, match="cannot hold"):
            tracker.append_history(key, [HistoryRow(0, step, 0.0, {})])
    tracker.append_history(key, [HistoryRow(0, (1 << 63) - 1, 0.0, {"big": 10**400})])
    assert tracker.history(key)[0].values == {"big": 10**400}


# ---- transactions ---------------------------------------------------------------------------------------------------


def test_reads_see_one_state(postgres_url: str, tracker: EmbeddedTracker) -> None:
    run(tracker, "one")
    with closing(Catalog(postgres_url)) as catalog:
        with catalog.read() as connection:
            count = text("SELECT count(*) FROM run")
            assert connection.execute(count).scalar() == 1
            tracker.upsert_run(RunUpdate(RunKey(*PROJECT, "two")))
            assert connection.execute(count).scalar() == 1
        with catalog.write() as connection:
            assert connection.execute(text("SHOW transaction_isolation")).scalar() == "read committed"


def test_limits_of_the_server_side(postgres: Cluster, postgres_url: str) -> None:
    limits = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "application_name")
    with closing(Catalog(postgres_url, busy_seconds=7)) as catalog:
        with catalog.write() as connection:
            assert [connection.execute(text(f"SHOW {name}")).scalar() for name in limits] == [
                "1min",
                "7s",
                "2min",
                "wabucket",
            ]
        with catalog.alter() as connection:
            assert connection.execute(text("SHOW statement_timeout")).scalar() == "0"
        with catalog.write() as connection:
            assert connection.execute(text("SHOW statement_timeout")).scalar() == "1min"
    own = postgres.url(named(postgres_url), options="-c statement_timeout=5s", application_name="mine")
    with closing(Catalog(own)) as catalog, catalog.write() as connection:
        assert [connection.execute(text(f"SHOW {name}")).scalar() for name in (limits[0], limits[3])] == ["5s", "mine"]


def test_a_long_lock_is_waited_for_then_named(postgres_url: str, tracker: EmbeddedTracker) -> None:
    key = run(tracker)
    tracker.log_artifact(key, upload("a"))
    with closing(Catalog(postgres_url)) as holder, closing(EmbeddedTracker(postgres_url, busy_seconds=0.3)) as rival:
        with holder.write() as connection:
            connection.execute(text("SELECT * FROM artifact_sequence FOR UPDATE"))
            began = time.monotonic()
            with pytest.raises(TransientError, match="locked by another process") as caught:
                rival.log_artifact(key, upload("b"))
            assert 0.3 <= time.monotonic() - began < 10
            assert caught.value.retryable
            assert rival.resolve(ref("a"), PROJECT).version == "v0"
        assert rival.log_artifact(key, upload("b")).version == "v1"


def test_a_turn_is_one_transactions_at_a_time(postgres_url: str) -> None:
    with (
        closing(Catalog(postgres_url, busy_seconds=0.3)) as one,
        closing(Catalog(postgres_url, busy_seconds=0.3)) as two,
    ):
        with one.write_in_turn(), pytest.raises(TransientError, match="locked"), two.write_in_turn():
            pass
        with one.write_in_turn(), two.write():
            pass
        with two.write_in_turn():
            pass


@pytest.mark.row("R3")
def test_threads_share_few_connections(postgres: Cluster, postgres_url: str, tracker: EmbeddedTracker) -> None:
    key = run(tracker)
    most = 0

    def log(number: int) -> str | None:
        nonlocal most
        found = tracker.log_artifact(key, upload(f"a{number}")).version
        if number % 8 == 0:
            asked = postgres.sql(f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{named(postgres_url)}'")
            most = max(most, int(str(asked[0][0])))
        return found

    with ThreadPoolExecutor(32) as pool:
        found = list(pool.map(log, range(64)))
    assert sorted(found, key=lambda one: int(str(one)[1:])) == [f"v{number}" for number in range(64)]
    assert tracker.resolve(ref("latest"), PROJECT).version == "v63"
    assert 1 <= most <= 4


@pytest.mark.row("R3")
def test_no_connection_comes_free(postgres_url: str) -> None:
    with closing(Catalog(postgres_url, busy_seconds=0.2)) as catalog, ThreadPoolExecutor(8) as pool:
        done = multiprocessing.get_context("fork").Event()

        def hold() -> None:
            with catalog.read():
                assert done.wait(30)

        held = [pool.submit(hold) for _ in range(4)]
        while catalog._current().pool.checkedout() < 4:  # type: ignore[attr-defined]
            time.sleep(0.01)
        with pytest.raises(TransientError, match="no connection free"), catalog.read():
            pass
        done.set()
        for one in held:
            one.result()
        with catalog.read():
            pass


@pytest.mark.row("K6")
def test_a_forked_child_has_connections_of_its_own(tracker: EmbeddedTracker) -> None:
    key = run(tracker)
    tracker.log_artifact(key, upload("a"))

    def child() -> None:
        tracker.log_artifact(key, upload("b"))
        tracker.close()

    forked = multiprocessing.get_context("fork").Process(target=child)
    forked.start()
    tracker.log_artifact(key, upload("c"))
    forked.join()
    assert forked.exitcode == 0
    assert {one.alias for one in tracker.list_artifacts(PROJECT)} == {"a", "b", "c"}


def test_what_a_wait_may_cost_at_most() -> None:
    """A server that is frozen is left after this; 60 s is what a statement may take."""
    assert particulars._STATEMENT_SECONDS + particulars._GRACE_SECONDS == 75
    assert particulars._CONNECT_SECONDS == 10
