"""The executor of this process keeps the contract; transfers go through an executor of real processes."""

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any

import pytest

from wabucketref.contracts.executor import Executor, ExecutorCapabilities
from wabucketref.errors import TransientError
from wabucketref.store.spread.local import FACTORY, LocalExecutor
from wabucketref.testing.executor import ExecutorConformance


class TestLocal(ExecutorConformance):
    plugin = ("local", FACTORY)

    @pytest.fixture
    def open_executor(self) -> Callable[[], Executor]:
        return LocalExecutor


class Processes:
    """A pool of processes, made anew when one dies: an executor with capabilities other than the local one's."""

    capabilities = ExecutorCapabilities(remote=True)

    def __init__(self) -> None:
        self._pool = self._made()

    def run(self, work: Callable[[Any], Any], piece: Any, check: Callable[[], None]) -> Any:
        check()
        try:
            return self._pool.submit(work, piece).result()
        except BrokenProcessPool as error:
            self._pool = self._made()
            raise TransientError("a worker died", hint="try again") from error

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)

    @staticmethod
    def _made() -> ProcessPoolExecutor:
        return ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn"))


class TestProcesses(ExecutorConformance):
    @pytest.fixture
    def open_executor(self) -> Callable[[], Executor]:
        return Processes
