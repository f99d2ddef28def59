"""Finds out by trying what a store does with conditions; some accept them and overwrite.

The trial writes one small object under a random key below ``.wabucket-probe/`` and removes it again. What was found is
kept a month for each bucket, so that not every command pays for it.
"""

import json
import logging
import os
import secrets
import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from wabucketref.contracts.storage import Capabilities, Storage
from wabucketref.errors import (
    Conflict,
    NotAuthorised,
    OutcomeUnknown,
    SettingsError,
    Unsupported,
    UsageError,
    WaBucketError,
)
from wabucketref.failpoints import hit
from wabucketref.retry import RetryPolicy, retry
from wabucketref.store.wrappers.declared import Declared
from wabucketref.store.wrappers.wrapper import Wrapper

PREFIX = ".wabucket-probe/"
MAX_AGE = 30 * 86400.0
_FORMAT = 1
_ONCE = RetryPolicy(attempts=1)
_log = logging.getLogger(__name__)


def probe_conditional(storage: Storage, policy: RetryPolicy = _ONCE) -> Capabilities:
    """The storage's capabilities, with those about conditions as they proved to be.

    A trial whose outcome is unknown is made again by `policy`, under another key. What trials left is removed at the
    end, and no more of it once the store does not even answer that.

    Raises:
        WaBucketError: the store could not be asked (NotFound: no such bucket; NotAuthorised; TransientError).
    """
    if not storage.capabilities.create_if_absent:
        return replace(storage.capabilities, replace_if_match=False)
    made: list[str] = []
    try:
        return retry(lambda: _tried(storage, made), policy, what=f"probing {storage.url}", may_repeat=_may_repeat)
    finally:
        _remove(storage, made)


def _may_repeat(error: WaBucketError) -> bool:
    # All other failures were tried again by the floor below.
    return isinstance(error, OutcomeUnknown) and not error.exhausted


def _tried(storage: Storage, made: list[str]) -> Capabilities:
    """One trial; the key of what it made, or may have made, is added to `made`."""
    claimed, key = storage.capabilities, f"{PREFIX}{secrets.token_hex(12)}"
    if not _takes_the_condition(storage, key, made):
        return replace(claimed, create_if_absent=False, replace_if_match=False)
    hit("probe.tried")
    creates = _refused(lambda: storage.put(key, b"second", if_absent=True)) and _holds(storage, key, b"first")
    replaces = creates and claimed.replace_if_match and _replaces_only(storage, key)
    return replace(claimed, create_if_absent=creates, replace_if_match=replaces)


def _takes_the_condition(storage: Storage, key: str, made: list[str]) -> bool:
    """Make the object; False when the store refuses the condition itself."""
    try:
        storage.put(key, b"first", if_absent=True)
    except SettingsError:
        raise  # another region, say: that tells nothing of the store
    except (Unsupported, UsageError):
        return False
    except OutcomeUnknown:
        made.append(key)
        raise
    made.append(key)
    return True


def _replaces_only(storage: Storage, key: str) -> bool:
    """Whether a write on the condition of an etag works with the right one, and not with another; so for removal."""
    old = storage.read(key, limit=64)[1].etag
    if old is None:
        return False
    try:
        storage.put(key, b"third", if_match=old)
    except (Unsupported, UsageError, Conflict):
        return False
    return (
        _refused(lambda: storage.put(key, b"fourth", if_match=old))
        and _refused(lambda: storage.delete(key, if_match=old))
        and _holds(storage, key, b"third")
    )


def _refused(write: Callable[[], object]) -> bool:
    try:
        write()
    except (Conflict, Unsupported, UsageError):
        return True
    return False


def _holds(storage: Storage, key: str, data: bytes) -> bool:
    return storage.head(key) is not None and storage.read(key, limit=64)[0] == data


def _remove(storage: Storage, keys: Iterable[str]) -> None:
    try:
        for key in keys:
            storage.delete(key)
    except WaBucketError as error:
        _log.info("probe objects may be left behind in %s/%s: %s", storage.url, PREFIX, error)


class ProbeCache:
    """What was found, one small file a bucket in `directory`. A file that cannot be used counts as none."""

    def __init__(self, directory: Path, *, max_age: float = MAX_AGE, now: Callable[[], float] = time.time) -> None:
        self._directory = directory
        self._max_age = max_age
        self._now = now

    def get(self, identity: str) -> tuple[bool, bool] | None:
        """(create_if_absent, replace_if_match) of the bucket, None when unknown or too old."""
        try:
            found = json.loads(self._file(identity).read_bytes())
            if found["format"] != _FORMAT or found["identity"] != identity:
                return None
            if not 0 <= self._now() - float(found["time"]) <= self._max_age:
                return None
            return bool(found["create_if_absent"]), bool(found["replace_if_match"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def put(self, identity: str, capabilities: Capabilities) -> None:
        """Remember; where that is impossible (a read-only home) the next process probes again."""
        document = {
            "format": _FORMAT,
            "identity": identity,
            "time": self._now(),
            "create_if_absent": capabilities.create_if_absent,
            "replace_if_match": capabilities.replace_if_match,
        }
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            self._write(self._file(identity), json.dumps(document).encode())
        except OSError as error:
            _log.info("what the bucket can do is not remembered: %s", error)

    def forget(self, identity: str) -> None:
        """Drop what is known of the bucket."""
        with suppress(OSError):
            self._file(identity).unlink()

    def _write(self, path: Path, data: bytes) -> None:
        fd, temporary = tempfile.mkstemp(dir=self._directory)
        try:
            with os.fdopen(fd, "wb") as file:
                file.write(data)
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise

    def _file(self, identity: str) -> Path:
        return self._directory / f"{sha256(identity.encode()).hexdigest()[:32]}.json"


class Probed(Declared):
    """Declares what a probe found; asks the cache, else the store, when its capabilities are first looked at."""

    def __init__(
        self, inner: Storage, cache: ProbeCache | None, identity: str, policy: RetryPolicy | None = None
    ) -> None:
        super().__init__(inner, inner.capabilities)
        self._policy = policy or RetryPolicy()
        self._cache = cache
        self._identity = identity
        self._found = False
        self._probing = threading.Lock()

    @property
    def capabilities(self) -> Capabilities:
        if not self._found:
            with self._probing:
                if not self._found:
                    self._capabilities = self._find()
                    self._found = True
        return self._capabilities

    def _find(self) -> Capabilities:
        known = self._cache.get(self._identity) if self._cache else None
        if known is not None:
            return replace(self.inner.capabilities, create_if_absent=known[0], replace_if_match=known[1])
        try:
            found = probe_conditional(self.inner, self._policy)
        except NotAuthorised as error:
            # Nothing can be written here, so nothing depends on the answer; not kept, as rights may change.
            _log.info("what %s does with conditions was not probed: %s", self.url, error)
            return replace(self.inner.capabilities, create_if_absent=False, replace_if_match=False)
        if not found.create_if_absent:
            _log.warning("the store behind %s has no conditional put: claims guard against other writers", self.url)
        if self._cache:
            self._cache.put(self._identity, found)
        return found


def settle(
    storage: Storage, cache_directory: Path | None, *, identity: str | None = None, policy: RetryPolicy | None = None
) -> Storage:
    """`storage` with capabilities that are proven: probed on first use, or known (local, memory, none claimed).

    `identity` tells buckets apart in the cache; by default the storage's own ``identity`` (which has the endpoint, as
    one URL may mean another bucket elsewhere), else its URL.
    """
    if getattr(_innermost(storage), "proven", False) or not storage.capabilities.create_if_absent:
        return storage
    cache = ProbeCache(cache_directory) if cache_directory is not None else None
    return Probed(storage, cache, identity or _identity(storage), policy)


def _identity(storage: Storage) -> str:
    return str(getattr(_innermost(storage), "identity", storage.url))


def _innermost(storage: Storage) -> object:
    while isinstance(storage, Wrapper):
        storage = storage.inner
    return storage
