"""Trials of what a store does with conditions, side by side: some accept them and overwrite.

Each trial has a small object of its own, made under a random key below ``.wabucket-probe/``, and depends on no other:
all of them take the time of the longest, which is four requests. What only one driver can try and use, it offers
itself (:class:`Curious`).
"""

import logging
import secrets
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Final, Protocol, TypeAlias

from wabucketref.contracts.storage import ObjectInfo, Storage
from wabucketref.errors import (
    Conflict,
    NotFound,
    OutcomeUnknown,
    SettingsError,
    TransientError,
    Unsupported,
    UsageError,
    WaBucketError,
)
from wabucketref.failpoints import hit
from wabucketref.retry import RetryPolicy, retry
from wabucketref.store.wrappers.wrapper import innermost
from wabucketref.threads import Pool

PREFIX: Final = ".wabucket-probe/"
FIRST: Final = b"first"
"""What the object of a trial holds when it is handed over."""
Trial: TypeAlias = Callable[[Storage, ObjectInfo], bool]
"""Told of an object of its own, which holds `FIRST`."""
DriverTrial: TypeAlias = Callable[[ObjectInfo], bool]
_log = logging.getLogger(__name__)


class Curious(Protocol):
    """A driver that has trials of its own: they are made, and what they find is remembered, with the others."""

    @property
    def trials(self) -> Mapping[str, Callable[[ObjectInfo], bool]]:
        """By name, without what nobody would use here. Each is given an object of its own, which holds
        `FIRST`; what one raises that is worth another try is tried again."""

    def learn(self, found: Mapping[str, bool]) -> None:
        """What was found, now or by an earlier process; called before anybody relies on it."""


class Copying(Protocol):
    """A driver that has to know more before it copies many at a time; the first copy finds out what is not known."""

    @property
    def copy_trials(self) -> Mapping[str, Callable[[ObjectInfo], bool]]:
        """As ``Curious.trials``. A copy that one makes has the key of its object with ``probe.COPY`` behind."""

    def learn_copies(self, found: Mapping[str, bool]) -> None:
        """As ``Curious.learn``."""


def find_out(storage: Storage, policy: RetryPolicy, made: list[str]) -> dict[str, bool]:
    """What all trials but those of copies find. As :func:`make_all`."""
    own: Mapping[str, DriverTrial] = getattr(innermost(storage), "trials", {})
    found = make_all(storage, {**_TRIALS, **_by_driver(own)}, policy, made)
    hit("probe.tried")
    return found


def find_out_copies(storage: Storage, policy: RetryPolicy, made: list[str]) -> dict[str, bool]:
    """What the driver's trials of copies find. As :func:`make_all`."""
    return make_all(storage, _by_driver(innermost(storage).copy_trials), policy, made)  # type: ignore[attr-defined]


def make_all(storage: Storage, trials: Mapping[str, Trial], policy: RetryPolicy, made: list[str]) -> dict[str, bool]:
    """By the name of each trial, whether the store does what it is about; the keys of what was made, or may have been,
    are added to `made`. A trial whose outcome is unknown is made again by `policy`, under another key.

    Raises:
        WaBucketError: the store could not be asked (NotFound: no such bucket; NotAuthorised; TransientError).
    """

    def make(trial: Trial) -> bool:
        return retry(
            lambda: _tried(storage, trial, made), policy, what=f"probing {storage.url}", may_repeat=_may_repeat
        )

    with Pool(len(trials), thread_name_prefix="wabucket-probe") as pool:
        flying = {name: pool.submit(partial(make, trial)) for name, trial in trials.items()}
    return {name: future.result() for name, future in flying.items()}


def remove(storage: Storage, keys: Iterable[str]) -> None:
    """Remove what trials left, and no more of it once the store does not even answer that."""
    try:
        for key in keys:
            storage.delete(key)
    except WaBucketError as error:
        _log.info("probe objects may be left behind in %s/%s: %s", storage.url, PREFIX, error)


def _by_driver(trials: Mapping[str, DriverTrial]) -> dict[str, Trial]:
    def made(trial: DriverTrial) -> Trial:
        return lambda storage, there: trial(there)

    return {name: made(trial) for name, trial in trials.items()}


def _may_repeat(error: WaBucketError) -> bool:
    # What the floor below has tried again is exhausted.
    return isinstance(error, TransientError) and error.retryable and not error.exhausted


def _tried(storage: Storage, trial: Trial, made: list[str]) -> bool:
    there = _made(storage, f"{PREFIX}{secrets.token_hex(12)}", made)
    return there is not None and trial(storage, there)


def _made(storage: Storage, key: str, made: list[str]) -> ObjectInfo | None:
    """Make the object; None when the store refuses the condition itself."""
    try:
        info = storage.put(key, FIRST, if_absent=True)
    except SettingsError:
        raise  # another region, say: that tells nothing of the store
    except (Unsupported, UsageError):
        return None
    except OutcomeUnknown:
        made.append(key)
        raise
    made.append(key)
    return info


def _creates_only(storage: Storage, there: ObjectInfo) -> bool:
    """Whether a second write on the condition that nothing is there is refused, and leaves what is there."""
    return _refused(lambda: storage.put(there.key, b"second", if_absent=True)) and _holds(storage, there.key, FIRST)


def _replaces_only(storage: Storage, there: ObjectInfo) -> bool:
    """Whether a write on the condition of an etag works with the right one, and not with one of before."""
    old = _replaced(storage, there)
    return (
        old is not None
        and _refused(lambda: storage.put(there.key, b"fourth", if_match=old))
        and _holds(storage, there.key, b"third")
    )


def _removes_only(storage: Storage, there: ObjectInfo) -> bool:
    """Whether a removal on the condition of an etag of before is refused."""
    old = _replaced(storage, there)
    return (
        old is not None
        and _refused(lambda: storage.delete(there.key, if_match=old))
        and _holds(storage, there.key, b"third")
    )


def _replaced(storage: Storage, there: ObjectInfo) -> str | None:
    """Replace the object on the condition of its etag: what was its etag; None when that does not work."""
    old = there.etag or storage.read(there.key, limit=64)[1].etag
    if old is None:
        return None
    try:
        storage.put(there.key, b"third", if_match=old)
    except (Unsupported, UsageError, Conflict):
        return None
    return old


def _refused(write: Callable[[], object]) -> bool:
    try:
        write()
    except (Conflict, Unsupported, UsageError):
        return True
    return False


def _holds(storage: Storage, key: str, data: bytes) -> bool:
    try:
        return storage.read(key, limit=64)[0] == data
    except NotFound:
        return False


_TRIALS: Final[Mapping[str, Trial]] = {
    "creates": _creates_only,
    "replaces": _replaces_only,
    "removes": _removes_only,
}
