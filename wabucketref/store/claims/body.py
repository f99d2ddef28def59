"""What a claim says, and whether its writer still lives."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from wabucketref.contracts.storage import ObjectInfo
from wabucketref.store.identity import Identity

DEAD_AFTER: Final = 60.0
"""Seconds without renewal, by the store's clock."""
RENEW_EVERY: Final = 15.0
MAX_CLAIM_BYTES: Final = 64 << 10


@dataclass(frozen=True, slots=True)
class Body:
    """The content of a claim object."""

    xid: str
    nonce: str
    """Made anew for each try, so that a writer knows its own object after a lost answer."""
    who: Identity
    since: str
    """RFC 3339, UTC, by the writer's clock; only shown."""
    renewals: int = 0
    """Makes each renewal other bytes, so that the etag changes."""
    state: str = "holding"
    """``waiting`` (stores without conditional writes), ``holding`` or ``released``."""
    clean: bool = True
    """Nobody who may still wake up has seen the files below; only then may an earlier try's files be kept."""
    adopts: bool = False
    """The files below were there before and stay as they are: until a header is there, they are an upload of an earlier
    release, whatever becomes of this writer."""

    @classmethod
    def new(cls, who: Identity, xid: str, nonce: str, state: str = "holding", *, adopts: bool = False) -> "Body":
        return cls(xid, nonce, who, datetime.now(UTC).isoformat(timespec="seconds"), state=state, adopts=adopts)

    def next(self, state: str | None = None) -> "Body":
        """The same claim, renewed."""
        return replace(self, renewals=self.renewals + 1, state=state or self.state)

    def encode(self) -> bytes:
        found = {
            "format": "1.0",
            "xid": self.xid,
            "nonce": self.nonce,
            "home": self.who.home_id,
            "host": self.who.host,
            "boot": self.who.boot_id,
            "pid": self.who.pid,
            "started": self.who.started,
            "since": self.since,
            "renewals": self.renewals,
            "state": self.state,
            "clean": self.clean,
        } | ({"adopts": True} if self.adopts else {})
        return json.dumps(found, indent=2).encode() + b"\n"

    @classmethod
    def decode(cls, data: bytes) -> "Body | None":
        """Read untrusted bytes; None when they are no claim of ours, which then lives and dies by its age alone."""
        try:
            found = json.loads(data)
            home, host, boot = (_text(found, key) for key in ("home", "host", "boot"))
            who = Identity(home, host, boot, int(found["pid"]), float(found["started"]))
            texts = [_text(found, key) for key in ("xid", "nonce")]
            renewals, clean = int(found["renewals"]), found["clean"] is True
            since, state, adopts = _text(found, "since"), _text(found, "state"), found.get("adopts") is True
            return cls(texts[0], texts[1], who, since, renewals, state, clean, adopts)
        except (ValueError, TypeError, KeyError, RecursionError, OverflowError):
            return None


def _text(found: Any, key: str) -> str:
    value = found[key]
    if not isinstance(value, str) or not value.isprintable() or len(value) > 512:
        raise ValueError(key)
    return value


class Lease(Protocol):
    """How a claim is kept on a kind of store."""

    def renew(self) -> None:
        """Say that the writer lives.

        Raises:
            PreconditionFailed: another writer took the claim over.
        """

    def give_back(self, *, keep_trace: bool) -> None:
        """End the claim; with `keep_trace` leave word that an unfinished upload is there.

        Raises:
            PreconditionFailed: another writer took the claim over.
        """


@dataclass(frozen=True, slots=True)
class Taken:
    """A claim just taken."""

    lease: Lease
    reusable: bool
    """Files of the earlier try, whose claim this was, may be kept."""
    fresh: bool
    """Nobody had claimed the alias before."""


@dataclass(frozen=True, slots=True)
class Found:
    """A claim met in the bucket."""

    body: Body | None
    info: ObjectInfo

    def is_of(self, xid: str) -> bool:
        """Whether it is the claim of this operation, in whatever process."""
        return self.body is not None and self.body.xid == xid

    @property
    def adopts(self) -> bool:
        """Whether its writer leaves the files as they are."""
        return self.body is not None and self.body.adopts

    def describe(self) -> str:
        """Who and since when, for messages."""
        if self.body is None:
            return "another writer holds it"
        return f"{self.body.who.host} (process {self.body.who.pid}) has been at it since {self.body.since}"

    @staticmethod
    def since_of(data: bytes) -> str | None:
        """When the claim in `data` was taken, if it says."""
        body = Body.decode(data)
        return body.since if body else None

    def surely_dead(self, me: Identity, xid: str) -> bool:
        """Whether the writer can never wake up again: it gave up, its process is gone, or it is this very try."""
        if self.body is None:
            return False
        if self.body.state == "released":
            return True
        who = self.body.who
        if not who.same_machine(me):
            return False
        this_process = (who.pid, who.started) == (me.pid, me.started)
        return self.body.xid == xid if this_process else not who.is_alive()

    def is_live(self, me: Identity, xid: str, store_now: Callable[[], float]) -> bool:
        """Whether to keep away. `store_now` is asked only when needed: it costs a request."""
        if self.surely_dead(me, xid):
            return False
        return self.info.modified is None or store_now() - self.info.modified <= DEAD_AFTER
