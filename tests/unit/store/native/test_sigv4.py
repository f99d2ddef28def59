"""Signatures, compared with those of the AWS library."""

from urllib.parse import quote

from hypothesis import example, given
from hypothesis import strategies as st

from wabucketref.store.native.sigv4 import UNSIGNED, Keys, Signer, query_of

NOW = 1_790_000_000.0
MOMENT = "20260921T141320Z"
TEXT = st.text(st.characters(blacklist_categories=("Cs", "Cc")), min_size=1, max_size=12)
HEADER = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=12)


@given(
    st.sampled_from(["GET", "PUT", "HEAD", "POST", "DELETE"]),
    TEXT,
    st.dictionaries(TEXT, TEXT, max_size=3),
    st.dictionaries(st.sampled_from(["if-match", "range", "content-md5", "x-amz-copy-source"]), HEADER, max_size=3),
    st.sampled_from([None, "a/token+of=AWS"]),
)
@example("GET", "key", {"0": "0", "00": "0"}, {}, None)
def test_as_the_aws_library_signs(
    method: str, key: str, query: dict[str, str], headers: dict[str, str], token: str | None
) -> None:
    from botocore.auth import S3SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    path, asked = f"/bucket/{quote(key, safe='/-_.~')}", query_of(list(query.items()))
    signed = Signer("eu-west-1").sign(
        Keys("AKIA", "secret", token), method, path, asked, {"host": "example.com", **headers}, UNSIGNED, NOW
    )
    request = AWSRequest(method, f"https://example.com{path}", params=query)
    for name, value in signed.items():
        if name not in ("authorization", "host"):
            request.headers[name] = value
    request.context["timestamp"] = MOMENT
    assert signed["x-amz-date"] == MOMENT
    auth = S3SigV4Auth(Credentials("AKIA", "secret", token), "s3", "eu-west-1")
    text = auth.string_to_sign(request, auth.canonical_request(request))
    assert signed["authorization"].endswith(f"Signature={auth.signature(text, request)}")
    assert signed["authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKIA/20260921/eu-west-1/s3/aws4_request, ")


def test_the_key_of_the_day_changes_with_day_and_secret() -> None:
    signer = Signer("us-east-1")

    def signature(secret: str, now: float) -> str:
        return signer.sign(Keys("A", secret), "GET", "/", "", {"host": "h"}, UNSIGNED, now)["authorization"]

    made = [signature(secret, NOW + day * 86400) for secret in ("one", "two") for day in (0, 1)]
    assert len(set(made)) == 4
    assert signature("one", NOW) == made[0]
