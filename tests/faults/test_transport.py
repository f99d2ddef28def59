"""What is between us and the store: TLS, plain http, and redirects to somebody else."""

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.certificates import certified
from tests.faults.conftest import MakeNet, OpenBucket
from tests.faults.network import FILES
from tests.faults.proxy import Proxy, Rule, Status
from tests.faults.test_endpoints import AWS, stores
from tests.faults.test_network import getting, putting
from tests.logs import said
from tests.servers import Server
from wabucketref.errors import TransientError

pytestmark = pytest.mark.usefixtures("plane")

TOKEN = "a-session-token-of-aws"


@pytest.fixture
def stranger() -> Iterator[Proxy]:
    """A host that would take anything."""
    with Proxy(rules=[Rule(Status(200), on="@1+")]) as proxy:
        yield proxy


@pytest.mark.row("X5")
@pytest.mark.needs("moto", "gcs")
@pytest.mark.parametrize("part", ["moto_s3", "gcs_emulator"])
def test_no_redirect_is_followed(net: MakeNet, request: pytest.FixtureRequest, part: str, stranger: Proxy) -> None:
    """aiohttp would take the session token and the bytes along; a redirect that passes is tried again here."""
    server = request.getfixturevalue(part)
    for status in (301, 302, 303, 307, 308):
        away = Status(status, headers={"Location": f"{stranger.url}/elsewhere"})
        one = net(server, putting(server, "a.txt", away), getting(server, "a.txt", away))
        one.world.env["AWS_SESSION_TOKEN"] = TOKEN
        one.upload()
        assert one.download() == FILES
    one = net(server, Rule(Status(307, headers={"Location": stranger.url}), on="@1+"))
    one.world.env["AWS_SESSION_TOKEN"] = TOKEN
    error = one.refused(one.upload)
    assert type(error).exit_code == 5
    assert "307" in str(error)
    assert len(one.proxy.log) < 200, "the AWS library follows them without end, where it asks for the bucket's region"
    assert stranger.log == []


@pytest.mark.row("X5")
@pytest.mark.needs("moto")
def test_certificates_are_verified(
    open_bucket: OpenBucket, moto_s3: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unknown authorities, other names and past dates are refused at the first try, before anything is sent."""
    for variable in ("PYTHONHTTPSVERIFY", "CURL_INSECURE", "NODE_TLS_REJECT_UNAUTHORIZED"):
        monkeypatch.setenv(variable, "0")
    (tmp_path / "past").mkdir()
    contexts: list[tuple[ssl.SSLContext, str, dict[str, str]]] = [
        (certified(tmp_path), "127.0.0.1", {}),
        (certified(tmp_path), "localhost", {"AWS_CA_BUNDLE": str(tmp_path / "cert.pem")}),
        (certified(tmp_path / "past", days=-2), "127.0.0.1", {"AWS_CA_BUNDLE": str(tmp_path / "past" / "cert.pem")}),
    ]
    for context, host, more in contexts:
        with Proxy(moto_s3.endpoint, tls=context) as proxy, monkeypatch.context() as patch:
            for name, value in more.items():
                patch.setenv(name, value)
            for url, environ in stores(proxy.url.replace("127.0.0.1", host)):
                with pytest.raises(TransientError) as caught:
                    open_bucket(url, {**environ, **more}).read("a", limit=1)
                assert "certificate" in f"{caught.value}".lower()
                assert not caught.value.retryable
                assert "trusted" in (caught.value.hint or "")
            assert proxy.log == []


@pytest.mark.row("X5")
@pytest.mark.needs("moto")
def test_an_authority_of_ones_own(
    open_bucket: OpenBucket, moto_s3: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Proxy(moto_s3.endpoint, tls=certified(tmp_path)) as proxy:
        monkeypatch.setenv("AWS_CA_BUNDLE", str(tmp_path / "cert.pem"))
        open_bucket(moto_s3.url(moto_s3.make_bucket()), {**AWS, "AWS_ENDPOINT_URL": proxy.url}).put("a", b"1")


@pytest.mark.row("X5")
def test_plain_http_is_said_unless_it_stays_here(open_bucket: OpenBucket, caplog: pytest.LogCaptureFixture) -> None:
    for host in ("http://127.0.0.1:9", "http://localhost:9", "http://[::1]:9", "https://store.invalid"):
        for url, environ in stores(host):
            open_bucket(url, environ)
    open_bucket("s3://bucket", AWS)
    assert said(caplog) == []
    for url, environ in stores("http://user:topsecret@store.invalid:9000"):
        caplog.clear()
        open_bucket(url, environ)
        assert url in caplog.text
        assert "store.invalid:9000 without TLS" in caplog.text
        assert "topsecret" not in caplog.text
