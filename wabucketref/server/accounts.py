"""Users and their API keys: made, hashed, recognised."""

import hashlib
import hmac
import secrets
import time
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Lock
from typing import Final

from sqlalchemy import Connection, select

from wabucketref.errors import NotAuthorised, UsageError
from wabucketref.model.names import check_project
from wabucketref.trackers.embedded.engine import Catalog
from wabucketref.trackers.embedded.rows import ensure
from wabucketref.trackers.embedded.served import account, api_key

_REMEMBERED_SECONDS: Final = 10.0
_REMEMBERED: Final = 10_000
_WRONG_KEYS: Final = 100
_WRONG_SECONDS: Final = 60.0
"""After so many wrong keys in so many seconds, unknown keys are refused unseen."""


@dataclass(frozen=True, slots=True)
class User:
    """Who asks."""

    pk: int
    name: str
    """Also the name of the user's entity."""
    read_only: bool = False


def fingerprint(key: str) -> str:
    """What is stored of a key."""
    return hashlib.sha256(key.encode()).hexdigest()


def make_key(connection: Connection, name: str, *, read_only: bool = False, note: str | None = None) -> str:
    """A new key of the user `name`, who is made when new. Nothing can show the key again.

    Raises:
        UsageError: no user can have this name.
    """
    key = secrets.token_hex(20)
    connection.execute(
        api_key.insert().values(
            account_pk=ensure_account(connection, name),
            note=note,
            digest=fingerprint(key),
            read_only=read_only,
            created=datetime.now(UTC),
        )
    )
    return key


def revoke_keys(connection: Connection, name: str) -> int:
    """Revoke all keys of the user `name`; how many there were. A server that runs forgets them within seconds."""
    of_user = select(account.c.id).where(account.c.name == name)
    changed = connection.execute(
        api_key.update()
        .where(api_key.c.account_pk.in_(of_user), api_key.c.revoked.is_(None))
        .values(revoked=datetime.now(UTC))
    )
    return changed.rowcount


def ensure_account(connection: Connection, name: str) -> int:
    """The pk of the user `name`, who is made when new.

    Raises:
        UsageError: no user can have this name.
    """
    check_project(name, "user")
    return ensure(connection, account.name, {"name": name}, created=datetime.now(UTC))


def has_keys(connection: Connection) -> bool:
    """Whether anybody can be let in."""
    return connection.execute(select(api_key.c.id).where(api_key.c.revoked.is_(None)).limit(1)).first() is not None


class Busy(NotAuthorised):
    """Too many wrong keys came; unknown ones are not looked up for a while."""


class Accounts:
    """Recognises keys; what it found it remembers for some seconds. Thread-safe."""

    def __init__(self, catalog: Catalog, *, dev_users: bool = False) -> None:
        """With `dev_users`, any key that is a valid entity name is the user of that name."""
        self._catalog = catalog
        self._dev_users = dev_users
        self._lock = Lock()
        self._known: dict[str, tuple[float, User]] = {}
        self._wrong: deque[float] = deque(maxlen=_WRONG_KEYS)

    def remembered(self, key: str) -> User | None:
        """The user with this key, if it was asked for within the last seconds; asks nobody."""
        with self._lock:
            until, user = self._known.get(fingerprint(key), (0.0, None))
        return user if time.monotonic() < until else None

    def recognise(self, key: str) -> User:
        """The user with this key.

        Raises:
            NotAuthorised: it is nobody's.
            Busy: too many keys were nobody's lately.
        """
        if (known := self.remembered(key)) is not None:
            return known
        digest, now = fingerprint(key), time.monotonic()
        if len(self._wrong) == _WRONG_KEYS and now - self._wrong[0] < _WRONG_SECONDS:
            raise Busy("too many wrong API keys were sent", hint="wait a minute")
        user = self._look_up(digest) or (self._dev_user(key) if self._dev_users else None)
        if user is None:
            self._wrong.append(now)
            raise NotAuthorised("the API key is not known here", hint="use a key that `wabucket serve` printed")
        with self._lock:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[digest] = (now + _REMEMBERED_SECONDS, user)
        return user

    def forget(self) -> None:
        """Ask the catalog anew: a key was revoked."""
        with self._lock:
            self._known.clear()

    def _look_up(self, digest: str) -> User | None:
        with self._catalog.read() as connection:
            found = connection.execute(
                select(account.c.id, account.c.name, api_key.c.read_only, api_key.c.digest)
                .join(account, account.c.id == api_key.c.account_pk)
                .where(api_key.c.digest == digest, api_key.c.revoked.is_(None))
            ).first()
        # The index found it by its hash, which an attacker cannot steer; compared once more in constant time.
        if found is None or not hmac.compare_digest(found.digest, digest):
            return None
        return User(found.id, found.name, found.read_only)

    def _dev_user(self, key: str) -> User | None:
        try:
            with self._catalog.write() as connection:
                return User(ensure_account(connection, key), key)
        except UsageError:
            return None
