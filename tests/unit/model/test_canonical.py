import hashlib
import math
import uuid
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wabucketref.errors import InvalidValue, UsageError
from wabucketref.model.canonical import resolve_alias, run_config_hash

EMPTY = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"


@pytest.mark.row("N8")
@pytest.mark.parametrize(
    ("config", "text"),
    [
        ({}, "{}"),
        ({"job": {"id": "x"}}, "{}"),
        ({"b": 1, "a": [True, None, "é"]}, '{"a":[true,null,"é"],"b":1}'),
        ({"lr": 1e-7, "n": 1.0, "z": -0.0}, '{"lr":1e-7,"n":1,"z":0}'),
        ({"big": 2**53, "bigger": 10**30}, '{"big":"9007199254740992","bigger":"1' + "0" * 30 + '"}'),
        ({"x": math.nan, "y": -math.inf}, '{"x":"NaN","y":"-Infinity"}'),
        ({"\U0001f600": 1, "\ufb33": 2}, '{"\U0001f600":1,"\ufb33":2}'),
    ],
)
def test_golden_vectors(config: dict[str, Any], text: str) -> None:
    assert run_config_hash(config) == hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.row("N8")
def test_hash_of_nothing_is_the_documented_constant() -> None:
    assert run_config_hash({}) == EMPTY


@given(st.dictionaries(st.text(min_size=1, max_size=4).filter(lambda key: "." not in key), st.integers() | st.floats()))
def test_order_of_keys_does_not_count_and_nothing_crashes(config: dict[str, Any]) -> None:
    backwards = dict(reversed(config.items()))
    assert run_config_hash(config) == run_config_hash(backwards)
    assert run_config_hash(config | {"job": 1}) == run_config_hash({k: v for k, v in config.items() if k != "job"})


def test_unrecordable_config_is_a_typed_error() -> None:
    with pytest.raises(InvalidValue, match=r"^config\.f is"):
        run_config_hash({"f": len})


@pytest.mark.row("N8")
def test_alias() -> None:
    assert uuid.UUID(resolve_alias(None, {})).version == 4
    assert resolve_alias("!run-config-hash", {"job": 1}) == EMPTY
    assert resolve_alias("prod-1", {}) == "prod-1"
    for bad in ("!other", "latest", "", "a/b", "!"):
        with pytest.raises(UsageError):
            resolve_alias(bad, {})
