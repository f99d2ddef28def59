import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wabucketref.model.redact import MASK, database_place, public_url, redact, url_secrets

CANARY = "cAnArY0x7f"


@pytest.mark.row("B3", "X19")
@pytest.mark.parametrize(
    "text",
    [
        f"opening s3://AKIA:{CANARY}@bucket/prefix failed",
        f"https://{CANARY}@host/x",
        f"https://acct.blob.core.windows.net/c?sv=2020&sig={CANARY}",
        f"GET https://b.s3.amazonaws.com/k?X-Amz-Credential=a&X-Amz-Signature={CANARY} 403",
        f"https://host/callback#access_token={CANARY}",
        f"canonical string: /b/k?X-Amz-Security-Token={CANARY}",
        f"Authorization: AWS4-HMAC-SHA256 Credential={CANARY}, Signature=x",
        f"{{'authorization': 'Bearer {CANARY}'}}",
        f"{{'api_key': '{CANARY}'}}",
        f"password={CANARY} user=x",
        f'"secret": "{CANARY}"',
        f"AWS_SECRET_ACCESS_KEY={CANARY}",
        f"postgresql://user:p@{CANARY}@db:5432/runs",
    ],
)
def test_credentials_are_cut(text: str) -> None:
    found = redact(text)
    assert CANARY not in found
    assert MASK in found


@pytest.mark.parametrize(
    "text",
    [
        "nothing secret here",
        "s3://bucket/prefix/model/net:v1",
        "file:///home/me/buckets/x@y",
        "model/net:prod",
        "'lr=0.1' is not a key",
        "signal: 9",
    ],
)
def test_other_text_stays(text: str) -> None:
    assert redact(text) == text


@pytest.mark.row("X19")
def test_known_secrets_are_cut_in_every_spelling() -> None:
    secret = "p/w+ä x&"
    text = "a p/w+ä x& b p%2Fw%2B%C3%A4%20x%26 c p%2Fw%2B%C3%A4+x%26"
    assert redact(text, [secret, "", "x"]) == f"a {MASK} b {MASK} c {MASK}"
    assert redact("long-er and long", ["long", "long-er"]) == f"{MASK} and {MASK}"


@pytest.mark.parametrize(
    ("url", "public"),
    [
        ("s3://k:s@b/p?x=1#f", "s3://b/p"),
        ("https://u@h:8080/x@y", "https://h:8080/x@y"),
        ("file:///a/b", "file:///a/b"),
        ("memory://x", "memory://x"),
        ("/plain/path", "/plain/path"),
        ("bucket:name?token=x", "bucket:name"),
        ("https://h?x", "https://h"),
    ],
)
def test_public_url(url: str, public: str) -> None:
    assert public_url(url) == public


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("sqlite:////home/me/catalog.sqlite", "sqlite:////home/me/catalog.sqlite"),
        (f"postgresql://me:{CANARY}@db:5432/runs?options=x", "postgresql://db:5432/runs"),
        (f"postgresql://me@/runs?host=/run/pg&password={CANARY}&port=1", "postgresql:///runs at /run/pg,1"),
        ("postgresql://me@/runs?host=a:1&host=b:2", "postgresql:///runs at a:1,b:2"),
    ],
)
def test_database_place(url: str, place: str) -> None:
    assert database_place(url) == place


@pytest.mark.row("B3", "X19")
@pytest.mark.parametrize(
    ("url", "secrets"),
    [
        ("sftp://me:p%40ss@host/dir", ("p%40ss", "p@ss")),
        ("sftp://me:plain@host:22/d:i@r", ("plain",)),
        ("sftp://me@host", ()),
        ("s3://b/p", ()),
        ("/plain:path@x", ()),
        ("postgresql://me@h/d?password=p%40s+s&sslpassword=key&host=x", ("p%40s+s", "p@s+s", "p@s s", "key")),
        ("postgresql://me:a+b@h/d?options=-c%20x=1", ("a+b", "a b")),
    ],
)
def test_url_secrets(url: str, secrets: tuple[str, ...]) -> None:
    assert url_secrets(url) == secrets


@pytest.mark.row("X19")
@given(st.text(), st.from_regex(r"[A-Za-z0-9]{3,12}", fullmatch=True))
def test_a_known_secret_never_survives(text: str, secret: str) -> None:
    assert secret not in redact(f"{text}{secret}{text}", [secret]).replace(MASK, "\0")


@pytest.mark.row("X20")
@pytest.mark.parametrize("part", ["a", "://", "s3://@", "x-amz-", "authorization:", "?=", 'secret="', "https://a?"])
def test_long_hostile_text_takes_linear_time(part: str) -> None:
    started = time.thread_time()
    redact(part * 50_000)
    assert time.thread_time() - started < 1
