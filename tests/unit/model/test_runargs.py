import argparse
import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wabucketref.errors import InvalidValue, UsageError
from wabucketref.model.runargs import parse_metadata, parse_run_args


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", {}),
        ("  ", {}),
        ('{"lr": 0.1, "tags": ["a"]}', {"lr": 0.1, "tags": ["a"]}),
        ("--lr 0.1 --epochs=3 --amp", {"lr": 0.1, "epochs": 3, "amp": True}),
        ("lr=0.1 name='two words'", {"lr": 0.1, "name": "two words"}),
        ("--shift -0.5 --quiet --seed -1", {"shift": -0.5, "quiet": True, "seed": -1}),
        ("--learning-rate 1", {"learning_rate": 1}),
        ("a-b=1", {"a-b": 1}),
        ("-v -n 3", {"v": True, "n": 3}),
        ("x=true y=false z=null t=truth", {"x": True, "y": False, "z": None, "t": "truth"}),
        ("x=[1,2] y={} z=", {"x": "[1,2]", "y": "{}", "z": ""}),
        ("x=NaN y=1e999 z=0123 w=1_000", {"x": "NaN", "y": "1e999", "z": "0123", "w": "1_000"}),
        ("url=s3://b/x?a=b", {"url": "s3://b/x?a=b"}),
    ],
)
def test_strings(text: str, found: dict[str, Any]) -> None:
    assert parse_run_args(text) == found


@pytest.mark.row("M5")
@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("train", "'train'"),
        ("--lr 0.1 stray", "'stray'"),
        ("--", "'--'"),
        ("=1", "'=1'"),
        ("---x", "'---x'"),
        ("'open", "no closing quotation"),
        ("--x 1 --x 2", "'x' twice"),
        ('{"a": 1', "not valid JSON"),
        ('{"a": 1, "a": 2}', "twice"),
        ('{"a": ' + "9" * 5000 + "}", "not valid JSON"),
        ('{"a": ' * 100_000, "not valid JSON"),
    ],
)
def test_unreadable_strings_name_the_argument(text: str, says: str) -> None:
    with pytest.raises(UsageError, match=says) as caught:
        parse_run_args(text, "--run_args")
    assert caught.value.message.startswith("--run_args")
    assert caught.value.exit_code == 2
    assert caught.value.hint


def test_mappings_and_namespaces() -> None:
    assert parse_run_args(None) == {}
    assert parse_run_args(argparse.Namespace(lr=0.1, tags=("a",))) == {"lr": 0.1, "tags": ["a"]}
    given_args = {"a": [1]}
    found = parse_run_args(given_args)
    given_args["a"].append(2)
    assert found == {"a": [1]}
    with pytest.raises(InvalidValue, match=r"^run_args\.func"):
        parse_run_args(argparse.Namespace(func=len))
    with pytest.raises(UsageError):
        parse_run_args(3)  # type: ignore[arg-type]


@given(st.text(max_size=60))
def test_any_string_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(UsageError):
        assert isinstance(parse_run_args(text), dict)


@pytest.mark.row("M5")
def test_metadata() -> None:
    assert parse_metadata(["a=1", "b=x=y", "c="]) == {"a": "1", "b": "x=y", "c": ""}
    for pairs, says in (
        (["a"], "'a' has no '='"),
        (["=v"], "has no key"),
        ([" =v"], "no key"),
        (["a=1", "a=1"], "'a' a"),
    ):
        with pytest.raises(UsageError, match=says):
            parse_metadata(pairs)
