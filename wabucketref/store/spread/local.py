"""The executor of this process, which is the default: the thread that has a piece carries it out."""

from collections.abc import Callable
from typing import TypeVar

from wabucketref.contracts.executor import ExecutorCapabilities
from wabucketref.contracts.factories import API_VERSION
from wabucketref.settings import Settings

P = TypeVar("P")
R = TypeVar("R")


class LocalExecutor:
    """Implements Executor. Stateless."""

    capabilities = ExecutorCapabilities()

    def run(self, work: Callable[[P], R], piece: P, check: Callable[[], None]) -> R:
        check()
        return work(piece)

    def close(self) -> None:
        """Nothing to give back."""


class LocalFactory:
    """Implements contracts.executor.ExecutorFactory."""

    api_version = API_VERSION
    capabilities = LocalExecutor.capabilities

    def open(self, settings: Settings) -> LocalExecutor:
        return LocalExecutor()


FACTORY = LocalFactory()
