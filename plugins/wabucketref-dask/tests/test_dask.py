"""The contract of executors, and transfers, on a cluster of real processes, some of which are killed."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from distributed import LocalCluster

from wabucketref.contracts.executor import Executor
from wabucketref.errors import SettingsError, TransientError
from wabucketref.settings import Settings
from wabucketref.testing import ExecutorConformance, round_trip
from wabucketref_dask import PLUGIN, DaskOptions


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    """Two workers, which are started again when they die, however long that takes."""
    import dask

    settings = {
        "distributed.scheduler.allowed-failures": 2,
        "distributed.deploy.lost-worker-timeout": "1 hour",
        "temporary-directory": str(tmp_path_factory.mktemp("dask")),
    }
    with (
        dask.config.set(settings),
        LocalCluster(n_workers=2, threads_per_worker=2, processes=True, dashboard_address="127.0.0.1:0") as cluster,
    ):
        yield cluster


def opened(cluster: LocalCluster) -> Executor:
    patience = 120  # workers that were killed are back when they are
    return PLUGIN.configured(DaskOptions(scheduler=cluster.scheduler_address, timeout=patience)).open(Settings())


@pytest.mark.filterwarnings("ignore")  # of Dask's, about the workers that we kill
class TestDask(ExecutorConformance):
    plugin = ("dask", PLUGIN)

    @pytest.fixture
    def open_executor(self, cluster: LocalCluster) -> Callable[[], Executor]:
        return lambda: opened(cluster)


def test_upload_and_download(cluster: LocalCluster, tmp_path: Path) -> None:
    """A bucket on the disk that the workers share."""
    options = ("--executor", "dask", "--dask-scheduler", cluster.scheduler_address)
    round_trip((tmp_path / "bucket").as_uri(), tmp_path, *options)


def wabucket(*arguments: str, work: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "wabucketref", "-p", "demo", "--executor", "dask", *arguments],
        cwd=work,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_killed_workers_are_survived(cluster: LocalCluster, tmp_path: Path) -> None:
    """Workers die while files are sent; each file is there once, and right."""
    source = tmp_path / "src"
    source.mkdir()
    for number in range(24):
        (source / f"file-{number}").write_bytes(os.urandom(1 << 16) * 48)
    bucket = tmp_path / "bucket"
    given = ("--dask-scheduler", cluster.scheduler_address, "--bucket", bucket.as_uri(), "--json")
    command = wabucket(*given, "upload", str(source), "-n", "a", "-t", "b", "-a", "c", work=tmp_path)
    stop = threading.Event()
    killer = threading.Thread(target=_kill_workers, args=(cluster, bucket / "b/a/c", stop))
    killer.start()
    out, err = command.communicate(timeout=200)
    stop.set()
    killer.join(30)
    assert command.returncode == 0, out + err
    artifact = json.loads(out)["artifact"]
    assert (artifact["files"], artifact["version"]) == (24, "v0")
    # A hidden file that a killed worker was writing may be left: no object, and `wabucket gc` takes it.
    stored = {path.name: path.read_bytes() for path in (bucket / "b/a/c").glob("[!.]*")}
    assert stored == {path.name: path.read_bytes() for path in source.iterdir()}
    check = wabucket(*given, "verify", "b/a:c", "--deep", work=tmp_path)
    out, err = check.communicate(timeout=200)
    assert check.returncode == 0, out + err


def _kill_workers(cluster: LocalCluster, place: Path, stop: threading.Event) -> None:
    """Two of them, one after the other, once the first files are there."""
    for files in (1, 8):
        while not stop.is_set() and len(list(place.glob("file-*"))) < files:
            time.sleep(0.005)
        pids = [worker.pid for worker in cluster.workers.values() if worker.pid]
        if pids and not stop.is_set():
            os.kill(pids[0], signal.SIGKILL)


def test_no_cluster_is_exit_2_before_anything_is_sent(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    given = ("--bucket", (tmp_path / "bucket").as_uri(), "upload", "file", "-n", "a", "-t", "b")
    command = wabucket(*given, work=tmp_path)
    _, err = command.communicate(timeout=200)
    assert (command.returncode, "no Dask cluster is named" in err) == (2, True), err
    with pytest.raises(ValueError, match="not both"):
        DaskOptions(scheduler="tcp://h:1", workers=2)


def test_a_cluster_whose_workers_are_gone(tmp_path: Path) -> None:
    with LocalCluster(n_workers=1, processes=False, dashboard_address="127.0.0.1:0") as cluster:
        executor = PLUGIN.configured(DaskOptions(scheduler=cluster.scheduler_address, timeout=1)).open(Settings())
        cluster.scale(0)
        with pytest.raises(TransientError, match="no workers any more"), closing(executor):
            executor.run(abs, -1, lambda: None)


def test_a_scheduler_that_does_not_answer() -> None:
    with pytest.raises(TransientError, match="does not answer"):
        PLUGIN.configured(DaskOptions(scheduler="tcp://127.0.0.1:9", timeout=1)).open(Settings())
    with pytest.raises(SettingsError, match="no address"):
        PLUGIN.configured(DaskOptions(scheduler="nonsense://x", timeout=1)).open(Settings())
