"""Tests often run as root, whom no permission refuses: here is how to be refused."""

import ctypes
import threading
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")
_VERSION = 0x20080522


def without_privileges(call: Callable[[], T]) -> T:
    """What `call` returns or raises in a thread that has given up every right of root's; threads it starts too.

    It owns its files still, so a mode of 0 means to it what it means to anybody else.
    """
    outcome: list[Callable[[], T]] = []

    def run() -> None:
        _give_up()
        try:
            result = call()
        except BaseException as error:
            outcome.append(_raising(error))
        else:
            outcome.append(lambda: result)

    thread = threading.Thread(target=run, name="without-privileges")
    thread.start()
    thread.join()
    return outcome[0]()


def _give_up() -> None:
    """Linux keeps capabilities by the thread."""
    library = ctypes.CDLL(None, use_errno=True)
    header, none = (ctypes.c_uint32 * 2)(_VERSION, 0), (ctypes.c_uint32 * 6)()
    assert library.capset(header, none) == 0, ctypes.get_errno()


def _raising(error: BaseException) -> Callable[[], Any]:
    def act() -> Any:
        raise error

    return act
