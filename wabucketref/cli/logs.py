"""Log records of the program and its libraries as lines on stderr."""

import json
import logging
import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from io import TextIOWrapper
from pathlib import Path
from typing import Final

from wabucketref.cli.streams import Console

_NEVER: Final = logging.CRITICAL + 1
_FILE_BYTES: Final = 5 << 20
_FILES: Final = 3


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
            if record.exc_info:
                trace = logging.Formatter().formatException(record.exc_info)
                text = f"{text}\n{redact(trace, self._secrets)}"
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
def logging_to_file(path: Path, level: str, secrets: Collection[str]) -> Iterator[None]:
    """Inside the block our records of `level` and above go to `path`, which is rotated, as ``key=value`` lines.

    `secrets` may grow meanwhile: those of clients are known once they come.
    """
    from logging.handlers import RotatingFileHandler

    class Private(RotatingFileHandler):
        """Its files are this user's alone."""

        def _open(self) -> TextIOWrapper:
            return open(
                self.baseFilename, "a", encoding="utf-8", opener=lambda name, flags: os.open(name, flags, 0o600)
            )

    handler = Private(path, maxBytes=_FILE_BYTES, backupCount=_FILES, encoding="utf-8", delay=True)
    handler.setFormatter(_KeyValue(secrets))
    with _handled("wabucketref", handler, logging.getLevelNamesMapping()[level.upper()]):
        try:
            yield
        finally:
            handler.close()


class _KeyValue(logging.Formatter):
    """One record a line, for people and for programs that split lines."""

    def __init__(self, secrets: Collection[str]) -> None:
        super().__init__()
        self._secrets = secrets

    def format(self, record: logging.LogRecord) -> str:
        from wabucketref.model.redact import redact

        text = record.getMessage()
        if record.exc_info:
            text = f"{text}\n{self.formatException(record.exc_info)}"
        fields = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name.removeprefix("wabucketref."),
            "thread": record.threadName or "",
            "message": redact(text, tuple(self._secrets)),
        }
        return " ".join(f"{name}={_quoted(value)}" for name, value in fields.items())


def _quoted(value: str) -> str:
    plain = value.isascii() and value.replace(".", "").replace(":", "").replace("-", "").replace("_", "").isalnum()
    return value if plain else json.dumps(value)


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
