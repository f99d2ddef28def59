"""Runs command lines in forked children of a process that has everything imported already.

A crash test needs hundreds of processes; each costs a fork instead of a start-up. Orders come as JSON lines on stdin,
``{"id", "call", "argv", "env", "cwd", "out", "err"}``, where "call" names a function from argv to the exit code.
Answers go as JSON lines to stdout: ``{"id", "pid"}`` when the child is made, ``{"id", "code"}`` when it has ended
(negative: by that signal).
"""

import importlib
import json
import os
import pkgutil
import select
import signal
import sys
from typing import Any

from tests.faults.warm import warm_s3

PRELOADED = (
    "s3fs",
    "gcsfs",
    "obstore",
    "rich.progress",
    "alembic.command",
    "wabucketref.cli.main",
    "wabucketref.wiring",
    "wabucketref.api",
    "wabucketref.store.drivers.local",
    "wabucketref.store.drivers.s3",
    "wabucketref.store.drivers.probe",
    "wabucketref.trackers.embedded.factory",
    "wabucketref.trackers.embedded.tracker",
    "tests.faults.points",
    "tests.faults.sessions",
)
PRELOADED_WHOLE = (
    "wabucketref.ci.contexts",
    "wabucketref.ci.outputs",
    "wabucketref.cli",
    "wabucketref.cli.commands",
    "wabucketref.cli.render",
    "wabucketref.operations",
    "wabucketref.store.wrappers",
)
"""All modules in these."""


def main() -> None:
    for name in PRELOADED:
        importlib.import_module(name)
    for package in PRELOADED_WHOLE:
        for module in pkgutil.iter_modules(importlib.import_module(package).__path__, f"{package}."):
            importlib.import_module(module.name)
    warm_s3()
    children: dict[int, Any] = {}
    rest = b""
    while True:
        if select.select([0], [], [], 0.005 if children else None)[0]:
            data = os.read(0, 1 << 16)
            if not data:
                return
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                order = json.loads(line)
                pid = _start(order)
                children[pid] = order["id"]
                _answer({"id": order["id"], "pid": pid})
        for pid in list(children):
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                _answer({"id": children.pop(pid), "code": os.waitstatus_to_exitcode(status)})


def _answer(message: dict[str, Any]) -> None:
    os.write(1, json.dumps(message).encode() + b"\n")


def _start(order: dict[str, Any]) -> int:
    pid = os.fork()
    if pid:
        return pid
    code = 70
    try:
        code = _run(order)
    finally:
        os._exit(code)


def _run(order: dict[str, Any]) -> int:
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    for number, name in ((1, "out"), (2, "err")):
        descriptor = os.open(order[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(descriptor, number)
    os.environ.clear()
    os.environ.update(order["env"])
    os.chdir(order["cwd"])
    sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115
    signal.signal(signal.SIGINT, signal.default_int_handler)
    module, _, function = order["call"].partition(":")
    code: int = getattr(importlib.import_module(module), function)(order["argv"])
    sys.stdout.flush()
    sys.stderr.flush()
    return code


if __name__ == "__main__":
    main()
