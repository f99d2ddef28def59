"""Real servers for the tests of plugins: each on a free loopback port, in a process of its own, killed at the end."""

import os
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest


def require(path: str | None, what: str, fix: str) -> str:
    """`path`, if it is there. Without it a test is skipped on a laptop, and fails in CI."""
    if path and Path(path).exists():
        return path
    said = f"needs {what}: {fix}"
    if os.environ.get("CI"):
        pytest.fail(said, pytrace=False)
    pytest.skip(said)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(command: Sequence[str], port: int, directory: Path, seconds: float = 60) -> Iterator[None]:
    """The process of `command`, once it accepts on `port`."""
    directory.mkdir(parents=True, exist_ok=True)
    log = directory / "server.log"
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=directory)
    try:
        end = time.monotonic() + seconds
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                assert process.poll() is None, log.read_text(errors="replace")[-2000:]
                assert time.monotonic() < end, "the server does not accept"
                time.sleep(0.05)
        yield
    finally:
        process.kill()
        process.wait(10)
