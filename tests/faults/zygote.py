"""Runs command lines in forked children of a process that has everything imported already.

A crash test needs hundreds of processes; each costs a fork instead of a start-up. Orders come as JSON lines on stdin,
``{"id", "call", "argv", "env", "cwd", "out", "err"}``, where "call" names a function from argv to the exit code.
Answers go as JSON lines to stdout: ``{"id", "pid"}`` when the child is made, ``{"id", "code"}`` when it has ended
(negative: by that signal). Arguments name further modules to import first.
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
    "rich.progress",
    "alembic.command",
    "wabucketref.cli.main",
    "wabucketref.wiring",
    "wabucketref.api",
    "wabucketref.store.drivers.local",
    "wabucketref.store.drivers.s3",
    "wabucketref.store.drivers.probe",
    "wabucketref.store.drivers.trials",
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
SCRIPT = "script"
"""What is called to run a text as a program."""


def main() -> str | None:
    """Until there are no more orders; in the child that is to run a script, the script."""
    for name in (*PRELOADED, *sys.argv[1:]):
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
                return None
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                order = json.loads(line)
                pid = _start(order)
                if pid == 0:
                    return str(order["argv"][0])
                children[pid] = order["id"]
                _answer({"id": order["id"], "pid": pid})
        for pid in list(children):
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                _answer({"id": children.pop(pid), "code": os.waitstatus_to_exitcode(status)})


def _answer(message: dict[str, Any]) -> None:
    os.write(1, json.dumps(message).encode() + b"\n")


def _start(order: dict[str, Any]) -> int:
    """The process; 0 in that of a script, which goes on as a program of its own."""
    script = order["call"] == SCRIPT
    if script:
        importlib.import_module("wandb")
    pid = os.fork()
    if pid:
        return pid
    if script:
        _settle_in(order)
        return 0
    code = 70
    try:
        code = _run(order)
    finally:
        os._exit(code)


def _settle_in(order: dict[str, Any]) -> None:
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


def _run(order: dict[str, Any]) -> int:
    try:
        _settle_in(order)
        module, _, name = order["call"].partition(":")
        function = getattr(importlib.import_module(module), name)
    except KeyboardInterrupt:
        return 130  # as of any program that Ctrl-C ends while it loads
    code: int = function(order["argv"])
    sys.stdout.flush()
    sys.stderr.flush()
    return code


if __name__ == "__main__":
    text = main()
    if text is not None:  # here and not in a function, so that it ends as any program does
        exec(compile(text, "<script>", "exec"), {"__name__": "__main__"})
