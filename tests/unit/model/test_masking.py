"""No message of ours holds the credentials of a URL, whoever made it."""

import traceback

import pytest

from wabucketref import errors
from wabucketref.errors import Conflict, TransientError, UsageError, WaBucketError
from wabucketref.model.redact import public_place

CANARY = "cAnArY0x7f"


@pytest.mark.row("X19")
@pytest.mark.parametrize("kind", [WaBucketError, UsageError, TransientError, Conflict])
def test_messages_and_hints_are_clean(kind: type[WaBucketError]) -> None:
    error = kind(f"cannot reach https://KEY:{CANARY}@host/b?sig={CANARY}", hint=f"see s3://k:{CANARY}@b#x")
    assert (error.message, error.hint) == (
        "cannot reach https://********@host/b?********",
        "see s3://********@b#********",
    )
    assert (
        CANARY not in f"{error} {error!r} {error.args} {error.to_dict()} {''.join(traceback.format_exception(error))}"
    )
    assert kind("no URL: a@b?c", hint=None).message == "no URL: a@b?c"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("raw/2024", "raw/2024"),
        ("raw/a@b", "raw/a@b"),
        ("s3://bucket/dir@2024", "s3://bucket/dir@2024"),
        ("s3://K:S@b/x", "s3://********@b/x"),
        ("s3:/K:S@b/x", "s3:/********@b/x"),
        ("s3:////K:S/T@b", "s3:////********@b"),
        ("https://h/x?sig=S", "https://h/x?********"),
    ],
)
def test_a_place_is_shown_without_what_may_be_secret(text: str, shown: str) -> None:
    assert public_place(text) == shown


def test_no_kind_of_error_is_without_a_hint() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, WaBucketError)]
    assert len(kinds) > 20
    for kind in kinds:
        assert len(kind("it failed").hint or "") > 10
        assert kind("it failed", hint="do it").hint == "do it"


def test_long_hostile_text_takes_no_time() -> None:
    assert public_place("a:" * 200_000).startswith("a:a:")
    assert public_place("s3://" + "@:" * 100_000).startswith("s3://")
