"""Log records of the program and its libraries as lines on stderr."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from wabucketref.cli.streams import Console

_NEVER: Final = logging.CRITICAL + 1


class _ConsoleHandler(logging.Handler):
    def __init__(self, console: Console, secrets: tuple[str, ...], verbose: bool) -> None:
        super().__init__()
        self._console = console
        self._secrets = secrets
        self._verbose = verbose

    def emit(self, record: logging.LogRecord) -> None:
        from wabucketref.model.redact import redact

        text = redact(record.getMessage(), self._secrets)
        if self._verbose:
            text = f"{record.name.removeprefix('wabucketref.')}: {text}"
        self._console.say(f"{record.levelname.lower()}: {text}")


@contextmanager
def logging_to(console: Console, level: str | None, secrets: tuple[str, ...], *, verbose: bool) -> Iterator[None]:
    """Inside the block our records of `level` and above are shown (None: none), without `secrets`.

    Warnings that libraries raise in Python go the same way, with `verbose` only: they never spoil a plain stderr.
    """
    handler = _ConsoleHandler(console, secrets, verbose)
    least = _NEVER if level is None else logging.getLevelNamesMapping()[level.upper()]
    logging.captureWarnings(True)
    try:
        with _handled("wabucketref", handler, least), _handled("py.warnings", handler, least if verbose else _NEVER):
            yield
    finally:
        logging.captureWarnings(False)


@contextmanager
def _handled(name: str, handler: logging.Handler, level: int) -> Iterator[None]:
    logger = logging.getLogger(name)
    before, propagated = logger.level, logger.propagate
    logger.addHandler(handler)
    logger.propagate = False
    logger.setLevel(level)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.propagate = propagated
        logger.setLevel(before)
