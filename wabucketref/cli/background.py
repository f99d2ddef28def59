"""The process of the background service: ``python -m wabucketref.cli.background``.

Reads its settings from standard input, tells in one line of JSON on standard output that it accepts or why it does
not, and then holds neither. It is started by ``wabucket service start``.
"""

import json
import os
import sys
from collections.abc import Callable

from wabucketref.cli.logs import logging_to_file
from wabucketref.errors import WaBucketError
from wabucketref.service.remote.launch import report_error
from wabucketref.service.remote.place import Place
from wabucketref.service.wabucket_pb2 import Welcome
from wabucketref.settings import Settings

Ready = Callable[[Welcome], None]


def main() -> int:
    """Serve until the service ends; the exit code."""
    try:
        settings = Settings.of_shared(sys.stdin.read())
        _let_go(0)
        serve(settings, _tell)
    except WaBucketError as error:
        print(report_error(error), flush=True)  # noqa: T201
        return error.exit_code
    return 0


def serve(settings: Settings, ready: Ready) -> None:
    """Be the service of the settings' home; returns when it has ended.

    Raises:
        Conflict: another one runs.
        LocalIOError: its socket or log cannot be made.
    """
    from wabucketref.wiring.background import make_daemon

    place = Place.of(settings.home)
    place.make()
    secrets = set(settings.secrets())
    with logging_to_file(place.log, settings.log, secrets):
        make_daemon(settings, secrets).run(ready)


def _tell(welcome: Welcome) -> None:
    print(json.dumps({"pid": welcome.pid, "version": welcome.version}), flush=True)  # noqa: T201
    _let_go(1)


def _let_go(descriptor: int) -> None:
    """Whoever waits for the end of this stream need not wait for ours."""
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, descriptor)
    os.close(null)


if __name__ == "__main__":
    sys.exit(main())
