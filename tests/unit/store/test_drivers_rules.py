"""Keys, URLs, chunks, listings in pages, and error tables: everything of the drivers that needs no server."""

import hashlib
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wabucketref.errors import (
    AlreadyExists,
    LocalIOError,
    NotAuthorised,
    NotFound,
    OutcomeUnknown,
    PreconditionFailed,
    SettingsError,
    TransientError,
    Unsupported,
    UsageError,
    WaBucketError,
)
from wabucketref.store.drivers import gcs_errors, generic, s3_errors
from wabucketref.store.drivers.chunks import blocks
from wabucketref.store.drivers.http_errors import clock_hint, retry_after
from wabucketref.store.drivers.keys import check_key
from wabucketref.store.drivers.s3_client import options_from
from wabucketref.store.drivers.s3_request import S3Request
from wabucketref.store.drivers.s3_stream import MAX_PARTS, part_bytes
from wabucketref.store.drivers.urls import parse_bucket_url, public
from wabucketref.store.format.etags import multipart_etag


@given(st.text())
def test_keys(key: str) -> None:
    plain = bool(key) and "\0" not in key and all(part not in ("", ".", "..") for part in key.split("/"))
    if plain and not any("\ud800" <= char <= "\udfff" for char in key):
        assert check_key(key, 1 << 20) == key
    else:
        with pytest.raises(UsageError):
            check_key(key, 1 << 20)


@pytest.mark.row("S7")
def test_key_length_counts_bytes() -> None:
    check_key("ä" * 512, 1024)
    with pytest.raises(UsageError, match="1026 bytes"):
        check_key("ä" * 513, 1024)


@pytest.mark.parametrize(
    ("url", "bucket", "prefix"),
    [
        ("s3://my-bucket", "my-bucket", ""),
        ("s3://b1/", "b1", ""),
        ("S3://b1/a/b c", "b1", "a/b c"),
        ("s3://b1/a/", "b1", "a"),
    ],
)
def test_bucket_urls(url: str, bucket: str, prefix: str) -> None:
    address = parse_bucket_url(url, "s3")
    assert (address.bucket, address.prefix) == (bucket, prefix)
    assert address.relative(address.key("x/y")) == "x/y"


@pytest.mark.row("B2")
@pytest.mark.parametrize(
    "url",
    [
        "s3:/b",
        "s3://",
        "s3:///k",
        "s3://b1//",
        "s3://b1/a//b",
        "s3://b1/../x",
        "s3://b1/%2e%2e/x",
        "s3://b1/%2E/x",
        "s3://b1?x",
        "s3://b1/a#f",
        "s3://b1/a\n",
        "gs://b1",
        "s3://KEY:topsecret@b1",
        "s3://b 1",
        "b1",
    ],
)
def test_malformed_bucket_urls(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_bucket_url(url, "s3")
    assert "topsecret" not in str(caught.value)


@pytest.mark.row("B2")
@given(st.text(alphabet="ab/.%2eE?#\\ ", max_size=20))
def test_no_url_leads_out_of_its_prefix(path: str) -> None:
    try:
        address = parse_bucket_url(f"s3://bucket/{path}", "s3")
    except UsageError:
        return
    assert not address.prefix or check_key(address.prefix)
    assert address.key("type/name").endswith("type/name")


@pytest.mark.row("B3", "X19")
def test_public_urls_have_no_secrets() -> None:
    assert public("https://KEY:SECRET@host/a?sig=x#y") == "https://host/a"
    assert generic.FACTORY.open("sftp://user:SECRET@host/dir/", {}).url == "sftp://host/dir"


@given(st.lists(st.binary(max_size=50)), st.integers(1, 40))
def test_blocks(chunks: list[bytes], block: int) -> None:
    data = b"".join(chunks)
    cut = list(blocks(iter(chunks), block, len(data), "it"))
    assert b"".join(cut) == data
    assert len(cut) == max(1, -(-len(data) // block))
    for wrong in (len(data) + 1, len(data) - 1):
        with pytest.raises(LocalIOError):
            list(blocks(iter(chunks), block, wrong, "it"))


@pytest.mark.row("O6")
def test_parts_grow_with_the_object() -> None:
    assert part_bytes(1) == part_bytes(80 << 30 >> 3) == 8 << 20
    size = 5 << 40
    assert -(-size // part_bytes(size)) <= MAX_PARTS
    with pytest.raises(UsageError):
        part_bytes(100 << 40)


def test_etag_of_an_object_in_parts() -> None:
    parts = hashlib.md5(bytes(16) + bytes([255] * 16), usedforsecurity=False).hexdigest()
    assert multipart_etag(["0" * 32, "f" * 32]) == f"{parts}-2"
    assert multipart_etag(["not hex"]) is None
    assert multipart_etag(["abcd"]) is None


def _client_error(status: int, code: str, headers: dict[str, str] | None = None, **error: Any) -> Exception:
    from botocore.exceptions import ClientError

    meta = {"HTTPStatusCode": status, "HTTPHeaders": headers or {}, "RequestId": "REQ1"}
    return ClientError({"Error": {"Code": code, "Message": "text", **error}, "ResponseMetadata": meta}, "PutObject")  # type: ignore[arg-type]


PLAIN = S3Request("bucket s3://b, object 'k'")
WRITE = S3Request("bucket s3://b, object 'k'", writing=True)
CREATE = S3Request("bucket s3://b, object 'k'", writing=True, if_absent=True)
MATCH = S3Request("bucket s3://b, object 'k'", writing=True, if_match=True)


@pytest.mark.parametrize(
    ("status", "code", "request_", "kind", "word"),
    [
        (404, "NoSuchKey", PLAIN, NotFound, "name"),
        (404, "NoSuchBucket", WRITE, NotFound, "not created"),
        (404, "NoSuchBucket", MATCH, NotFound, "not created"),
        (404, "NoSuchKey", MATCH, PreconditionFailed, "removed"),
        (403, "AccessDenied", WRITE, NotAuthorised, "permission"),
        (403, "403", PLAIN, NotAuthorised, "permission"),
        (403, "SignatureDoesNotMatch", PLAIN, NotAuthorised, "AWS_SECRET_ACCESS_KEY"),
        (403, "RequestTimeTooSkewed", PLAIN, NotAuthorised, "clock"),
        (400, "ExpiredToken", PLAIN, NotAuthorised, "expired"),
        (301, "PermanentRedirect", PLAIN, SettingsError, "AWS_REGION"),
        (412, "PreconditionFailed", CREATE, AlreadyExists, "another name"),
        (412, "PreconditionFailed", MATCH, PreconditionFailed, "again"),
        (409, "ConditionalRequestConflict", CREATE, OutcomeUnknown, "again"),
        (503, "SlowDown", WRITE, TransientError, "again"),
        (400, "RequestTimeout", WRITE, TransientError, "again"),
        (429, "Whatever", CREATE, TransientError, "again"),
        (500, "InternalError", WRITE, OutcomeUnknown, "again"),
        (502, "502", CREATE, OutcomeUnknown, "again"),
        (500, "InternalError", PLAIN, TransientError, "again"),
        (501, "NotImplemented", CREATE, Unsupported, "cannot"),
        (400, "EntityTooLarge", WRITE, UsageError, "size"),
        (400, "SomethingNew", WRITE, UsageError, "refused"),
    ],
)
def test_kinds_of_s3_answers(status: int, code: str, request_: S3Request, kind: type[WaBucketError], word: str) -> None:
    error = s3_errors.translate(_client_error(status, code), request_)
    assert type(error) is kind
    assert code in error.message
    assert "REQ1" in error.message
    assert "s3://b" in error.message
    assert word in (error.hint or "")


def test_s3_answers_with_more_to_say() -> None:
    moved = s3_errors.translate(_client_error(301, "PermanentRedirect", {"x-amz-bucket-region": "eu-west-9"}), PLAIN)
    assert moved.hint == "set AWS_REGION=eu-west-9"
    malformed = s3_errors.translate(_client_error(400, "AuthorizationHeaderMalformed", Region="eu-west-9"), PLAIN)
    assert malformed.hint == "set AWS_REGION=eu-west-9"
    busy = s3_errors.translate(_client_error(503, "SlowDown", {"retry-after": "7"}), PLAIN)
    assert isinstance(busy, TransientError)
    assert busy.retry_after == 7.0
    skewed = s3_errors.translate(_client_error(403, "403", {"date": "Thu, 01 Jan 1970 00:00:00 GMT"}), PLAIN)
    assert "ahead of the store's" in (skewed.hint or "")


def _refused() -> aiohttp.ClientConnectorError:
    key: Any = SimpleNamespace(ssl=False, host="x", port=1)
    return aiohttp.ClientConnectorError(key, ConnectionRefusedError(111, "refused"))


def test_kinds_of_boto_exceptions() -> None:
    from botocore import exceptions as boto

    refused = s3_errors.translate(boto.EndpointConnectionError(endpoint_url="http://x", error=_refused()), WRITE)
    assert type(refused) is TransientError
    assert refused.unreachable
    broken = boto.EndpointConnectionError(endpoint_url="http://x", error=aiohttp.ClientOSError(104, "reset"))
    assert type(s3_errors.translate(broken, WRITE)) is OutcomeUnknown
    lost = s3_errors.translate(boto.ReadTimeoutError(endpoint_url="http://x"), CREATE)
    assert type(lost) is OutcomeUnknown
    assert type(s3_errors.translate(boto.ReadTimeoutError(endpoint_url="http://x"), PLAIN)) is TransientError
    nobody = s3_errors.translate(boto.NoCredentialsError(), PLAIN)
    assert type(nobody) is NotAuthorised
    assert "asked: AWS_ACCESS_KEY_ID" in (nobody.hint or "")
    assert type(s3_errors.translate(boto.ProfileNotFound(profile="x"), PLAIN)) is SettingsError
    tls = s3_errors.translate(boto.SSLError(endpoint_url="https://x", error="wrong version"), PLAIN)
    assert (tls.exit_code, tls.retryable) == (5, False)


@pytest.mark.parametrize(
    ("status", "request_", "kind"),
    [
        (404, gcs_errors.GcsRequest("x"), NotFound),
        (404, gcs_errors.GcsRequest("x", True, if_match=True), PreconditionFailed),
        (412, gcs_errors.GcsRequest("x", True, if_absent=True), AlreadyExists),
        (412, gcs_errors.GcsRequest("x", True, if_match=True), PreconditionFailed),
        (401, gcs_errors.GcsRequest("x"), NotAuthorised),
        (403, gcs_errors.GcsRequest("x"), NotAuthorised),
        (429, gcs_errors.GcsRequest("x", True), TransientError),
        (503, gcs_errors.GcsRequest("x", True, if_absent=True), TransientError),
        (500, gcs_errors.GcsRequest("x", True), OutcomeUnknown),
        (502, gcs_errors.GcsRequest("x"), TransientError),
        (501, gcs_errors.GcsRequest("x"), Unsupported),
        (400, gcs_errors.GcsRequest("x"), UsageError),
    ],
)
def test_kinds_of_gcs_answers(status: int, request_: gcs_errors.GcsRequest, kind: type[WaBucketError]) -> None:
    body = b'{"error": {"code": 1, "message": "what it says"}}'
    error = gcs_errors.answered(status, {"Retry-After": "3"}, body, request_)
    assert type(error) is kind
    assert "what it says" in error.message
    if type(error) is TransientError and status in (429, 503):
        assert error.retry_after == 3.0


def test_a_missing_gcs_bucket_is_named() -> None:
    error = gcs_errors.answered(404, {}, b"", gcs_errors.GcsRequest("bucket gs://b", of_bucket=True))
    assert "the bucket does not exist" in error.message
    assert "not created" in (error.hint or "")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7", 7.0),
        ("0", 0.0),
        ("-3", None),
        ("soon", None),
        ("1e400", None),
        ("", None),
        ("nan", None),
        ("Thu, 01 Jan 1970 00:01:40 GMT", 60.0),
        ("Thu, 01 Jan 1970 00:00:10 GMT", None),
    ],
)
def test_retry_after(text: str, seconds: float | None) -> None:
    assert retry_after({"retry-after": text}, now=40.0) == seconds


@pytest.mark.row("C2")
def test_clock_hint() -> None:
    headers = {"date": "Thu, 01 Jan 1970 01:00:00 GMT"}
    assert clock_hint(headers, now=3600) is None
    assert clock_hint(headers, now=3600 + 1200) == "your clock is 20 min ahead of the store's; set it right"
    assert clock_hint(headers, now=3600 - 7200) == "your clock is 120 min behind the store's; set it right"
    assert "ahead of" in (clock_hint(headers, now=4.07e9) or "")
    assert clock_hint({}, now=0) is None
    assert clock_hint({"date": "yesterday"}, now=0) is None


def test_s3_options() -> None:
    aws = options_from({"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_REGION": "eu-west-1"})
    assert aws["client_kwargs"] == {"region_name": "eu-west-1"}
    assert "endpoint_url" not in aws
    assert aws["config_kwargs"]["retries"]["total_max_attempts"] == 1
    other = options_from({"AWS_ENDPOINT_URL": "http://a", "AWS_ENDPOINT_URL_S3": "http://b", "AWS_PROFILE": "p"})
    assert other["endpoint_url"] == "http://b"
    assert other["profile"] == "p"
    assert other["config_kwargs"]["s3"] == {"addressing_style": "path"}
    ignored = options_from({"AWS_ENDPOINT_URL": "http://a", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"})
    assert "endpoint_url" not in ignored


@pytest.mark.parametrize("url", ["nosuch://x/y", "az://", "az:///", "az://c/../d", "az://c/a?b"])
def test_generic_urls(url: str) -> None:
    with pytest.raises(UsageError):
        generic.FACTORY.open(url, {})
