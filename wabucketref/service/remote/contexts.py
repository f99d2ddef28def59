"""The contexts of a service's clients: one for each set of settings and credentials, as long as it is of use."""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from wabucketref.service.remote.clients import Context, OpenContext
from wabucketref.service.wabucket_pb2 import Greeting

_KEPT: Final = 4
"""The last few used stay when nobody uses them: opening one takes a quarter of a second of a processor, and keeping
one for an S3 bucket some 14 MiB. With it go the results that nobody has fetched of runs that were left in it."""


@dataclass
class _Entry:
    """A context, from before it is opened."""

    users: int = 0
    opening: threading.Lock = field(default_factory=threading.Lock)
    """Not the lock that all calls take: who opens a context may wait for a database."""
    context: Context | None = None


class ClientContexts:
    """Thread-safe."""

    def __init__(self, open_context: OpenContext) -> None:
        self._open_context = open_context
        self._lock = threading.Lock()
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        """By fingerprint; those taken last come last."""

    def take(self, greeting: Greeting) -> Context:
        """That of the client's settings and variables, opened once for all who take it at the same time. Each gives it
        back by :meth:`give_back`.

        Raises:
            WaBucketError: it cannot be opened.
        """
        key = _fingerprint(greeting.settings_json, greeting.environ)
        with self._lock:
            entry = self._entries.setdefault(key, _Entry())
            entry.users += 1
            self._entries.move_to_end(key)
        try:
            with entry.opening:
                if entry.context is None:
                    entry.context = self._open_context(greeting.settings_json, dict(greeting.environ))
                return entry.context
        except BaseException:
            with self._lock:
                entry.users -= 1
                if not entry.users:
                    del self._entries[key]
            raise

    def give_back(self, context: Context) -> None:
        """Who took it needs it no more, save for runs of its that have not ended."""
        with self._lock:
            next(one for one in self._entries.values() if one.context is context).users -= 1

    def all(self) -> list[Context]:
        """Those that are open."""
        with self._lock:
            return [one.context for one in self._entries.values() if one.context is not None]

    def close_idle(self) -> None:
        """Close those that nobody uses and that have no run, but for the last few."""
        with self._lock:
            opened = [(key, one.context) for key, one in self._entries.items() if one.context and not one.users]
            idle = [(key, context) for key, context in opened if not context.service.busy]
            gone = idle[:-_KEPT]
            for key, _ in gone:
                del self._entries[key]
        for _, context in gone:
            context.close()


def _fingerprint(settings_json: str, environ: Mapping[str, str]) -> str:
    """Tells contexts apart without keeping their secrets a second time."""
    text = "\0".join([settings_json, *(f"{name}={value}" for name, value in sorted(environ.items()))])
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()
