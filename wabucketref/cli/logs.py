"""Log records of the program and its libraries as lines on stderr."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from wabucketref.cli.streams import Console

_NEVER: Final = logging.CRITICAL + 1


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


@contextmanager
def logging_to(console: Console, *, verbose: bool, quiet: bool) -> Iterator[None]:
    """Inside the block our warnings are shown; with `verbose` everything, with `quiet` nothing.

    Warnings that libraries raise in Python go the same way (only with `verbose`), so that they never spoil a quiet or
    plain stderr.
    """
    level = logging.DEBUG if verbose else _NEVER if quiet else logging.WARNING
    handler = _ConsoleHandler(console, verbose)
    logging.captureWarnings(True)
    try:
        with _handled("wabucketref", handler, level), _handled("py.warnings", handler, level if verbose else _NEVER):
            yield
    finally:
        logging.captureWarnings(False)


@contextmanager
def _handled(name: str, handler: logging.Handler, level: int) -> Iterator[None]:
    logger = logging.getLogger(name)
    before = logger.level, logger.propagate
    logger.addHandler(handler)
    logger.propagate = False
    logger.setLevel(level)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before[0])
        logger.propagate = before[1]
