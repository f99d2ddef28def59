"""Column types: what goes in comes out."""

import json
import math
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects import postgresql, sqlite

from wabucketref.errors import InvalidValue
from wabucketref.trackers.embedded.types import Json, Utc

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters())
VALUES = st.recursive(SCALARS, lambda one: st.lists(one, max_size=4) | st.dictionaries(st.text(), one, max_size=4))
DIALECTS = [sqlite.dialect(), postgresql.dialect()]


@given(VALUES.filter(lambda value: value is not None))
def test_json_round_trip(value: object) -> None:
    for dialect in DIALECTS:
        text = Json().process_bind_param(value, dialect)
        assert text is not None
        assert text.isascii()
        assert "\0" not in text
        found = Json().process_result_value(text, dialect)
        assert found == value
        assert json.dumps(found) == json.dumps(value)


@pytest.mark.parametrize("value", [math.inf, -math.inf, 10**400, -0.0, 2**63, "\ud800", "\0"], ids=ascii)
def test_json_keeps_what_strict_json_cannot(value: object) -> None:
    text = Json().process_bind_param({"k": value}, DIALECTS[0])
    assert repr(Json().process_result_value(text, DIALECTS[0])) == repr({"k": value})


def test_json_keeps_nan() -> None:
    assert math.isnan(Json().process_result_value(Json().process_bind_param(math.nan, DIALECTS[0]), DIALECTS[0]))


@pytest.mark.parametrize("value", [{1, 2}, object(), 10**5000], ids=["set", "object", "digits"])
def test_json_refuses_the_rest(value: object) -> None:
    with pytest.raises(InvalidValue, match="cannot be recorded"):
        Json().process_bind_param({"k": value}, DIALECTS[0])


@given(st.datetimes(timezones=st.just(UTC) | st.just(timezone(timedelta(hours=-5, minutes=-30)))))
def test_moments_round_trip(moment: datetime) -> None:
    for dialect in DIALECTS:
        try:
            stored = Utc().process_bind_param(moment, dialect)
        except OverflowError:  # year 1 or 9999, beyond the range once in UTC
            return
        found = Utc().process_result_value(stored, dialect)
        assert found == moment
        assert found is not None
        assert found.utcoffset() == timedelta(0)


def test_a_moment_without_zone_is_utc() -> None:
    stored = Utc().process_bind_param(datetime(2025, 1, 1), DIALECTS[0])
    assert Utc().process_result_value(stored, DIALECTS[0]) == datetime(2025, 1, 1, tzinfo=UTC)
