"""Between a client and a PostgreSQL server: answers get lost, or nothing gets through, on request."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

_COMMIT: Final = b"COMMIT\x00"
_PIECE: Final = 1 << 16


class Wire:
    """A relay on a port of its own. Thread-safe."""

    def __init__(self, target: tuple[str, int]) -> None:
        self.commits = 0
        """That clients have asked for."""
        self.lose: frozenset[int] = frozenset()
        """Which of them (from 1) are carried out and never answered: the connection ends instead."""
        self.lost = 0
        self.silent = threading.Event()
        """While set, no answer comes, and no connection ends."""
        self._target = target
        self._lock = threading.Lock()
        self._open: list[socket.socket] = []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._threads = [self._thread(self._accept)]

    @property
    def port(self) -> int:
        return int(self._listening.getsockname()[1])

    def close(self) -> None:
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        with self._lock:
            ends = list(self._open)
        for end in ends:
            _hang_up(end)
        for thread in self._threads:
            thread.join(10)
        for end in ends:
            end.close()

    def _thread(self, target: object, *arguments: object) -> threading.Thread:
        made = threading.Thread(target=target, args=arguments, daemon=True)  # type: ignore[arg-type]
        made.start()
        return made

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(self._target, 10)
            except OSError:
                client.close()
                continue
            server.settimeout(None)
            ends = threading.Event()
            with self._lock:
                self._open += [client, server]
                self._threads += [
                    self._thread(self._ask, client, server, ends),
                    self._thread(self._answer, client, server, ends),
                ]

    def _ask(self, client: socket.socket, server: socket.socket, ends: threading.Event) -> None:
        with suppress(OSError):
            while piece := client.recv(_PIECE):
                if _COMMIT in piece:
                    with self._lock:
                        self.commits += 1
                        if self.commits in self.lose:
                            ends.set()
                server.sendall(piece)
        _hang_up(server)

    def _answer(self, client: socket.socket, server: socket.socket, ends: threading.Event) -> None:
        with suppress(OSError):
            while piece := server.recv(_PIECE):
                if ends.is_set():
                    with self._lock:
                        self.lost += 1
                    break
                while self.silent.is_set():
                    threading.Event().wait(0.01)
                client.sendall(piece)
        _hang_up(client)


@contextmanager
def wire(target: tuple[str, int]) -> Iterator[Wire]:
    """A relay to `target` until the block ends."""
    made = Wire(target)
    try:
        yield made
    finally:
        made.silent.clear()
        made.close()


def _hang_up(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
