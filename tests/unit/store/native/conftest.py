"""A stage for tests of connections."""

import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from tests.unit.store.native.stage import Play, Stage


@pytest.fixture
def stage() -> Iterator[Callable[[Play], Stage]]:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def make(play: Play) -> Stage:
            made = Stage(play, listening.getsockname()[1])
            threading.Thread(target=made.serve, args=(listening,), daemon=True).start()
            return made

        yield make
        listening.shutdown(socket.SHUT_RDWR)
