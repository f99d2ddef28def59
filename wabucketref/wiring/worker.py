"""What workers of an executor run: concrete objects of their own environment and settings, made once a process."""

import os
import threading
from functools import cache
from typing import TYPE_CHECKING

from wabucketref.contracts.storage import Storage
from wabucketref.registry import Registry, configured
from wabucketref.retry import RetryPolicy
from wabucketref.settings import Settings, load_settings
from wabucketref.store.engine.limits import Budget, Buffers, TransferLimits

if TYPE_CHECKING:  # few transfers have an executor
    from wabucketref.contracts.executor import Done, Executor, Piece
    from wabucketref.store.spread.sender import Spread
    from wabucketref.store.spread.worker import Hands


def carry_out(piece: "Piece") -> "Done":
    """Do one piece on this worker. Raises as ``Hands.carry_out``."""
    return _hands(os.getpid()).carry_out(piece)


def open_spread(settings: Settings, registry: Registry) -> "Spread":
    """The executor that the settings choose, for transfers.

    Raises:
        UsageError: there is none of this name, or its workers cannot do what they shall.
        TransientError: its workers cannot be reached.
    """
    from wabucketref.store.spread.sender import Spread

    factory = configured(settings.executor, registry.get(settings.executor), settings)
    executor: Executor = factory.open(settings)
    return Spread(executor, carry_out)


@cache
def _hands(pid: int) -> "Hands":
    from wabucketref.store.spread.worker import Hands
    from wabucketref.wiring import Storages, registries

    settings = load_settings()
    policy = RetryPolicy(deadline=settings.deadline)
    storages, lock = Storages(settings, dict(os.environ), policy, registries()["storage"]), threading.Lock()

    def open_storage(url: str) -> Storage:
        with lock:
            return storages(url)

    limits = TransferLimits(concurrency=settings.concurrency, memory=settings.memory)
    return Hands(open_storage, limits, policy, Budget(limits.memory), Buffers(limits.memory // 2))
