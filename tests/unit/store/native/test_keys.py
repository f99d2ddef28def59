"""Credentials on the native plane: those of the AWS library's chain and of google-auth, renewed when they end."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.servers import Server
from wabucketref.errors import NotAuthorised
from wabucketref.store.native import aws_config, factory, gcs

NATIVE = {"WABUCKET_DATA_PLANE": "native"}
Reply = tuple[int, dict[str, str], bytes]


@contextmanager
def serving(reply: Callable[[Any, bytes], Reply]) -> Iterator[str]:
    """A server whose answers are made by `reply(request, body)`; its URL."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, headers, said = reply(self, body)
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(said))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(b"" if self.command == "HEAD" else said)

        do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = answer

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def files(tmp_path: Path, config: str) -> dict[str, str]:
    (tmp_path / "config").write_text(config)
    return {"AWS_CONFIG_FILE": str(tmp_path / "config"), "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "none")}


CHAINS = {
    "profile": "[profile mine]\naws_access_key_id = AKIAMINE\naws_secret_access_key = s\nregion = us-east-1\n",
    "role": "[profile mine]\nrole_arn = arn:aws:iam::123456789012:role/r\nsource_profile = base\nregion = us-east-1\n"
    "[profile base]\naws_access_key_id = AKIABASE\naws_secret_access_key = s\n",
    "web identity": "[profile mine]\nrole_arn = arn:aws:iam::123456789012:role/r\nregion = us-east-1\n"
    "web_identity_token_file = {token}\n",
}


@pytest.mark.needs("moto")
@pytest.mark.parametrize("kind", CHAINS)
def test_the_chain_of_the_aws_library_is_asked(
    tmp_path: Path, moto_s3: Server, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Roles bring a session token."""
    (tmp_path / "token").write_text("a token of somebody else's")
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", moto_s3.endpoint)
    environ = files(tmp_path, CHAINS[kind].format(token=tmp_path / "token"))
    environ |= {"AWS_PROFILE": "mine", "AWS_ENDPOINT_URL": moto_s3.endpoint, **NATIVE}
    store: Any = factory.S3.open(moto_s3.url(moto_s3.make_bucket()), environ)
    store.put("a", b"1")
    assert store.read("a", limit=1)[0] == b"1"
    keys = store._native._keys.get()
    assert (keys.access == "AKIAMINE", keys.token is None) == ((True, True) if kind == "profile" else (False, False))
    store.close()


def moved(request: Any, _: bytes) -> Reply:
    """AWS, where the bucket is in eu-west-1."""
    if "/eu-west-1/s3/" in request.headers["Authorization"]:
        return 200, {"ETag": '"1"'}, b""
    body = b"<Error><Code>AuthorizationHeaderMalformed</Code><Region>eu-west-1</Region></Error>"
    return 400, {"x-amz-bucket-region": "eu-west-1"} if request.command == "HEAD" else {}, body


@pytest.mark.row("B1")
def test_aws_says_where_the_bucket_is_and_is_believed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Signed for the region that AWS names, and sent to AWS alone."""
    asked: list[str] = []

    def reply(request: Any, body: bytes) -> Reply:
        asked.append(f"{request.command} {request.headers['Authorization'].split('/')[2]}")
        return moved(request, body)

    with serving(reply) as url:
        monkeypatch.setattr(aws_config, "AWS", url)
        environ = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "y", "AWS_REGION": "us-east-1", **NATIVE}
        store = factory.S3.open("s3://with.dots", environ)
        assert store.put("a", b"1").etag == "1"
        assert store.head("a") is not None
        assert asked == ["PUT us-east-1", "PUT eu-west-1", "HEAD eu-west-1"]
        store.close()


@pytest.mark.parametrize("plane", ["native", "fsspec"])
@pytest.mark.parametrize("keys", [{}, {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "y"}])
def test_a_public_bucket_is_read_unsigned(
    plane: str, keys: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever credentials there are: AWS refuses those of strangers even where anybody may read."""
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")

    def reply(request: Any, _: bytes) -> Reply:
        if [name for name in request.headers if name.lower() in ("authorization", "x-amz-security-token")]:
            return 403, {}, b"<Error><Code>InvalidAccessKeyId</Code></Error>"
        return 200, {"ETag": '"1"', "Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT"}, b"public"

    with serving(reply) as url:
        environ = {**keys, **files(tmp_path, ""), "AWS_ENDPOINT_URL": url, "WABUCKET_DATA_PLANE": plane}
        with pytest.raises(NotAuthorised):
            factory.S3.open("s3://public", environ).read("a", limit=9)
        store = factory.S3.open("s3://public", {**environ, "AWS_SKIP_SIGNATURE": "true"})
        assert store.read("a", limit=9)[0] == b"public"
        store.close()


def account(tmp_path: Path, url: str) -> Path:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    found = {
        "type": "service_account",
        "private_key": pem,
        "client_email": "me@example.com",
        "token_uri": f"{url}/token",
    }
    path = tmp_path / "account.json"
    path.write_text(json.dumps({**found, "project_id": "p", "private_key_id": "k", "client_id": "c"}))
    return path


@pytest.mark.row("C3")
def test_google_tokens_are_asked_for_and_renewed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that the store takes no more is replaced by one that was just made, and only then."""
    made: list[str] = []

    def reply(request: Any, body: bytes) -> Reply:
        if request.path == "/token":
            made.append(f"token-{len(made)}")
            return (
                200,
                {"Content-Type": "application/json"},
                json.dumps({"access_token": made[-1], "expires_in": 3600, "token_type": "Bearer"}).encode(),
            )
        if request.headers["Authorization"] != "Bearer token-1":
            return 401, {}, b'{"error": {"message": "Invalid Credentials"}}'
        return 200, {}, b'{"name": "a", "size": "1", "etag": "e", "generation": "7"}'

    with serving(reply) as url:
        monkeypatch.setattr(gcs, "GOOGLE", url)
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(account(tmp_path, url)))
        store = factory.GS.open("gs://bucket", NATIVE)
        for _ in range(3):
            found = store.head("a")
            assert found is not None
            assert found.version == "7"
        assert made == ["token-0", "token-1"]
        store.close()


@pytest.mark.row("C1")
def test_google_credentials_that_are_no_good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def reply(request: Any, body: bytes) -> Reply:
        return 400, {"Content-Type": "application/json"}, b'{"error": "invalid_grant"}'

    with serving(reply) as url:
        monkeypatch.setattr(gcs, "GOOGLE", url)
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(account(tmp_path, url)))
        with pytest.raises(NotAuthorised) as caught:
            factory.GS.open("gs://bucket", NATIVE).head("a")
        assert "GOOGLE_APPLICATION_CREDENTIALS" in (caught.value.hint or "")
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "none.json"))
        with pytest.raises(NotAuthorised):
            factory.GS.open("gs://bucket", NATIVE).head("a")
