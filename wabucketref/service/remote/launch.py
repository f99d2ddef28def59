"""Starting the background service as a process of its own, and stopping it."""

import contextlib
import fcntl
import json
import os
import select
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

from wabucketref.errors import LocalIOError, TimedOut, WaBucketError
from wabucketref.service import failures
from wabucketref.service.remote.calls import look
from wabucketref.service.remote.place import Place
from wabucketref.service.wabucket_pb2 import Envelope, Error, Request, Shutdown

T = TypeVar("T")

START_SECONDS: Final = 30.0
_TICK: Final = 0.05


def start(place: Place, command: Sequence[str], payload: str, environ: Mapping[str, str]) -> Mapping[str, Any]:
    """Start `command`, which reads `payload` from stdin and tells on stdout, in one line of JSON, that it accepts or
    why it does not; what it told. It lives on in a session of its own and holds no descriptor of ours.

    Raises:
        WaBucketError: what it told.
        LocalIOError: it could not be started, or ended without a word.
        TimedOut: it says nothing.
    """
    place.make()
    log = os.open(place.last_words, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        process = subprocess.Popen(  # noqa: S603
            list(command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            cwd="/",
            env=dict(environ),
            start_new_session=True,
        )
    except OSError as error:
        raise LocalIOError(f"the service cannot be started: {error.strerror}", hint="try again") from error
    finally:
        os.close(log)
    try:
        return _told(process, payload, place.log)
    finally:
        process.returncode = process.poll() or 0  # it is not ours to wait for, and no warning is due


def _told(process: subprocess.Popen[bytes], payload: str, log: Path) -> Mapping[str, Any]:
    assert process.stdin is not None
    assert process.stdout is not None
    with process.stdout as answers:
        with contextlib.suppress(BrokenPipeError), process.stdin as orders:
            orders.write(payload.encode())
        if not select.select([answers], [], [], START_SECONDS)[0]:
            process.kill()
            raise TimedOut(f"the service does not start within {START_SECONDS:.0f} s", hint=f"see {log}")
        line = answers.readline()
    if not line:
        raise LocalIOError("the service ended before it accepted", hint=f"see {log}")
    found: Mapping[str, Any] = json.loads(line)
    if "error" in found:
        raise failures.from_message(Error(**found["error"]))
    return found


def wait_for(look: Callable[[], T | None], otherwise: str) -> T:
    """What `look` finds, within the time that a start may take.

    Raises:
        TimedOut: nothing; `otherwise` says so.
    """
    end = time.monotonic() + START_SECONDS
    while (found := look()) is None:
        if time.monotonic() >= end:
            raise TimedOut(otherwise, hint="see `wabucket service status`, then try again")
        time.sleep(_TICK)
    return found


def report_error(error: WaBucketError) -> str:
    """The line that tells :func:`start` of a failure."""
    told = failures.to_message(error)
    fields = ("exit_code", "kind", "message", "hint", "retryable")
    return json.dumps({"error": {name: getattr(told, name) for name in fields}})


def stop(place: Place, version: str, *, now: bool, timeout: float) -> bool:
    """Ask the service to end, `now` or once all runs have ended, and wait; whether one was running.

    Raises:
        TimedOut: it has not ended within `timeout` seconds; it goes on ending.
    """
    found = look(place, version, any_version=True)
    if found is None:
        return False
    _, ask, close = found
    try:
        ask(Envelope(request=Request(shutdown=Shutdown(now=now))))
    finally:
        close()
    end = time.monotonic() + timeout
    while is_held(place):
        if time.monotonic() >= end:
            raise TimedOut(
                f"the service has not ended within {timeout:.0f} s; it ends once its runs have",
                hint="`wabucket service status` shows what it waits for; `wabucket service stop --now` does not wait",
            )
        time.sleep(_TICK)
    return True


def is_held(place: Place) -> bool:
    """Whether a service holds the home's lock: it runs, starts or ends."""
    try:
        descriptor = os.open(place.lock, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
