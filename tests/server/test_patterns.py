"""Regular expressions of filters: the same answers as Python's own, where both know the pattern."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wabucketref.errors import UsageError
from wabucketref.server.runs.pattern import Pattern

ATOMS = st.sampled_from(["a", "b", ".", "[ab]", "[^a]", "[a-c]", "\\d", "\\w", "\\.", "(a|b)", "(?:ab)", "^", "$", "c"])
SIGNS = st.sampled_from(["", "", "", "*", "+", "?", "{2}", "{1,2}", "{0,1}", "{2,}"])
PATTERNS = st.lists(st.tuples(ATOMS, SIGNS), max_size=6).map(
    lambda parts: "".join(atom if atom in "^$" else atom + sign for atom, sign in parts)
)


@settings(max_examples=300, deadline=None)
@given(PATTERNS, PATTERNS, st.text("abc1.\n", max_size=12))
def test_it_finds_what_re_finds(first: str, second: str, text: str) -> None:
    for pattern in (first, f"{first}|{second}", f"({first})*{second}"):
        if "$" in pattern and text.endswith("\n"):
            continue  # Python's $ also matches before a last line break; ours is the end
        assert Pattern(pattern).found_in(text) == (re.search(pattern, text) is not None), (pattern, text)


@pytest.mark.parametrize(
    "pattern", ["(", ")", "a)", "*a", "+", "[a", "\\", "(?=a)", "(?<n>a)", "\\1", "\\b", "a{5,2}", "x" * 501, "(" * 60]
)
def test_what_it_does_not_know_it_says(pattern: str) -> None:
    with pytest.raises(UsageError):
        Pattern(pattern)


@pytest.mark.row("X20")
def test_repetitions_cannot_grow_without_bound() -> None:
    for pattern in ("a{9999}", "(a{99}){99}", "((a{9}){9}){9}{9}"):
        with pytest.raises(UsageError, match="repetitions"):
            Pattern(pattern)
    assert Pattern("(a*)*" * 20 + "b").found_in("a" * 2000) is False


def test_braces_that_repeat_nothing_are_text() -> None:
    assert Pattern("a{x}").found_in("a{x}")
    assert Pattern("[]a]").found_in("]")
    assert Pattern("[a-]").found_in("-")
