"""The catalog's server restarts, loses answers, stands still, is full: nothing is lost, nothing comes twice."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace

import pytest

from tests.faults import invariants, trees
from tests.faults.conftest import MakeWorld
from tests.faults.procs import World
from tests.faults.wire import Wire, wire
from tests.postgres import USER, Cluster
from tests.servers import free_port
from tests.unit.trackers.helpers import PROJECT, ref, run
from tests.unit.trackers.helpers import upload as logged
from wabucketref.errors import TransientError
from wabucketref.model.run import ConsoleLine, HistoryRow, RunKey, RunState
from wabucketref.operations import look
from wabucketref.operations.upload import upload
from wabucketref.retry import RetryPolicy
from wabucketref.trackers.embedded import postgres as particulars
from wabucketref.trackers.embedded.tracker import EmbeddedTracker

UPLOAD = ("upload", "src", "-n", "cats", "-t", "dataset", "-a")
WRITERS = 32


@pytest.fixture
def team(make_world: MakeWorld, postgres_url: str) -> World:
    """A world whose catalog is on the server."""
    world: World = make_world()
    world.env = {**world.env, "WABUCKET_CATALOG": postgres_url}
    trees.make(world.directory / "src", trees.TWO_FILES)
    return world


@pytest.fixture
def between(postgres: Cluster, postgres_url: str) -> Iterator[Wire]:
    with wire(postgres.address) as made:
        yield made


@pytest.fixture
def through(between: Wire, postgres: Cluster, postgres_url: str) -> str:
    """The catalog's URL by way of the wire."""
    return postgres.url(named(postgres_url), port=between.port)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Repetitions come at once."""
    monkeypatch.setattr(RetryPolicy, "delay", lambda *_: 0.01)


def named(url: str) -> str:
    """The database in it."""
    return url.rpartition("/")[2].partition("?")[0]


# ---- lost answers ---------------------------------------------------------------------------------------------------

WRITES: dict[str, Callable[[EmbeddedTracker, RunKey], object]] = {
    "upsert_run": lambda tracker, key: run(tracker, key.run_id, notes="told"),
    "append_history": lambda tracker, key: tracker.append_history(key, [HistoryRow(0, 0, 1.0, {"loss": 1})]),
    "append_console": lambda tracker, key: tracker.append_console(key, [ConsoleLine(0, "stdout", 1.0, "hi")]),
    "log_artifact": lambda tracker, key: tracker.log_artifact(key, logged("new")),
    "use_artifact": lambda tracker, key: tracker.use_artifact(key, "used", logged("a")),
    "set_aliases": lambda tracker, key: tracker.set_aliases(ref("a"), PROJECT, logged("a").bucket, ["prod"]),
    "remove_artifact": lambda tracker, key: tracker.remove_artifact(ref("a"), PROJECT, logged("a").bucket),
    "finish_run": lambda tracker, key: tracker.finish_run(key, RunState.FINISHED, 0),
}


@pytest.mark.row("R3")
@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_a_write_whose_answer_is_lost_may_be_told_again(
    write: Callable[[EmbeddedTracker, RunKey], object], between: Wire, through: str, postgres: Cluster
) -> None:
    with closing(EmbeddedTracker(through)) as tracker:
        key = run(tracker)
        tracker.log_artifact(key, logged("a"))
        between.lose = frozenset({between.commits + 1})
        with pytest.raises(TransientError, match="does not answer") as caught:
            write(tracker, key)
        assert caught.value.retryable
        assert between.lost == 1
        after = rows(postgres, named(through))
        write(tracker, key)
        assert rows(postgres, named(through)) == after, "told twice is told once"


def rows(postgres: Cluster, database: str) -> dict[str, list[tuple[object, ...]]]:
    """All that the tables hold, moments at which it was written aside."""
    tables = ("run", "history", "console", "artifact_version", "artifact_alias", "run_use", "run_output")
    found = {}
    for table in tables:
        whole = f"SELECT to_jsonb(t) - 'finished' - 'removed' FROM {table} t ORDER BY 1"
        found[table] = [tuple(map(str, row)) for row in postgres.sql(whole, database)]
    return found


@pytest.mark.row("R3", "W1")
def test_an_upload_that_loses_any_answer_is_recorded_once(
    team: World, between: Wire, through: str, impatient: None
) -> None:
    """Each commit of an upload in turn is carried out and not answered; the upload never notices."""
    number = 0
    while True:
        number += 1
        alias = f"a{number}"
        before = between.commits
        between.lose = frozenset({before + number})
        (team.directory / "src" / "a.txt").write_text(alias)
        with team.open(catalog=through) as workspace:
            assert (
                upload(workspace, team.directory / "src", "cats", "dataset", alias).artifact.version == f"v{number - 1}"
            )
        if between.lost < number:
            break
    assert number > 3, "an upload commits several times"
    with team.open() as workspace:
        assert [item.alias for item in look.list_artifacts(workspace)] == [f"a{n}" for n in range(number, 0, -1)]
    found = invariants.ended_runs(team)
    assert [one["state"] for one in found] == ["finished"] * number
    assert sorted(one["outputs"] for one in found) == sorted([f"dataset/cats:a{n}"] for n in range(1, number + 1))
    invariants.settled(team)


# ---- restarts -------------------------------------------------------------------------------------------------------


@pytest.mark.row("R3")
def test_a_restart_between_two_transactions_is_not_noticed(postgres: Cluster, postgres_url: str) -> None:
    with closing(EmbeddedTracker(postgres_url)) as tracker:
        key = run(tracker)
        postgres.restart()
        assert tracker.log_artifact(key, logged("a")).version == "v0"


def write_half(tracker: EmbeddedTracker, meanwhile: Callable[[], object]) -> None:
    """A transaction in whose middle something happens."""
    with tracker._links.catalog.write() as connection:
        connection.exec_driver_sql("UPDATE run SET notes = 'half'")
        connection.exec_driver_sql("SELECT * FROM artifact_sequence FOR UPDATE")
        meanwhile()
        connection.exec_driver_sql("SELECT 1")


@pytest.mark.row("R3")
def test_a_restart_in_the_middle_of_a_transaction_leaves_nothing_of_it(postgres: Cluster, postgres_url: str) -> None:
    with closing(EmbeddedTracker(postgres_url)) as tracker:
        key = run(tracker)
        with pytest.raises(TransientError, match="does not answer"):
            write_half(tracker, postgres.restart)
        assert tracker.get_run(key).notes is None
        run(tracker, notes="whole")
        assert tracker.get_run(key).notes == "whole"


@pytest.mark.row("R3")
def test_while_the_server_is_down_bytes_are_safe_and_sync_records_them(
    team: World, postgres: Cluster, impatient: None
) -> None:
    team.ok(*UPLOAD, "zero")
    postgres.stop()
    try:
        (team.directory / "src" / "a.txt").write_text("changed")
        ended = team.run("--json", *UPLOAD, "one")
        assert (ended.code, ended.json()["tracking"]) == (8, "pending"), ended
        looked = team.run("ls")
        assert looked.code == 5, looked
        invariants.honest(looked)
        assert team.run("sync").code == 8
        down = team.run("download", "dataset/cats:one", "-d", "out")
        assert down.code == 8, down
        assert trees.read(team.directory / "out")["a.txt"] == b"changed"
        probed = team.run("doctor")
        assert probed.code != 0
        assert "FAILED   tracker: the catalog" in probed.out
    finally:
        postgres.start()
    assert team.run("sync").code == 0
    assert [item["alias"] for item in team.ok("ls")["items"]] == ["one", "zero"]
    assert sum(one["inputs"] == ["dataset/cats:one"] for one in invariants.ended_runs(team)) == 1
    invariants.settled(team)


@pytest.mark.row("R3", "A5")
def test_many_writers_of_one_artifact_while_the_server_is_killed(team: World, postgres: Cluster) -> None:
    """A home each, as in a team; what could not be recorded at once is by `sync`."""
    members = [replace(team, directory=team.directory / f"member-{number}") for number in range(WRITERS)]
    for number, member in enumerate(members):
        trees.make(member.directory / "src", {"a.txt": str(number).encode()})
    children = [member.start("--json", *UPLOAD, f"a{number}") for number, member in enumerate(members)]
    url = team.env["WABUCKET_CATALOG"]
    while count(postgres, url) < 3:
        time.sleep(0.01)
    postgres.restart("immediate")
    ended = [child.wait() for child in children]
    assert {one.code for one in ended} <= {0, 8}, [one for one in ended if one.code not in (0, 8)]
    for member, one in zip(members, ended, strict=True):
        if one.code == 8:
            invariants.honest(one)
            assert member.run("sync").code == 0
    items = team.ok("ls", "dataset/cats")["items"]
    assert sorted(item["alias"] for item in items) == sorted(f"a{number}" for number in range(WRITERS))
    assert [item["version"] for item in items] == [f"v{number}" for number in reversed(range(WRITERS))]
    latest = team.ok("show", "dataset/cats:latest")["artifact"]
    assert latest["version"] == f"v{WRITERS - 1}"
    for member in members:
        invariants.settled(member)


def count(postgres: Cluster, url: str) -> int:
    """Versions recorded so far."""
    return int(str(postgres.sql("SELECT count(*) FROM artifact_version", named(url))[0][0]))


# ---- no room, no time, no answer, no writes -------------------------------------------------------------------------


@pytest.mark.row("R3")
def test_no_connection_is_free(team: World, postgres: Cluster, impatient: None) -> None:
    team.ok(*UPLOAD, "zero")
    database = named(team.env["WABUCKET_CATALOG"])
    postgres.sql(f"ALTER DATABASE {database} CONNECTION LIMIT 0")
    refused = team.run("ls")
    assert refused.code == 5, refused
    assert "has no connection free" in refused.err
    assert team.run(*UPLOAD, "zero").code == 8
    postgres.sql(f"ALTER DATABASE {database} CONNECTION LIMIT -1")
    assert team.run("sync").code == 0
    assert len(team.ok("runs")["items"]) == 2


@pytest.mark.row("R3")
def test_a_statement_that_takes_too_long(team: World, postgres: Cluster, postgres_url: str, impatient: None) -> None:
    team.ok(*UPLOAD, "zero")
    hurried = postgres.url(named(postgres_url), options="-c statement_timeout=100ms")
    with closing(EmbeddedTracker(postgres_url)) as holder, holder._links.catalog.write() as connection:
        connection.exec_driver_sql("LOCK TABLE run IN ACCESS EXCLUSIVE MODE")
        team.env["WABUCKET_CATALOG"] = hurried
        looked = team.run("runs")
        assert looked.code == 5, looked
        assert "took too long over a statement" in looked.err
        assert team.run(*UPLOAD, "zero").code == 8
    assert team.run("sync").code == 0
    assert len(team.ok("runs")["items"]) == 2


@pytest.mark.row("R3", "W2")
def test_a_server_that_stands_still_is_left(between: Wire, through: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(particulars, "_STATEMENT_SECONDS", 0.2)
    monkeypatch.setattr(particulars, "_GRACE_SECONDS", 0.1)
    with closing(EmbeddedTracker(through)) as tracker:
        key = run(tracker)
        with pytest.raises(TransientError, match="does not answer: no answer within"):
            write_half(tracker, between.silent.set)
        between.silent.clear()
        assert tracker.get_run(key).notes is None
        assert tracker.log_artifact(key, logged("a")).version == "v0"


@pytest.mark.row("R3")
def test_a_client_that_stands_still_in_a_transaction_holds_nobody_up(
    postgres: Cluster, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(particulars, "_IDLE_SECONDS", 0.2)
    with closing(EmbeddedTracker(postgres_url)) as frozen, closing(EmbeddedTracker(postgres_url)) as other:
        key = run(frozen)
        other.log_artifact(key, logged("a"))
        with pytest.raises(TransientError) as caught:
            write_half(frozen, lambda: other.log_artifact(key, logged("b")))
        assert caught.value.retryable
        assert other.resolve(ref("b"), PROJECT).version == "v1"
        assert frozen.get_run(key).notes is None
        assert frozen.log_artifact(key, logged("c")).version == "v2"


@pytest.mark.row("R3")
def test_a_failover(team: World, postgres: Cluster, postgres_url: str) -> None:
    """The server is lost; its standby takes no writes until it is promoted, and is found without a new setting."""
    database = named(postgres_url)
    team.ok(*UPLOAD, "zero")
    with postgres.standby() as standby:
        (team.directory / "src" / "a.txt").write_text("changed")
        team.env["WABUCKET_CATALOG"] = standby.url(database)
        ended = team.run(*UPLOAD, "one")
        assert ended.code == 8, ended
        assert "takes no writes" in ended.err
        probed = team.run("doctor").out
        assert "takes no writes" in probed
        assert "target_session_attrs=read-write" in probed
        assert [item["alias"] for item in team.ok("ls")["items"]] == ["zero"], "it can still be looked at"
        servers = f"host=127.0.0.1:{free_port()}&host=127.0.0.1:{standby.port}&target_session_attrs=read-write"
        team.env["WABUCKET_CATALOG"] = f"{postgres_url.partition('@')[0]}@/{database}?{servers}"
        assert team.run("sync").code == 8
        standby.promote()
        assert team.run("sync").code == 0
        assert [item["alias"] for item in team.ok("ls")["items"]] == ["one", "zero"]


@pytest.mark.row("R3")
def test_a_connection_that_the_database_ends_is_replaced(postgres: Cluster, postgres_url: str) -> None:
    """An administrator does so, and a server before its restart."""
    with closing(EmbeddedTracker(postgres_url)) as tracker, ThreadPoolExecutor(4) as pool:
        key = run(tracker)
        stop = threading.Event()

        def log(worker: int) -> list[str]:
            told, number = [], 0
            while not stop.is_set():
                alias = f"w{worker}-{number}"
                try:
                    tracker.log_artifact(key, logged(alias))
                except TransientError:
                    continue
                told.append(alias)
                number += 1
            return told

        workers = [pool.submit(log, worker) for worker in range(4)]
        for _ in range(10):
            time.sleep(0.03)
            postgres.sql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{USER}'")
        stop.set()
        told = [alias for worker in workers for alias in worker.result()]
        found = tracker.list_artifacts(PROJECT)
    assert {one.alias for one in found} >= set(told)
    assert [one.version for one in found] == [f"v{number}" for number in reversed(range(len(found)))]


@pytest.mark.row("R2")
def test_a_catalog_that_was_lost_is_rebuilt_from_the_bucket(team: World, postgres: Cluster) -> None:
    team.ok(*UPLOAD, "zero")
    (team.directory / "src" / "a.txt").write_text("changed")
    team.ok(*UPLOAD, "one")
    lost, name = team.ok("ls")["items"], postgres.make(empty=True)
    team.env["WABUCKET_CATALOG"] = postgres.url(name)
    assert team.ok("ls")["items"] == []
    team.ok("rebuild")
    kept = ("alias", "version", "digest", "bytes")
    assert [[item[key] for key in kept] for item in team.ok("ls")["items"]] == [
        [item[key] for key in kept] for item in lost
    ]
    postgres.drop(name)
