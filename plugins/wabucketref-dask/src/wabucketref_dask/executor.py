"""Pieces as tasks of Dask: one a file, each waited for by the thread that has the file."""

import contextlib
import itertools
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any, TypeVar

from distributed import Client, Future, LocalCluster
from distributed.client import FutureCancelledError
from distributed.scheduler import KilledWorker

from wabucketref import __version__
from wabucketref.errors import SettingsError, TransientError, UpgradeRequired, UsageError
from wabucketref_dask.plugin import CAPABILITIES, DaskOptions

P = TypeVar("P")
R = TypeVar("R")
_POLL_SECONDS = 0.5
_LOOK_SECONDS = 5.0
_AGAIN = "run the same command again; what is stored already is not sent twice"


class DaskExecutor:
    """Implements Executor."""

    capabilities = CAPABILITIES

    def __init__(self, options: DaskOptions) -> None:
        """Connects, and looks whether the workers can do what they shall.

        Raises:
            SettingsError: no cluster is named.
            TransientError: the scheduler does not answer.
            UsageError: the workers lack wabucketref, or have another release of it.
        """
        self._names = itertools.count()
        self._id = uuid.uuid4().hex[:12]
        self._closed = threading.Lock()
        self._cluster, self._client = _connected(options)
        self._workers = _Workers(self._client, options.timeout)
        try:
            _check_release(self._client)
        except BaseException:
            self.close()
            raise

    def run(self, work: Callable[[P], R], piece: P, check: Callable[[], None]) -> R:
        check()
        name = f"wabucket-{self._id}-{next(self._names)}"
        try:
            # Every task is one of its own: equal pieces must not share a result that was kept.
            future = self._client.submit(work, piece, key=name, pure=False)
        except Exception as error:
            raise _lost(error) from error
        try:
            result: R = self._waited(future, check)
            return result
        finally:
            with contextlib.suppress(Exception):  # the scheduler may be gone
                future.cancel()
                future.release()

    def _waited(self, future: "Future", check: Callable[[], None]) -> Any:
        ended = threading.Event()
        future.add_done_callback(lambda _: ended.set())
        while future.status == "pending":
            check()
            self._workers.check()
            ended.wait(_POLL_SECONDS)
        try:
            return future.result()
        except KilledWorker as error:
            raise TransientError("a file was given up, as several workers died that had it", hint=_AGAIN) from error
        except FutureCancelledError as error:
            raise _lost(error) from error

    def close(self) -> None:
        if not self._closed.acquire(blocking=False):
            return
        with contextlib.suppress(Exception):
            self._client.close(timeout=5)
        if self._cluster is not None:
            with contextlib.suppress(Exception):
                self._cluster.close(timeout=10)


class _Workers:
    """Whether there are any: without them Dask waits for ever. Asked now and then, by one of the threads."""

    def __init__(self, client: "Client", patience: float) -> None:
        self._client = client
        self._patience = patience
        self._lock = threading.Lock()
        self._seen = self._asked = time.monotonic()

    def check(self) -> None:
        """Raises TransientError when there has been no worker for too long."""
        now = time.monotonic()
        if now - self._asked < _LOOK_SECONDS or not self._lock.acquire(blocking=False):
            return
        try:
            self._asked = now
            if self._client.scheduler_info(n_workers=1)["n_workers"]:
                self._seen = now
            elif now - self._seen > self._patience:
                raise TransientError("the Dask cluster has no workers any more", hint=_AGAIN)
        finally:
            self._lock.release()


def _connected(options: DaskOptions) -> tuple["LocalCluster | None", "Client"]:
    import dask

    settings = {
        "distributed.scheduler.allowed-failures": options.retries,
        "distributed.deploy.lost-worker-timeout": "1 hour",  # it would give a worker up that takes long to come back
    }
    with dask.config.set(settings):
        if options.workers:
            cluster = LocalCluster(
                n_workers=options.workers, threads_per_worker=4, processes=True, dashboard_address="127.0.0.1:0"
            )
            return cluster, Client(cluster, timeout=options.timeout)
        address = options.scheduler or dask.config.get("scheduler-address", None)
        if not address:
            raise SettingsError(
                "no Dask cluster is named", hint="give --dask-scheduler ADDRESS, or --dask-workers N for this machine"
            )
        try:
            return None, Client(address, timeout=options.timeout)
        except ValueError as error:
            raise SettingsError(
                f"the scheduler {address!r} is no address: {error}", hint="write tcp://HOST:PORT"
            ) from error
        except OSError as error:
            raise TransientError(
                f"the Dask scheduler {address} does not answer: {error}", hint="check the address, then try again"
            ) from error


def _check_release(client: "Client") -> None:
    try:
        client.wait_for_workers(1, timeout=client._timeout)
        found = client.run(_release)
    except TimeoutError as error:
        raise TransientError("the Dask cluster has no workers", hint="start some, then try again") from error
    except ImportError as error:
        raise UsageError(
            f"workers of the Dask cluster lack a package: {error}",
            hint=f"pip install wabucketref=={__version__} wabucketref-dask on every worker",
        ) from error
    other = {worker: version for worker, version in found.items() if version != __version__}
    if other:
        worker, version = next(iter(other.items()))
        raise UpgradeRequired(
            f"the worker {worker} has wabucketref {version}, this is {__version__}", hint="use one release on all"
        )


def _release() -> str:
    """Runs on a worker."""
    from wabucketref import __version__ as here

    return here


def _lost(error: BaseException) -> TransientError:
    return TransientError(f"the Dask cluster was lost: {type(error).__name__}: {error}", hint=_AGAIN)
