"""What a store really does with conditions: found by trying (``trials.py``), or known from an earlier process.

What was found is kept a month for each bucket, so that not every command pays for it.
"""

import json
import logging
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Final, TypeAlias

from wabucketref.contracts.storage import Capabilities, Storage
from wabucketref.errors import LocalIOError, NotAuthorised, WaBucketError
from wabucketref.retry import RetryPolicy
from wabucketref.store.wrappers.declared import Declared
from wabucketref.store.wrappers.wrapper import Wrapper, innermost
from wabucketref.threads import start

MAX_AGE: Final = 30 * 86400.0
PATIENCE: Final = 2.0
"""Seconds that closing waits for trial objects to be removed: a store that is silent shall not hold up the end."""
Found: TypeAlias = Mapping[str, bool]
"""By the name of a trial, whether the store does what it is about."""
COPY: Final = "-copy"
"""What the key of a copy has more than that of its object, in a trial of copies."""
_FORMAT: Final = 2
_CONDITIONS: Final = ("creates", "replaces", "removes")
_ONCE: Final = RetryPolicy(attempts=1)
_log = logging.getLogger(__name__)


def probe_conditional(storage: Storage, policy: RetryPolicy = _ONCE) -> Capabilities:
    """The storage's capabilities, with those about conditions as they prove to be; nothing is left behind.

    Raises:
        WaBucketError: as ``trials.find_out``.
    """
    if not storage.capabilities.create_if_absent:
        return replace(storage.capabilities, replace_if_match=False)
    from wabucketref.store.drivers.trials import find_out, remove

    made: list[str] = []
    try:
        return _proven(storage.capabilities, find_out(storage, policy, made))
    finally:
        remove(storage, made)


def _proven(claimed: Capabilities, found: Found) -> Capabilities:
    """What a store that claims so much can do after all."""
    creates = found["creates"]
    replaces = creates and claimed.replace_if_match and found["replaces"] and found["removes"]
    return replace(claimed, create_if_absent=creates, replace_if_match=replaces)


class ProbeCache:
    """What was found, one small file a bucket in `directory`. A file that cannot be used counts as none."""

    def __init__(self, directory: Path, *, max_age: float = MAX_AGE, now: Callable[[], float] = time.time) -> None:
        self._directory = directory
        self._max_age = max_age
        self._now = now

    def get(self, identity: str, names: Iterable[str]) -> Found | None:
        """What is known of the bucket by these `names`; None when one is unknown, or too old."""
        try:
            note = json.loads(self._file(identity).read_bytes())
            if note["format"] != _FORMAT or note["identity"] != identity:
                return None
            if not 0 <= self._now() - float(note["time"]) <= self._max_age:
                return None
            return {name: bool(note["found"][name]) for name in names}
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def put(self, identity: str, found: Found) -> None:
        """Remember; where that is impossible (a read-only home) the next process probes again."""
        note = {"format": _FORMAT, "identity": identity, "time": self._now(), "found": dict(found)}
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            self._write(self._file(identity), json.dumps(note).encode())
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
    """Declares what a probe found; asks the cache, else the store, when its capabilities are first looked at, or ahead
    of that (:meth:`begin`)."""

    def __init__(
        self, inner: Storage, cache: ProbeCache | None, identity: str, policy: RetryPolicy | None = None
    ) -> None:
        super().__init__(inner, inner.capabilities)
        self._policy = policy or RetryPolicy()
        self._cache = cache
        self._identity = identity
        self._found = False
        self._failed: WaBucketError | None = None
        """Why nothing was found ahead of time; for the first who asks."""
        self._probing = threading.Lock()
        self._ahead: list[threading.Thread] = []
        self._copies = False
        """Whether copies were looked into."""
        self._copying = threading.Lock()

    @property
    def capabilities(self) -> Capabilities:
        if not self._found:
            made: list[str] = []
            try:
                with self._probing:
                    failed, self._failed = self._failed, None
                    if failed is not None:
                        raise failed
                    self._settle(made)
            finally:
                self._remove(made)
        return self._capabilities

    @property
    def unproven(self) -> Capabilities:
        return self._claimed

    def begin(self, *, copies: bool = False) -> None:
        """Begin to find out, while the caller does something else."""
        if not self._found and not self._recall():
            self._beside(self._look_ahead)
        if copies and not self._copies:
            self._beside(self.prove_copies)

    def prove_copies(self) -> None:
        """Have the driver know all that it has to know for copies, as far as that can be found out."""
        made: list[str] = []
        with self._copying:
            known, self._copies = self._copies, True
            trials = None if known else getattr(innermost(self.inner), "copy_trials", None)
            found = self._found_of_copies(trials, made) if trials else None
            if found is not None:
                innermost(self.inner).learn_copies(found)  # type: ignore[attr-defined]
        self._remove([*made, *(key + COPY for key in made)])  # nobody waits for that

    def close(self) -> None:
        until = time.monotonic() + PATIENCE
        while self._ahead:
            self._ahead.pop().join(max(0.0, until - time.monotonic()))
        super().close()

    def _beside(self, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work, name="wabucket-probe", daemon=True)
        with suppress(LocalIOError):  # then the first who asks waits for it
            start(thread)
            self._ahead.append(thread)

    def _found_of_copies(self, names: Iterable[str], made: list[str]) -> Found | None:
        identity = f"{self._identity} copies"
        found = self._cache.get(identity, names) if self._cache else None
        if found is None:
            from wabucketref.store.drivers.trials import find_out_copies

            try:
                found = find_out_copies(self.inner, self._policy, made)
            except WaBucketError as error:
                _log.info("how %s copies was not probed: %s", self.url, error)
            else:
                if self._cache:
                    self._cache.put(identity, found)
        return found

    def _look_ahead(self) -> None:
        made: list[str] = []
        with self._probing:
            try:
                self._settle(made)
            except WaBucketError as error:
                self._failed = error
        self._remove(made)  # nobody waits for that

    def _settle(self, made: list[str]) -> None:
        if self._found or self._recall():
            return
        from wabucketref.store.drivers.trials import find_out

        try:
            found = find_out(self.inner, self._policy, made)
        except NotAuthorised as error:
            # Nothing can be written here, so nothing depends on the answer; not kept, as rights may change.
            _log.info("what %s does with conditions was not probed: %s", self.url, error)
            self._capabilities = replace(self._claimed, create_if_absent=False, replace_if_match=False)
            self._found = True
            return
        self._note(found)
        if not self._capabilities.create_if_absent:
            _log.warning("the store behind %s has no conditional put: claims guard against other writers", self.url)
        if self._cache:
            self._cache.put(self._identity, found)

    def _recall(self) -> bool:
        """Whether an earlier process has found out."""
        if self._cache is None:
            return False
        names = (*_CONDITIONS, *getattr(innermost(self.inner), "trials", ()))
        found = self._cache.get(self._identity, names)
        if found is not None:
            self._note(found)
        return found is not None

    def _note(self, found: Found) -> None:
        driver = innermost(self.inner)
        if hasattr(driver, "learn"):
            driver.learn(found)
        self._capabilities = _proven(self._claimed, found)
        self._found = True

    def _remove(self, made: list[str]) -> None:
        if made:
            from wabucketref.store.drivers.trials import remove

            remove(self.inner, made)


def look_ahead(storage: Storage, *, copies: bool = False) -> None:
    """Begin to find out what `storage` can do, where that has to be found out. `copies`: many are likely to be made."""
    if (probed := _probed(storage)) is not None:
        probed.begin(copies=copies)


def prove_copies(storage: Storage) -> None:
    """As :meth:`Probed.prove_copies`; waits for it."""
    if (probed := _probed(storage)) is not None:
        probed.prove_copies()


def _probed(storage: Storage) -> Probed | None:
    while isinstance(storage, Wrapper):
        if isinstance(storage, Probed):
            return storage
        storage = storage.inner
    return None


def settle(
    storage: Storage, cache_directory: Path | None, *, identity: str | None = None, policy: RetryPolicy | None = None
) -> Storage:
    """`storage` with capabilities that are proven: probed on first use, or known (local, memory, none claimed).

    `identity` tells buckets apart in the cache; by default the storage's own ``identity`` (which has the endpoint, as
    one URL may mean another bucket elsewhere), else its URL.
    """
    if getattr(innermost(storage), "proven", False) or not storage.capabilities.create_if_absent:
        return storage
    cache = ProbeCache(cache_directory) if cache_directory is not None else None
    return Probed(storage, cache, identity or _identity(storage), policy)


def _identity(storage: Storage) -> str:
    return str(getattr(innermost(storage), "identity", storage.url))
