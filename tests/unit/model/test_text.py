"""Text that can be written as UTF-8."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wabucketref.errors import InvalidValue, UsageError
from wabucketref.model.text import check_text, check_unicode


@given(st.text())
def test_what_utf8_can_hold_is_kept_and_nothing_else(text: str) -> None:
    assert check_unicode(text, "it") == text
    with pytest.raises(UsageError):
        check_unicode(f"{text}\ud800", "it")


def test_a_path_of_other_bytes_is_named_in_ascii() -> None:
    with pytest.raises(UsageError, match=r"^the source 'caf\\udce9' has the byte 0xE9, which is not UTF-8$") as caught:
        check_unicode(Path(os.fsdecode(b"caf\xe9")), "the source")
    assert caught.value.hint == "rename it"
    with pytest.raises(UsageError, match=r"the character U\+D800"):
        check_unicode("\ud800", "it")


@pytest.mark.parametrize("value", [None, 5, b"x", ["x"]])
def test_other_types_are_no_text(value: object) -> None:
    with pytest.raises(InvalidValue, match="not text"):
        check_text(value, "the name", maximum=5)


@pytest.mark.parametrize("value", ["", "123456", "\ud800"])
def test_text_has_its_bounds(value: str) -> None:
    with pytest.raises(UsageError, match="the name"):
        check_text(value, "the name", minimum=1, maximum=5)
    assert check_text("12345", "the name", minimum=1, maximum=5) == "12345"
