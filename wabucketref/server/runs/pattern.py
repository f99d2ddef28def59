"""Regular expressions in linear time: clients send them in filters, and Python's own can be made to take forever.

Known are literals, ``.``, classes, ``\\d \\w \\s`` and their opposites, groups, ``|``, ``* + ? {m,n}``, ``^ $``. All
positions in the pattern are followed at once (Thompson's construction), so a text of n characters costs at most n times
the size of the pattern.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from wabucketref.errors import UsageError

MAX_PATTERN: Final = 500
MAX_STATES: Final = 3_000
MAX_TEXT: Final = 10_000
MAX_DEPTH: Final = 50

Test = Callable[[str], bool]

_CLASSES: Final[dict[str, Test]] = {
    "d": str.isdecimal,
    "w": lambda character: character.isalnum() or character == "_",
    "s": str.isspace,
    "D": lambda character: not character.isdecimal(),
    "W": lambda character: not (character.isalnum() or character == "_"),
    "S": lambda character: not character.isspace(),
}
_ESCAPES: Final = {"n": "\n", "t": "\t", "r": "\r"}


@dataclass(slots=True, eq=False)
class _State:
    """One position: passes on a character that `test` takes, or freely when there is no test."""

    test: Test | None = None
    at: str | None = None
    """``^`` or ``$``: passes freely, but only there."""
    then: list["_State"] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Piece:
    start: _State
    end: _State


class Pattern:
    """A compiled pattern."""

    def __init__(self, text: str) -> None:
        """Compile it.

        Raises:
            UsageError: it is too long, malformed, or uses what is not known here.
        """
        if len(text) > MAX_PATTERN:
            raise UsageError(f"a pattern has {len(text)} characters, at most {MAX_PATTERN} may be")
        parser = _Parser(text)
        piece = parser.whole()
        self._start, self._end = piece.start, piece.end

    def found_in(self, text: str) -> bool:
        """Whether it matches somewhere in `text`, of which only the first characters are looked at."""
        text = text[:MAX_TEXT]
        states: set[_State] = set()
        for index in range(len(text) + 1):
            reached = _freely(states | {self._start}, at_start=index == 0, at_end=index == len(text))
            if self._end in reached:
                return True
            if index < len(text):
                character = text[index]
                states = {then for state in reached if state.test and state.test(character) for then in state.then}
        return False


def _freely(states: Iterable[_State], *, at_start: bool, at_end: bool) -> set[_State]:
    """These states and all that follow without a character."""
    found, waiting = set(), list(states)
    while waiting:
        state = waiting.pop()
        if state in found:
            continue
        found.add(state)
        blocked = (state.at == "^" and not at_start) or (state.at == "$" and not at_end)
        if state.test is None and not blocked:
            waiting += state.then
    return found


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._states = 0
        self._depth = 0

    def whole(self) -> _Piece:
        piece = self._alternatives()
        if self._at < len(self._text):
            raise self._wrong("a ) without its (")
        return piece

    def _alternatives(self) -> _Piece:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self._wrong("too many groups in one another")
        start, end = self._state(), self._state()
        while True:
            piece = self._sequence()
            start.then.append(piece.start)
            piece.end.then.append(end)
            if not self._take("|"):
                self._depth -= 1
                return _Piece(start, end)

    def _sequence(self) -> _Piece:
        start = end = self._state()
        while self._at < len(self._text) and self._text[self._at] not in "|)":
            piece = self._repeated()
            end.then.append(piece.start)
            end = piece.end
        return _Piece(start, end)

    def _repeated(self) -> _Piece:
        begun = self._at
        piece = self._single()
        source = self._text[begun : self._at]
        while (bounds := self._bounds()) is not None:
            self._take("?")  # a lazy one finds the same texts
            piece = self._repeat(source, piece, *bounds)
            source = self._text[begun : self._at]
        return piece

    def _bounds(self) -> tuple[int, int | None] | None:
        for sign, bounds in (("*", (0, None)), ("+", (1, None)), ("?", (0, 1))):
            if self._take(sign):
                return bounds
        close = self._text.find("}", self._at)
        if self._text[self._at : self._at + 1] != "{" or close < 0:
            return None
        low, comma, high = self._text[self._at + 1 : close].partition(",")
        if not low.isdecimal() or not (high.isdecimal() or not high) or len(low + high) > 6:
            return None  # a plain brace
        self._at = close + 1
        least, most = int(low), (int(high) if high else None) if comma else int(low)
        if most is not None and most < least:
            raise self._wrong("a repetition from more to less")
        return least, most

    def _repeat(self, source: str, piece: _Piece, least: int, most: int | None) -> _Piece:
        """`piece`, made of `source`, so many times: copies are parsed anew."""
        start, end = self._state(), self._state()
        copies = [piece]
        for _ in range(max(least, most or 0, 1) - 1):
            inner = _Parser(source)
            inner._states = self._states
            copies.append(inner.whole())
            self._states = inner._states
            self._check_size()
        last = start
        for index, copy in enumerate(copies):
            last.then.append(copy.start)
            if index >= least:
                last.then.append(end)
            last = copy.end
        last.then.append(end)
        if most is None:
            copies[-1].end.then.append(copies[-1].start)
        elif most == 0:
            start.then = [end]
        return _Piece(start, end)

    def _single(self) -> _Piece:
        character = self._next()
        if character == "(":
            if self._text.startswith("?:", self._at):
                self._at += 2
            elif self._text.startswith("?", self._at):
                raise self._wrong("(?")
            piece = self._alternatives()
            if not self._take(")"):
                raise self._wrong("a ( without its )")
            return piece
        if character in "^$":
            return self._plain(_State(at=character))
        if character in "*+?":
            raise self._wrong(f"a {character} with nothing before it")
        return self._plain(_State(test=self._test(character)))

    def _test(self, character: str) -> Test:
        if character == ".":
            return lambda found: found != "\n"
        if character == "[":
            return self._class()
        if character == "\\":
            return self._escaped()
        return character.__eq__

    def _escaped(self) -> Test:
        character = self._next()
        if character in _CLASSES:
            return _CLASSES[character]
        if character.isalnum() and character not in _ESCAPES:
            raise self._wrong(f"\\{character}")
        return _ESCAPES.get(character, character).__eq__

    def _class(self) -> Test:
        inverted = self._take("^")
        tests: list[Test] = []
        while not tests or not self._take("]"):
            first = self._next()
            if first == "\\":
                tests.append(self._escaped())
            elif self._peek(0) == "-" and self._peek(1) not in ("]", ""):
                self._at += 1
                last = self._next()
                tests.append(lambda found, low=first, high=last: low <= found <= high)  # type: ignore[misc]
            else:
                tests.append(first.__eq__)
        return lambda found: any(test(found) for test in tests) != inverted

    def _plain(self, state: _State) -> _Piece:
        end = self._state()
        state.then.append(end)
        return _Piece(state, end)

    def _state(self) -> _State:
        self._states += 1
        self._check_size()
        return _State()

    def _check_size(self) -> None:
        if self._states > MAX_STATES:
            raise self._wrong("too many repetitions")

    def _take(self, sign: str) -> bool:
        if not self._text.startswith(sign, self._at):
            return False
        self._at += len(sign)
        return True

    def _peek(self, ahead: int) -> str:
        return self._text[self._at + ahead : self._at + ahead + 1]

    def _next(self) -> str:
        if self._at >= len(self._text):
            raise self._wrong("an end that comes too early")
        self._at += 1
        return self._text[self._at - 1]

    def _wrong(self, what: str) -> UsageError:
        return UsageError(f"the pattern {self._text[:100]!r} has {what}", hint="use plain regular expressions")
