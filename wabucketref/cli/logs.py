"""Log records of the program and its libraries as lines on stderr."""

import logging

from wabucketref.cli.streams import Console

_SHOWN_WHEN_VERBOSE = ("wabucketref", "py.warnings")


class _ConsoleHandler(logging.Handler):
    def __init__(self, console: Console, verbose: bool) -> None:
        super().__init__()
        self._console = console
        self._verbose = verbose

    def emit(self, record: logging.LogRecord) -> None:
        from wabucketref.model.redact import redact

        text = redact(record.getMessage())
        if self._verbose:
            text = f"{record.name.removeprefix('wabucketref.')}: {text}"
        self._console.say(f"{record.levelname.lower()}: {text}")


def start_logging(console: Console, *, verbose: bool, quiet: bool) -> None:
    """Warnings of ours are shown; with `verbose` everything, with `quiet` nothing. May be called again.

    Warnings that libraries raise in Python go the same way, so that they never spoil a quiet or plain stderr.
    """
    level = logging.DEBUG if verbose else logging.CRITICAL + 1 if quiet else logging.WARNING
    logging.captureWarnings(True)
    handler = _ConsoleHandler(console, verbose)
    for name in _SHOWN_WHEN_VERBOSE:
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.propagate = False
        logger.setLevel(level)
    if not verbose:
        logging.getLogger("py.warnings").setLevel(logging.CRITICAL + 1)
