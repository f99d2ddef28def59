"""Who asks, as requests say it; signatures are compared with those of Azure's own SDK."""

import threading
import time
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError, ServiceRequestError
from azure.core.pipeline.transport import HttpRequest
from azure.storage.blob._shared.authentication import SharedKeyCredentialPolicy
from hypothesis import given, settings
from hypothesis import strategies as st

from azurite_server import ACCOUNT, KEY
from wabucketref.errors import NotAuthorised, SettingsError, TransientError
from wabucketref.plugin.http import Answer, Call
from wabucketref_azure.access import Access
from wabucketref_azure.failures import AzureRequest, Failures
from wabucketref_azure.native import NativeClient
from wabucketref_azure.signing import SharedKey, Token, date_of, tenant_of

TEXT = st.text(st.characters(blacklist_categories=("Cs", "Cc")), min_size=1, max_size=12)
HEADER = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=12)
HEADERS = (
    "content-md5", "content-type", "if-match", "if-none-match", "x-ms-blob-content-type", "x-ms-blob-type",
    "x-ms-copy-source", "x-ms-meta-wabucket_upload", "x-ms-range", "x-ms-source-if-match", "x-ms-version",
)  # fmt: skip
ASKED = AzureRequest("bucket az://team")


def quoted(text: str) -> str:
    return quote(text, safe="")


@settings(deadline=None)
@given(
    st.sampled_from(["GET", "PUT", "HEAD", "DELETE"]),
    TEXT,
    st.dictionaries(st.sampled_from(["comp", "prefix", "marker", "blockid", "blocklisttype"]), TEXT, max_size=4),
    st.dictionaries(st.sampled_from(HEADERS), HEADER, max_size=6),
    st.binary(max_size=3),
)
def test_as_azures_sdk_signs(
    method: str, name: str, query: dict[str, str], headers: dict[str, str], body: bytes
) -> None:
    asked = "&".join(f"{key}={quoted(value)}" for key, value in query.items())
    call = Call(ASKED, method, f"/{ACCOUNT}/team/{quoted(name)}", asked, headers, body)
    signed = dict(headers)
    assert SharedKey(ACCOUNT, KEY).sign(call, signed, 1_790_000_000.0) == asked
    assert signed["x-ms-date"] == "Mon, 21 Sep 2026 14:13:20 GMT"

    request = HttpRequest(method, f"http://host{call.path}{'?' if asked else ''}{asked}", dict(headers))
    request.headers["x-ms-date"] = signed["x-ms-date"]
    if body:
        request.set_bytes_body(body)
    context = SimpleNamespace(transport=None)
    SharedKeyCredentialPolicy(ACCOUNT, KEY).on_request(SimpleNamespace(http_request=request, context=context))
    assert signed["authorization"] == request.headers["Authorization"]


@settings(deadline=None)
@given(st.integers(0, 4_102_444_800))
def test_dates_are_those_of_headers(second: int) -> None:
    from email.utils import formatdate

    assert date_of(second) == formatdate(second, usegmt=True)


class Credential:
    """As Azure's identity library has them."""

    def __init__(self, *lives: float | Exception) -> None:
        self.lives = list(lives)
        self.asked: list[dict[str, Any]] = []

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        assert scopes == ("https://storage.azure.com/.default",)
        self.asked.append(options)
        life = self.lives.pop(0)
        if isinstance(life, Exception):
            raise life
        return AccessToken(f"token-{len(self.asked)}", int(time.time() + life))


def token_of(credential: Credential, endpoint: str = "https://team.blob.core.windows.net") -> Token:
    access = Access(endpoint)
    object.__setattr__(access, "credential", lambda: credential)
    return Token(access, Failures(endpoint, ()))


def bearer(token: Token) -> str:
    headers: dict[str, str] = {}
    token.sign(Call(ASKED, "GET", "/team/a"), headers)
    return headers["authorization"]


def test_a_token_is_used_until_it_is_about_to_end() -> None:
    credential = Credential(3600, 200, 0, 3600)
    token = token_of(credential)
    for number in (1, 2):
        assert [bearer(token), bearer(token)] == [f"Bearer token-{number}"] * 2
        token.renew(Answer(ASKED, 401, "Unauthorized", {}))
    assert [bearer(token), bearer(token)] == ["Bearer token-4"] * 2  # the third had ended when it came


def test_the_service_says_of_which_tenant_it_wants_a_token() -> None:
    credential = Credential(3600, 3600)
    token = token_of(credential)
    bearer(token)
    challenge = "Bearer authorization_uri=https://login.microsoftonline.com/a-tenant/oauth2/authorize resource_id=x"
    token.renew(Answer(ASKED, 401, "Unauthorized", {"www-authenticate": challenge}))
    bearer(token)
    assert credential.asked == [{}, {"tenant_id": "a-tenant"}]
    assert tenant_of('Bearer resource_id=x, authorization_uri="https://login/other/x"') == "other"
    assert tenant_of("Basic realm=x") is None


@pytest.mark.parametrize(
    ("error", "kind", "hint"),
    [
        (ClientAuthenticationError("nobody is logged in\nmore"), NotAuthorised, "az login"),
        (ServiceRequestError("no route"), TransientError, "network"),
    ],
)
def test_why_there_is_no_token(error: Exception, kind: type[Exception], hint: str) -> None:
    with pytest.raises(kind) as caught:
        bearer(token_of(Credential(error)))
    assert "bucket az://team" in str(caught.value)
    assert "more" not in str(caught.value)
    assert hint in (caught.value.hint or "")  # type: ignore[attr-defined]


def test_a_token_goes_over_tls_only() -> None:
    with pytest.raises(SettingsError, match="no token is sent"):
        bearer(token_of(Credential(3600), "http://team.example"))


def test_only_a_token_may_be_old() -> None:
    refused = Answer(ASKED, 401, "Unauthorized", {"x-ms-error-code": "InvalidAuthenticationInfo"})
    call = Call(ASKED, "GET", "/team/a")
    for access, old in ((Access("https://a"), True), (Access("https://a", sas="sig=x"), False)):
        error = NativeClient(access, 1.0).refusal(call, refused)
        assert isinstance(error, NotAuthorised)
        assert error.expired is old


def test_all_who_wait_for_a_token_that_cannot_be_had_are_told_at_once() -> None:
    begun, many = threading.Event(), 8

    class Slow(Credential):
        def get_token(self, *scopes: str, **options: Any) -> AccessToken:
            begun.set()
            time.sleep(0.1)
            return super().get_token(*scopes, **options)

    credential = Slow(*[ClientAuthenticationError("nobody is logged in")] * many)
    token, told = token_of(credential), list[str]()

    def ask() -> None:
        with pytest.raises(NotAuthorised) as caught:
            bearer(token)
        told.append(str(caught.value))

    threads = [threading.Thread(target=ask) for _ in range(many)]
    for thread in threads:
        thread.start()
        begun.wait(5)
    for thread in threads:
        thread.join()
    assert len(told) == many
    assert len(credential.asked) < many
