"""Sides of a service to talk to: by calls in this process, and over sockets, the server in a thread."""

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import grpc.aio

from tests.unit.service.fakes import CREATED, KEY, Floor, MemoryPlane, MemoryTracker
from wabucketref.model.run import RunKey, RunUpdate
from wabucketref.service import convert
from wabucketref.service.client import InProcess, RunClient, Transport
from wabucketref.service.remote.calls import SERVER_OPTIONS
from wabucketref.service.remote.connection import Connection
from wabucketref.service.remote.host import Host
from wabucketref.service.remote.place import PROTOCOL, Place
from wabucketref.service.remote.server import Servicer
from wabucketref.service.service import Service
from wabucketref.service.wabucket_pb2 import Greeting, Welcome
from wabucketref.service.wabucket_pb2_grpc import add_WabucketServicer_to_server


class Side(Protocol):
    """A service over a memory tracker and plane, and a way to it."""

    floor: Floor

    def connect(self) -> Transport: ...

    def close(self) -> None: ...


class Here:
    """In process."""

    def __init__(self, directory: Path, tracker: MemoryTracker | None, plane: MemoryPlane) -> None:
        self.floor = Floor(directory, tracker, plane)

    def connect(self) -> Transport:
        return InProcess(self.floor.service)

    def close(self) -> None:
        self.floor.service.close()


@dataclass
class OneContext:
    """A context for every client alike."""

    service: Service
    finish_timeout: float = 10.0
    tracker_place: str = "memory"

    def close(self) -> None:
        self.service.close()


class Background:
    """Over its sockets. The server can be stopped and started again, as another instance or the same."""

    def __init__(self, directory: Path, tracker: MemoryTracker | None, plane: MemoryPlane) -> None:
        self.floor = Floor(directory, tracker, plane)
        self.place = Place(directory / "service", directory / "service" / "socket")
        self.place.make()
        self.host = Host(lambda settings, environ: OneContext(self.floor.service))
        self._open: list[Connection] = []
        self._count = 0
        self.start("instance")

    def start(self, instance: str) -> None:
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(instance)))
        self._thread.start()
        assert self._ready.wait(10)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)
        assert not self._thread.is_alive()

    def greeting(self) -> Greeting:
        self._count += 1
        return Greeting(client=f"client-{self._count}", version="1", protocol=PROTOCOL)

    def connect(self) -> Connection:
        self._open.append(Connection(self.place, self.greeting()))
        return self._open[-1]

    def close(self) -> None:
        for connection in self._open:
            connection.close()
        self.floor.service.close()
        self.stop()

    async def _serve(self, instance: str) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        server = grpc.aio.server(options=SERVER_OPTIONS)
        servicer = Servicer(self.host, Welcome(version="1", protocol=PROTOCOL, instance=instance), lambda now: None)
        add: Callable[..., Any] = add_WabucketServicer_to_server
        add(servicer, server)
        self.place.socket.unlink(missing_ok=True)
        await servicer.records.start(self.place.records)
        server.add_insecure_port(f"unix:{self.place.socket}")
        await server.start()
        self._ready.set()
        await self._stop.wait()
        await servicer.records.stop()
        await server.stop(0)
        servicer.close()


def client(transport: Transport, run_id: str = KEY.run_id) -> RunClient:
    """A client of a run that is not started yet."""
    return RunClient(transport, run_id)


def start(transport: Transport, run_id: str = KEY.run_id, *, single_operation: bool = False) -> RunClient:
    """A run that is started."""
    found = client(transport, run_id)
    update = RunUpdate(RunKey(KEY.entity, KEY.project, run_id), name="one", config={"lr": 0.1}, created=CREATED)
    found.start(convert.run_to_record(update, single_operation=single_operation), 10)
    return found
