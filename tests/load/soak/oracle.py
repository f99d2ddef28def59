"""What may be where. Each alias is changed by one worker only, or is shared and never changed."""

import threading
from collections import defaultdict
from dataclasses import dataclass, field

from tests.load.soak.plan import Ref, Step, text

ACKNOWLEDGED = (0, 8)
REFUSED = 6
ALLOWED = {
    "upload": {0, 5, 6, 8},
    "again": {0, 5, 6, 8},
    "other": {0, 5, 6, 8},
    "overwrite": {0, 5, 6, 8},
    "left": {0, 2, 5, 8},
    "overwrite-left": {0, 2, 5, 8},
    "shared": {0, 5, 6, 8},
    "session": {0, 5, 6, 8},
    "link": {0, 3, 5, 6, 8},
    "download": {0, 3, 5, 8},
    "download-shared": {0, 3, 5, 8},
    "rm": {0, 3, 5, 6},
    "alias": {0, 3, 5},
    "sync": {0, 5, 8},
    "look": {0, 3, 5},
    "verify": {0, 3, 5},
    "gc": {0, 5},
    "rebuild": {0, 5},
    "verify-all": {0, 5, 7, 8},  # 7: what was to be overwritten or removed, and somebody was killed at it
}
"""The exit codes that each kind of step may have when nobody stops it."""
_STOPPED = {"SIGKILL": {-9}, "SIGINT": {130}, "SIGTERM": {143, -15}}
"""How one may end that is stopped; a script of a user has no handler for SIGTERM."""
Content = str | None
"""The mark of a source; None: nothing is there."""


@dataclass
class Place:
    """What may lie under one alias."""

    now: set[Content] = field(default_factory=lambda: {None})
    may: set[Content] = field(default_factory=set)
    """What operations whose end nobody knows may still make of it."""
    last: Step | None = None
    """The last that was to change it, and whose end nobody knows."""
    sent: set[Content] = field(default_factory=set)
    unrecorded: bool = False

    @property
    def possible(self) -> set[Content]:
        return self.now | self.may

    def settle(self, content: Content) -> None:
        """Nothing is under way any more, and this is there."""
        self.now, self.may, self.last = {content}, set(), None


class Oracle:
    """Hears of each step and says what is wrong with its end."""

    def __init__(self) -> None:
        self.places: defaultdict[Ref, Place] = defaultdict(Place)
        self.winners: defaultdict[Ref, set[str]] = defaultdict(set)
        """What of a shared alias was acknowledged or read: one content at most."""
        self.tags: dict[str, Ref] = {}
        self._lock = threading.Lock()

    def place(self, step: Step) -> Place | None:
        if step.ref is None or step.ref[0] == "shared":
            return None
        with self._lock:
            return self.places[step.ref]

    def heard(self, step: Step, code: int, got: Content) -> str | None:
        """A step has ended with `code` (negative: killed). `got`: what a download has brought."""
        if code in ACKNOWLEDGED and step.kind in ("shared", "download-shared"):
            return self._shared(step, got)
        place = self.place(step)
        if place is None:
            return None
        if step.kind in ("download", "verify"):
            return _read(place, step, code, got)
        if step.kind == "rm":
            return _removed(place, step, code)
        if step.kind == "alias":
            return self._named(place, step, code)
        return _sent(place, step, code) if step.source is not None else None

    def _shared(self, step: Step, got: Content) -> str | None:
        content = got if step.source is None else step.source.mark
        assert step.ref is not None
        assert content is not None
        with self._lock:
            self.winners[step.ref].add(content)
            return None if len(self.winners[step.ref]) == 1 else "two contents of one alias that nobody overwrites"

    def _named(self, place: Place, step: Step, code: int) -> str | None:
        assert step.ref is not None
        assert step.target is not None
        if code == 0:
            self.tags[step.target] = step.ref
        if code == 3 and None not in place.possible and not place.may and not place.unrecorded:
            return "what is there is not found"
        return None


def _sent(place: Place, step: Step, code: int) -> str | None:
    """An upload or a link, on its own or in a session."""
    assert step.source is not None
    content, overwrites = step.source.mark, "overwrite" in step.kind
    place.sent.add(content)
    if code in (2, 3):
        return None
    if code == REFUSED:
        return None if place.possible - {None, content} or place.may else "refused, but nothing else is there"
    if code in ACKNOWLEDGED and "left" not in step.kind:
        before, place.now, place.last = place.possible, {content}, None
        place.unrecorded = code != 0
        return None if overwrites or before & {content, None} else "acknowledged, but something else was there"
    place.may |= {content, None} if overwrites else {content}
    place.last = step
    return None


def _read(place: Place, step: Step, code: int, got: Content) -> str | None:
    if code == 3 and None not in place.possible:
        return "what is there is not found"
    if code in ACKNOWLEDGED and step.kind == "download" and got not in place.possible:
        return f"it brought {got}"
    if code == 0 and place.possible == {None}:
        return "what is not there is read"
    return None


def _removed(place: Place, step: Step, code: int) -> str | None:
    if code == 0:
        place.now, place.last = {None}, None
    elif code == 3:
        return None if None in place.possible else "what is there is not found"
    elif code == REFUSED:
        return None if place.may else "refused, but nobody is at it"
    else:
        place.may.add(None)
        place.last = step
    return None


def complaint(step: Step, code: int) -> str | None:
    """Whether this kind of step may end so. A step that was to be stopped may have been."""
    allowed = set(ALLOWED[step.kind])
    if step.kill is not None:
        allowed |= _STOPPED[step.signal]
    what = f"{text(step.ref)} " if step.ref else ""
    return None if code in allowed else f"{step.name} {step.kind} {what}ended with {code}"
