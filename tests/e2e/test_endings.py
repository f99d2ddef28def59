"""How sessions and commands end when something is still under way: nothing acknowledged is lost, nothing is hidden."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SLOW_STORE = """
import time
from wabucketref.store.sending.guarded import Guarded
put = Guarded.put
def slow(self, *args, **options):
    time.sleep({seconds})
    return put(self, *args, **options)
Guarded.put = slow
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source"
    path.mkdir()
    for number in range(3):
        (path / f"f{number}").write_text("x")
    return path


def run(script: str, tmp_path: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    path = tmp_path / "script.py"
    path.write_text(script)
    return _python([str(path)], environ)


def cli(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return _python(["-m", "wabucketref", "-p", "p", *arguments], environ)


def answer(*arguments: str) -> Any:
    return json.loads(cli(*arguments, "--json").stdout)


def _python(arguments: list[str], environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.getcwd(), **environ}
    return subprocess.run(
        [sys.executable, *arguments], env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def test_uploads_under_way_complete_when_the_interpreter_exits_without_close(source: Path, tmp_path: Path) -> None:
    script = (
        SLOW_STORE.format(seconds=0.1)
        + f"""
from wabucketref import WaBucketRefAPI
api = WaBucketRefAPI(project_name="p")
for number in range(6):
    api.upload({str(source)!r}, "n", "t", f"a{{number}}", wait=False)
"""
    )
    ended = run(script, tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert sorted(one["alias"] for one in answer("ls")["items"]) == [f"a{number}" for number in range(6)]
    assert [one["state"] for one in answer("runs")["items"]] == ["failed"]
    assert answer("sync") == {"items": []}


def test_a_transfer_that_outlives_close_is_recorded_by_sync(source: Path, tmp_path: Path) -> None:
    script = (
        SLOW_STORE.format(seconds=9)
        + f"""
import os, subprocess, sys, time
from wabucketref import WaBucketRefAPI
from wabucketref.errors import TimedOut
api = WaBucketRefAPI(project_name="p", settings={{"finish_timeout": 1}})
api.upload({str(source)!r}, "n", "t", "a", wait=False)
try:
    api.close()
except TimedOut:
    print("late")
sync = [sys.executable, "-m", "wabucketref", "sync", "--json"]
print(subprocess.run(sync, capture_output=True, text=True).stdout.count('"running"'))
"""
    )
    ended = run(script, tmp_path)
    assert ended.stdout.split() == ["late", "1"], ended.stderr
    assert [one["artifacts"] for one in answer("sync")["items"]] == [["t/n:a"]]
    assert [one["alias"] for one in answer("ls")["items"]] == ["a"]
    assert answer("sync") == {"items": []}


def test_a_warning_about_a_step_is_captured_too(tmp_path: Path) -> None:
    ended = run(
        """
import faulthandler
faulthandler.dump_traceback_later(20, exit=True)
from wabucketref import WaBucketRefAPI
with WaBucketRefAPI(project_name="p", settings={"console": "on"}) as api:
    run = api.wandb_start_run()
    run.log({"a": 1}, step=5)
    run.log({"a": 2}, step=3)
print("ended")
""",
        tmp_path,
    )
    assert (ended.returncode, ended.stdout) == (0, "ended\n"), ended.stderr
    assert "step 3 is behind" in ended.stderr


def test_sessions_of_one_run_id_add_up(tmp_path: Path) -> None:
    script = """
import sys
from wabucketref import WaBucketRefAPI
with WaBucketRefAPI(project_name="p") as api:
    run = api.wandb_start_run()
    for number in range(3):
        run.log({"x": int(sys.argv[1]) + number} if len(sys.argv) > 1 else {"x": number})
"""
    for _ in range(2):
        ended = run(script, tmp_path, WANDB_RUN_ID="abc")
        assert ended.returncode == 0, ended.stderr
    import sqlite3

    with sqlite3.connect(Path(os.environ["WABUCKET_HOME"]) / "catalog.sqlite") as catalog:
        assert catalog.execute("select count(*) from history").fetchone() == (6,)
    catalog.close()
    assert [one["state"] for one in answer("runs")["items"]] == ["finished"]


def test_close_says_that_tracking_is_pending(tmp_path: Path) -> None:
    ended = run(
        """
import os, sqlite3
from wabucketref import TrackingPending, WaBucketRefAPI
import wabucketref.trackers.embedded.tracker as embedded
make = embedded.EmbeddedTracker.__init__
embedded.EmbeddedTracker.__init__ = lambda self, url, **more: make(self, url, busy_seconds=0.2, **more)
api = WaBucketRefAPI(project_name="p")
run = api.wandb_start_run()
lock = sqlite3.connect(os.environ["WABUCKET_HOME"] + "/catalog.sqlite", isolation_level=None)
lock.execute("BEGIN IMMEDIATE")
run.log({"x": 1})
try:
    api.close()
except TrackingPending as error:
    print(error.exit_code)
lock.execute("ROLLBACK")
lock.close()
""",
        tmp_path,
    )
    assert ended.stdout == "8\n", ended.stderr
    assert [one["state"] for one in answer("sync")["items"]] == ["finished"]


def test_sync_tells_the_end_that_an_offline_session_had(source: Path, tmp_path: Path) -> None:
    script = f"""
from wabucketref import WaBucketRefAPI
with WaBucketRefAPI(project_name="p") as api:
    api.upload_artifact({str(source)!r}, "n", "t", "a")
"""
    assert run(script, tmp_path, WANDB_MODE="offline").returncode == 0
    [synced] = answer("sync")["items"]
    assert (synced["state"], synced["artifacts"]) == ("finished", ["t/n:a"])


def test_what_was_acknowledged_is_told_again_to_a_catalog_that_lost_it(source: Path, tmp_path: Path) -> None:
    script = f"""
import os, time
from wabucketref import WaBucketRefAPI, failpoints
api = WaBucketRefAPI(project_name="p")
run = api.wandb_start_run()
for number in range(4):
    run.log({{"x": number}})
    time.sleep(0.6)
failpoints.install(lambda name: os.kill(os.getpid(), 9) if name == "upload.header_answered" else None)
api.upload({str(source)!r}, "n", "t", "a")
"""
    assert run(script, tmp_path).returncode == -9
    for path in Path(os.environ["WABUCKET_HOME"]).glob("catalog.sqlite*"):
        path.unlink()
    assert cli("sync").returncode == 0
    assert [one["alias"] for one in answer("ls")["items"]] == ["a"]
    assert [one["summary"] for one in answer("runs")["items"]] == [{"x": 3}]


@pytest.mark.parametrize("where", ["resolve", "__init__"])
def test_sigterm_is_heard_wherever_the_program_is(where: str, source: Path, tmp_path: Path) -> None:
    assert cli("upload", str(source), "-n", "n", "-t", "t", "-a", "a").returncode == 0
    script = f"""
import os, signal, sys
from wabucketref.cli.main import main
from wabucketref.trackers.embedded.tracker import EmbeddedTracker
original = EmbeddedTracker.{where}
def terminated(self, *args, **options):
    os.kill(os.getpid(), signal.SIGTERM)
    return original(self, *args, **options)
EmbeddedTracker.{where} = terminated
sys.exit(main(["-p", "p", "download", "t/n:a", "-d", {str(tmp_path / "out")!r}]))
"""
    ended = run(script, tmp_path)
    assert (ended.returncode, ended.stdout) == (143, ""), ended.stderr
    assert not (tmp_path / "out").exists()


def test_rm_refuses_while_the_tracker_cannot_be_asked(source: Path) -> None:
    assert cli("upload", str(source), "-n", "n", "-t", "t", "-a", "a").returncode == 0
    catalog = Path(os.environ["WABUCKET_HOME"]) / "catalog.sqlite"
    good = catalog.read_bytes()
    for path in catalog.parent.glob("catalog.sqlite-*"):
        path.unlink()
    catalog.write_bytes(b"garbage" * 1000)
    refused = cli("rm", "t/n:a")
    assert refused.returncode not in (0, 2), refused.stderr
    catalog.write_bytes(good)
    assert cli("verify", "t/n:a").returncode == 0


def test_ctrl_c_does_not_wait_for_uploads_under_way(source: Path, tmp_path: Path) -> None:
    script = (
        SLOW_STORE.format(seconds=1)
        + f"""
import time
from wabucketref import WaBucketRefAPI
begun = time.monotonic()
try:
    with WaBucketRefAPI(project_name="p") as api:
        for number in range(30):
            api.upload({str(source)!r}, "n", "t", f"a{{number}}", wait=False)
        raise KeyboardInterrupt
except KeyboardInterrupt:
    print(time.monotonic() - begun < 10)
"""
    )
    ended = run(script, tmp_path)
    assert ended.stdout == "True\n", ended.stderr
    assert [one["state"] for one in answer("runs")["items"]] == ["killed"]


def test_an_old_overwrite_is_not_replayed_over_a_later_one(source: Path, tmp_path: Path) -> None:
    upload = ("upload", str(source), "-n", "n", "-t", "t", "-a", "a")
    assert cli(*upload).returncode == 0
    script = f"""
import os
from wabucketref import WaBucketRefAPI, failpoints
failpoints.install(lambda name: os.kill(os.getpid(), 9) if name == "upload.claimed" else None)
api = WaBucketRefAPI(project_name="p")
api.upload({str(source)!r}, "n", "t", "a", overwrite=True)
"""
    (source / "f0").write_text("old")
    assert run(script, tmp_path).returncode == -9
    (source / "f0").write_text("new")
    assert cli(*upload, "--overwrite").returncode == 0
    (source / "f0").write_text("old")
    assert cli("sync").returncode == 0
    assert cli("download", "t/n:a", "-d", str(tmp_path / "out")).returncode == 0
    assert (tmp_path / "out" / "f0").read_text() == "new"
