"""The background service: uploads outlive their clients and the service itself; one a home; nothing is lost."""

import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults import invariants, trees
from tests.faults.background import Service, until
from tests.faults.conftest import MakeWorld
from tests.faults.procs import ROOT, World, reached
from tests.servers import ACCESS_KEY, SECRET_KEY, Server
from wabucketref.store.identity import process_started

REF = "dataset/cats:one"
UPLOAD = ("upload", "src", "-n", "cats", "-t", "dataset", "-a", "one")

MOST_POINTS = 200

Serve = Callable[[World], Service]


@pytest.fixture
def with_source(world: World) -> World:
    trees.make(world.directory / "src", trees.TWO_FILES)
    return world


def one_finished_upload(world: World) -> None:
    (run,) = invariants.ended_runs(world)
    assert (run["state"], run["exit_code"], run["outputs"]) == ("finished", 0, [REF])
    invariants.one_version(world, REF, trees.TWO_FILES)
    invariants.settled(world)


# ---- life ------------------------------------------------------------------------------------------------------------


def test_start_status_stop(with_source: World, service: Service) -> None:
    world = with_source
    pid = service.start()
    document = world.ok("service", "status")
    assert (document["running"], document["pid"], document["items"]) == (True, pid, [])
    again = world.ok("service", "start")
    assert (again["pid"], again["started"]) == (pid, False)
    assert world.run(*UPLOAD).out == f"{REF}\n"
    assert world.ok("service", "stop") == {"running": False, "stopped": True}
    assert world.ok("service", "stop") == {"running": False, "stopped": False}
    ended = world.run("--json", "service", "status")
    assert (ended.code, ended.json()["running"]) == (3, False)
    assert sorted(path.name for path in service.place.directory.iterdir()) == ["lock", "service.log", "service.stderr"]
    assert (service.place.directory / "service.stderr").read_text() == ""
    one_finished_upload(world)


@pytest.mark.row("X3")
def test_only_its_user_can_reach_it(world: World, service: Service) -> None:
    service.start()
    for socket in (service.place.socket, service.place.records):
        assert stat.S_IMODE(socket.lstat().st_mode) == 0o600
    assert stat.S_IMODE(service.place.directory.stat().st_mode) == 0o700
    for path in (service.place.log, service.place.lock, service.place.plate):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.row("X4")
def test_its_process_shows_no_secret_and_leaves_no_core(world: World, service: Service) -> None:
    world.env = {"AWS_SECRET_ACCESS_KEY": SECRET_KEY, "WANDB_API_KEY": "k" * 40}
    pid = service.start()
    assert SECRET_KEY not in command_line(pid)
    assert "kkk" not in command_line(pid)
    limits = Path(f"/proc/{pid}/limits").read_text()
    (core,) = [line for line in limits.splitlines() if line.startswith("Max core file size")]
    assert core.split()[4:6] == ["0", "0"]


def command_line(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_bytes().decode()


def test_start_holds_no_descriptor_of_its_caller(world: World, service: Service) -> None:
    """A shell that reads its output to the end comes back."""
    environ = world._environ()
    command = [sys.executable, "-m", "wabucketref", "service", "start"]
    ended = subprocess.run(command, env=environ, cwd=world.directory, capture_output=True, timeout=30, check=False)
    assert ended.returncode == 0, ended
    assert ended.stdout.startswith(b"started: process ")


@pytest.mark.row("V1")
def test_two_starts_at_once_make_one_service(world: World, service: Service) -> None:
    children = [world.start("--json", "service", "start") for _ in range(4)]
    ended = [child.wait() for child in children]
    assert [one.code for one in ended] == [0] * 4, ended
    assert len({one.json()["pid"] for one in ended}) == 1


@pytest.mark.row("V1")
def test_what_a_killed_service_left_is_no_service(with_source: World, service: Service) -> None:
    world = with_source
    service.start()
    service.kill()
    assert service.place.has_socket(), "a stale socket"
    assert world.run("service", "status").code == 3
    assert world.run("service", "stop").code == 0
    assert world.run(*UPLOAD).code == 0, "in process"
    service.start()
    assert world.run(*UPLOAD, "--no-wait").code == 0


@pytest.mark.row("V1")
def test_two_homes_have_two_services(make_world: MakeWorld, serve: Serve) -> None:
    first, second = serve(make_world()), serve(make_world())
    assert first.start() != second.start()
    first.stop()
    assert second.runs() == []


@pytest.mark.row("V1")
def test_another_release_is_refused_with_both_versions(with_source: World, service: Service) -> None:
    world = with_source
    service.start()
    script = "import wabucketref.version as v; v.__version__ = '99.0'\n"
    script += "import sys; from wabucketref.cli.main import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", script]
    environ = world._environ()
    ended = subprocess.run(
        [*command, *UPLOAD], env=environ, cwd=world.directory, capture_output=True, text=True, timeout=30, check=False
    )
    assert ended.returncode == 2, ended
    assert "99.0" in ended.stderr
    assert "0.1.0" in ended.stderr
    stopped = subprocess.run([*command, "service", "stop"], env=environ, capture_output=True, timeout=30, check=False)
    assert stopped.returncode == 0, stopped


@pytest.mark.row("F4", "V1")
def test_a_long_path_of_the_home(make_world: MakeWorld, serve: Serve) -> None:
    world = make_world()
    world.directory = world.directory / ("long-" * 20)
    world.directory.mkdir()
    trees.make(world.directory / "src", trees.TWO_FILES)
    service = serve(world)
    assert service.place.socket.parent != service.place.directory
    service.start()
    assert world.run(*UPLOAD, "--no-wait").code == 0
    service.settle()
    invariants.one_version(world, REF, trees.TWO_FILES)
    service.stop()
    assert not service.place.socket.exists()
    assert not service.place.records.exists()


def test_it_ends_when_it_has_been_idle(with_source: World, service: Service) -> None:
    service.start("--idle-exit", "4")
    assert with_source.run(*UPLOAD, "--no-wait").code == 0
    until(lambda: with_source.run("service", "status").code == 3)
    one_finished_upload(with_source)


def test_in_the_foreground_it_ends_with_a_signal(world: World, service: Service) -> None:
    child = world.start("service", "start", "--foreground")
    until(lambda: service.place.is_listening())
    child.signal(signal.SIGTERM)
    ended = child.wait(10)
    assert ended.code == 0, ended


# ---- outliving -------------------------------------------------------------------------------------------------------


def test_no_wait_without_a_service_says_what_to_do(with_source: World) -> None:
    ended = with_source.run(*UPLOAD, "--no-wait")
    assert ended.code == 2
    assert "service start" in ended.err
    invariants.honest(ended)


@pytest.mark.row("K2")
def test_no_wait_returns_before_the_upload_is_done(with_source: World, service: Service) -> None:
    world = with_source
    door = world.directory / "door"
    service.start(points=f"upload.file_stored=pause:{door}")
    ended = world.run("--json", *UPLOAD, "--no-wait")
    assert ended.code == 0, ended
    document = ended.json()
    assert (document["tracking"], document["artifact"]["version"]) == ("pending", None)
    reached(door)
    (item,) = world.ok("status", document["xid"])["items"]
    assert (item["run"], item["state"]) == (document["run"]["id"], "background")
    assert item["transfers"][0]["state"] == "running"
    assert not invariants.all_or_nothing(world, REF)
    door.touch()
    service.settle()
    (item,) = world.ok("status", document["xid"])["items"]
    assert (item["state"], item["transfers"][0]["state"]) == ("ended", "done")
    service.stop()
    one_finished_upload(world)


@pytest.mark.row("K2")
def test_an_upload_outlives_its_client(with_source: World, service: Service) -> None:
    world = with_source
    door = world.directory / "door"
    service.start(points=f"upload.file_stored=pause:{door}")
    child = world.start(*UPLOAD)
    reached(door)
    child.signal(signal.SIGKILL)
    assert child.wait().code == -9
    door.touch()
    service.settle()
    service.stop()
    one_finished_upload(world)


@pytest.mark.row("K2")
@pytest.mark.parametrize("how", ["service start", "sync"])
def test_an_upload_outlives_the_service(with_source: World, service: Service, how: str) -> None:
    world = with_source
    door = world.directory / "door"
    service.start(points=f"upload.file_stored=pause:{door}")
    child = world.start(*UPLOAD)
    reached(door)
    begun = time.monotonic()
    service.kill()
    ended = child.wait(10)
    assert time.monotonic() - begun < 5
    assert ended.code == 5, ended
    assert "the service stopped; the operation is in the journal" in ended.err
    invariants.honest(ended)
    assert not invariants.all_or_nothing(world, REF)
    assert world.run(*how.split()).code == 0
    if how == "service start":
        service.settle()
        service.stop()
    one_finished_upload(world)


@pytest.mark.row("K3")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["INT", "TERM"])
def test_a_signal_to_the_client_stops_its_upload(
    with_source: World, service: Service, number: signal.Signals, code: int
) -> None:
    world = with_source
    door = world.directory / "door"
    service.start(points=f"upload.file_stored=pause:{door}")
    child = world.start(*UPLOAD)
    reached(door)
    child.signal(number)
    until(lambda: "transfers are stopped" in service.place.log.read_text())
    door.touch()
    ended = child.wait(30)
    assert ended.code == code, ended
    (run,) = invariants.ended_runs(world)
    assert (run["state"], run["exit_code"], run["outputs"]) == ("killed", code, [])
    assert not invariants.all_or_nothing(world, REF)
    assert world.run(*UPLOAD).code == 0
    service.stop()
    assert world.journals == []


def test_stop_lets_runs_end_first(with_source: World, service: Service) -> None:
    world = with_source
    door = world.directory / "door"
    service.start(points=f"upload.file_stored=pause:{door}")
    assert world.run(*UPLOAD, "--no-wait").code == 0
    reached(door)
    stopping = world.start("service", "stop")
    until(lambda: world.ok("service", "status")["draining"])
    refused = world.run("upload", "src", "-n", "dogs", "-t", "dataset", "-a", "one", "--no-wait")
    assert refused.code == 2, refused
    late = world.run("service", "stop", "--timeout", "0")
    assert late.code == 5, late
    door.touch()
    assert stopping.wait(20).code == 0
    one_finished_upload(world)


def test_stop_now_leaves_the_upload_to_the_next_start(with_source: World, service: Service) -> None:
    world = with_source
    door = world.directory / "door"
    service.start(points=f"upload.file_stored=pause:{door}")
    assert world.run(*UPLOAD, "--no-wait").code == 0
    reached(door)
    stopping = world.start("service", "stop", "--now")
    until(lambda: '"stopping now"' in service.place.log.read_text())
    time.sleep(0.1)
    door.touch()
    assert stopping.wait(20).code == 0
    assert len(world.journals) == 1
    assert not invariants.all_or_nothing(world, REF)
    service.start()
    service.settle()
    service.stop()
    one_finished_upload(world)


@pytest.mark.row("K2")
def test_stop_now_is_no_interruption_by_the_clients_user(with_source: World, service: Service) -> None:
    """Who waits is told that the service stopped; the upload and its run go on with the next start."""
    world = with_source
    door = world.directory / "door"
    service.start(points=f"upload.file_stored=pause:{door}")
    child = world.start(*UPLOAD)
    reached(door)
    stopping = world.start("service", "stop", "--now")
    until(lambda: '"stopping now"' in service.place.log.read_text())
    time.sleep(0.1)
    door.touch()
    assert stopping.wait(20).code == 0
    ended = child.wait(20)
    assert ended.code == 5, ended
    assert "the journal" in ended.err
    invariants.honest(ended)
    service.start()
    service.settle()
    service.stop()
    one_finished_upload(world)


@pytest.mark.row("K2")
def test_stop_now_is_said_to_who_logs(world: World, service: Service) -> None:
    service.start()
    child = world.script(
        "import pathlib, time\n"
        "from wabucketref import WaBucketError, WaBucketRefAPI\n"
        "with WaBucketRefAPI() as api:\n"
        "    run = api.wandb_start_run('logs')\n"
        "    try:\n"
        "        while True:\n"
        "            run.log({'n': 1}); pathlib.Path('logs').touch(); time.sleep(0.01)\n"
        "    except WaBucketError as error:\n"
        "        print(error.exit_code, error)\n"
        "        raise\n"
    )
    until(lambda: (world.directory / "logs").exists())
    service.stop("--now")
    ended = child.wait(20)
    assert ended.out.startswith("5 the service"), ended
    assert world.run("sync").code == 0
    (run,) = invariants.ended_runs(world)
    assert run["state"] == "crashed"


@pytest.mark.row("K1")
def test_the_service_is_killed_at_its_points(make_world: MakeWorld, serve: Serve, seed: int) -> None:
    stride = 9
    killed = kill_at_points(make_world, serve, range(1 + seed % stride, MOST_POINTS, stride))
    assert killed >= 20 // stride


def kill_at_points(make: Callable[[], World], serve: Serve, numbers: range) -> int:
    """Kill the service at its points, one after the other, until it is not killed any more; how often it was.

    The next start ends what was accepted, once; what was not accepted was refused to the client.
    """
    for count, number in enumerate(numbers):
        world = make()
        trees.make(world.directory / "src", trees.TWO_FILES)
        service = serve(world)
        service.start(points=f"*=kill@{number}", may_miss=True)
        left = world.run("--json", *UPLOAD, "--no-wait")
        until(lambda: not service.place.is_listening() or ended(service))  # noqa: B023
        if service.place.is_listening():
            return count
        print(f"killed at point {number}, the client ended with {left.code}")
        assert left.code in (0, 5), left
        invariants.all_or_nothing(world, REF, trees.TWO_FILES)
        service.start()
        service.settle()
        service.stop()
        invariants.settled(world)
        found = invariants.ended_runs(world)
        assert len(found) <= 1
        if left.code == 0 or any(run["outputs"] for run in found):
            one_finished_upload(world)
    pytest.fail("it is killed for ever")


def ended(service: Service) -> bool:
    """Whether it lives and has ended its run."""
    look = service.world.run("--json", "service", "status")
    return look.code == 0 and [item["state"] for item in look.json()["items"]] == ["ended"]


# ---- who it acts for -------------------------------------------------------------------------------------------------


@pytest.mark.needs("moto")
@pytest.mark.row("X19")
def test_it_acts_with_the_credentials_of_its_client_and_keeps_none(
    make_world: MakeWorld, serve: Serve, moto_s3: Server
) -> None:
    world = make_world(moto_s3)
    trees.make(world.directory / "src", trees.TWO_FILES)
    credentials, world.env = world.env, {}
    service = serve(world)
    service.start()
    world.env = {**credentials, "AWS_SECRET_ACCESS_KEY": SECRET_KEY}
    assert world.run(*UPLOAD, "--no-wait").code == 0
    service.settle()
    service.stop()
    one_finished_upload(world)
    for path in world.home.rglob("*"):
        if path.is_file():
            assert SECRET_KEY.encode() not in path.read_bytes(), path
            assert ACCESS_KEY.encode() not in path.read_bytes(), path


@pytest.mark.needs("rclone")
def test_it_does_not_lend_its_own_credentials(make_world: MakeWorld, serve: Serve, rclone_s3: Server) -> None:
    world = make_world(rclone_s3)
    trees.make(world.directory / "src", trees.TWO_FILES)
    service = serve(world)
    service.start()
    world.env = {name: value for name, value in world.env.items() if "KEY" not in name} | {
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": "not-the-secret-of-the-service-0123456789",
    }
    ended = world.run(*UPLOAD)
    assert ended.code == 4, ended
    invariants.honest(ended)


def test_what_it_downloads_has_the_usual_rights(with_source: World, service: Service) -> None:
    world = with_source
    service.start()
    assert world.run(*UPLOAD).code == 0
    assert world.run("download", REF, "-d", "out").code == 0
    plain = world.directory / "plain"
    plain.touch()
    assert (world.directory / "out/a.txt").stat().st_mode == plain.stat().st_mode
    assert trees.read(world.directory / "out", without="") == trees.TWO_FILES


def test_where_it_would_act_as_somebody_else_it_is_not_used(with_source: World, service: Service) -> None:
    world = with_source
    service.start()
    world.env = {"AWS_ROLE_ARN": "arn:aws:iam::1:role/other"}
    ended = world.run(*UPLOAD, "-v")
    assert ended.code == 0, ended
    assert "started with another AWS_ROLE_ARN" in ended.err
    refused = world.run(*UPLOAD, "--no-wait")
    assert refused.code == 2


@pytest.mark.row("A4")
def test_many_processes_use_one_service(world: World, service: Service) -> None:
    service.start()
    script = (
        "import sys; from wabucketref import WaBucketRefAPI\n"
        "with WaBucketRefAPI() as api:\n"
        "    run = api.wandb_start_run(sys.argv[1])\n"
        "    for n in range(200): run.log({'n': n})\n"
        "    api.upload(sys.argv[2], 'cats', 'dataset', sys.argv[1])\n"
    )
    environ = {**world._environ(), "PYTHONPATH": str(ROOT)}
    processes = []
    for number in range(6):
        source = trees.make(world.directory / f"src-{number}", {"a": str(number).encode()})
        command = [sys.executable, "-c", script, f"a{number}", str(source)]
        processes.append(subprocess.Popen(command, env=environ, cwd=world.directory, stderr=subprocess.PIPE))
    for process in processes:
        _, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
    found = invariants.ended_runs(world)
    assert [(run["state"], run["summary"]["n"]) for run in found] == [("finished", 199)] * 6
    versions = sorted(item["version"] for item in world.ok("ls")["items"])
    assert versions == [f"v{number}" for number in range(6)]
    assert world.journals == []


def test_a_trace_that_cannot_be_written_harms_nobody(with_source: World, service: Service) -> None:
    world = with_source
    service.start()
    world.env = {"WABUCKET_TRACE": "/dev/full"}
    assert world.run(*UPLOAD).code == 0
    world.env = {}
    until(lambda: world.ok("service", "status")["clients"] == 0)
    assert world.run(*UPLOAD).code == 0
    assert "the trace ends here" in service.place.log.read_text()


def test_start_waits_for_a_service_that_is_stopping(with_source: World, service: Service) -> None:
    world = with_source
    door = world.directory / "door"
    first = service.start(points=f"upload.file_stored=pause:{door}")
    assert world.run(*UPLOAD, "--no-wait").code == 0
    reached(door)
    stopping = world.start("service", "stop")
    until(lambda: world.ok("service", "status")["draining"])
    starting = world.start("--json", "service", "start")
    door.touch()
    assert stopping.wait(20).code == 0
    ended = starting.wait(20)
    assert ended.code == 0, ended
    assert ended.json()["pid"] != first


def test_stop_now_does_not_wait_for_a_run_that_cannot_end(world: World, service: Service) -> None:
    """Its tracker is locked while the run ends: the process goes all the same, and the next start ends the run."""
    service.start()
    script = (
        "from wabucketref import WaBucketRefAPI\n"
        "import sqlite3, threading, sys\n"
        "api = WaBucketRefAPI()\n"
        "run = api.wandb_start_run('slow')\n"
        "lock = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "lock.execute('BEGIN IMMEDIATE')\n"
        "for n in range(3000): run.log({'n': n})\n"
        "threading.Thread(target=api.close, daemon=True).start()\n"
        "print('closing', flush=True)\n"
        "sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", script, str(world.home / "catalog.sqlite")]
    process = subprocess.Popen(
        command, env=world._environ(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"closing\n"
    pid = service.pid
    time.sleep(0.5)
    begun = time.monotonic()
    service.stop("--now")
    until(lambda: process_started(pid) is None, 20)
    assert time.monotonic() - begun < 20
    process.kill()
    process.communicate()
    service.start()
    service.settle()
    (run,) = invariants.ended_runs(world)
    assert run["summary"] == {"n": 2999}


def test_a_journal_of_another_process_is_ended_at_the_start(with_source: World, service: Service) -> None:
    world = with_source
    assert world.run(*UPLOAD, points="upload.file_stored=kill").code == -9
    service.start()
    service.settle()
    service.stop()
    one_finished_upload(world)


def test_a_journal_for_another_catalog_is_left_alone(with_source: World, service: Service) -> None:
    world = with_source
    world.env = {"WABUCKET_CATALOG": f"sqlite:///{world.directory}/other.sqlite"}
    assert world.run(*UPLOAD, points="upload.file_stored=kill").code == -9
    world.env = {}
    service.start()
    until(lambda: "belongs to the tracker embedded" in service.place.log.read_text())
    assert len(world.journals) == 1
    assert invariants.runs(world) == []
    world.env = {"WABUCKET_CATALOG": f"sqlite:///{world.directory}/other.sqlite"}
    assert world.run("sync").code == 0
    assert [run["state"] for run in world.ok("runs")["items"]] == ["finished"]


def test_offline_runs_wait_for_sync(with_source: World, service: Service) -> None:
    world = with_source
    world.env = {"WANDB_MODE": "offline"}
    assert world.run(*UPLOAD).code == 0
    service.start()
    time.sleep(0.3)
    assert world.run(*UPLOAD, "--no-wait").code == 0
    until(lambda: all(item["state"] in ("waiting", "ended") for item in world.ok("status")["items"]))
    assert len(world.journals) == 2
    service.stop()
    world.env = {}
    assert world.run("sync").code == 0
    invariants.one_version(world, REF, trees.TWO_FILES)
