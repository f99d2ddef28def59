"""Ways to the store that lead nowhere, to somebody else, or through a proxy that wants more."""

import ssl
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.faults.certificates import certified
from tests.faults.conftest import Flaky, OpenBucket
from tests.faults.network import Clock
from tests.faults.proxy import Cut, Proxy, Reset, Rule, Status
from tests.servers import Server
from wabucketref.errors import NotAuthorised, TransientError, WaBucketError

pytestmark = pytest.mark.usefixtures("plane")

AWS = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "y", "AWS_EC2_METADATA_DISABLED": "true"}
FirstError = Callable[..., WaBucketError]


@pytest.fixture
def first_error(open_bucket: OpenBucket) -> FirstError:
    """What the first request to a bucket says, which must come within 10 seconds."""

    def ask(url: str, environ: Mapping[str, str]) -> WaBucketError:
        clock, begun = Clock(), time.monotonic()
        with pytest.raises(WaBucketError) as caught:
            open_bucket(url, environ, clock).read("a", limit=1)
        assert time.monotonic() - begun + clock.now < 10
        print(f"{type(caught.value).__name__}: {caught.value}\nhint: {caught.value.hint}")
        return caught.value

    return ask


def stores(host: str) -> list[tuple[str, dict[str, str]]]:
    return [("s3://bucket", {**AWS, "AWS_ENDPOINT_URL": host}), ("gs://bucket", {"STORAGE_EMULATOR_HOST": host})]


@pytest.mark.row("W5", "B1")
def test_a_name_that_does_not_resolve(first_error: FirstError) -> None:
    for url, environ in stores("http://store.invalid:9000"):
        error = first_error(url, environ)
        assert type(error).exit_code == 5
        assert "store.invalid" in str(error)
        assert set(environ) & set((error.hint or "").replace("(", " ").replace(")", " ").split())


@pytest.mark.row("W5")
def test_a_proxy_variable_that_points_nowhere(first_error: FirstError, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_PROXY")
    monkeypatch.setenv("HTTP_PROXY", "http://user:topsecret@127.0.0.1:9")
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    for scheme, variable in (("http", "HTTP_PROXY"), ("https", "https_proxy")):
        for url, environ in stores(f"{scheme}://store.invalid"):
            error = first_error(url, environ)
            assert type(error).exit_code == 5
            assert f"{variable} (http://" in (error.hint or "")
            assert "topsecret" not in f"{error} {error.hint}"


@pytest.mark.row("W5")
@pytest.mark.needs("moto", "gcs")
def test_hosts_that_need_no_proxy(
    moto_s3: Server, gcs_emulator: Server, monkeypatch: pytest.MonkeyPatch, open_bucket: OpenBucket
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "localhost,127.0.0.1")
    for server in (moto_s3, gcs_emulator):
        open_bucket(server.url(server.make_bucket()), server.environ).put("a", b"1")


@pytest.mark.row("W5")
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_demands_a_login(first_error: FirstError, monkeypatch: pytest.MonkeyPatch, scheme: str) -> None:
    refusal = Status(407, headers={"Proxy-Authenticate": "Basic"})
    with Proxy(rules=[Rule(refusal, on="@1+")]) as proxy:
        monkeypatch.delenv("NO_PROXY")
        monkeypatch.setenv(f"{scheme}_proxy", proxy.url)
        for url, environ in stores(f"{scheme}://store.invalid"):
            error = first_error(url, environ)
            assert type(error) is NotAuthorised
            assert "407" in str(error)
            assert f"{scheme}_proxy" in (error.hint or "")
        assert [one.method for one in proxy.log] == ["GET" if scheme == "http" else "CONNECT"] * 2


@pytest.fixture
def tls(tmp_path: Path) -> ssl.SSLContext:
    """A TLS server for 127.0.0.1 that is trusted by those who are given ``cert.pem``."""
    return certified(tmp_path)


@pytest.mark.row("B1")
@pytest.mark.needs("moto")
def test_http_to_a_port_that_speaks_tls_and_the_other_way(
    first_error: FirstError, moto_s3: Server, tls: ssl.SSLContext
) -> None:
    with Proxy(moto_s3.endpoint, tls=tls) as proxy:
        for address in (proxy.url.replace("https", "http"), proxy.url, moto_s3.endpoint.replace("http", "https")):
            for url, environ in stores(address):
                error = first_error(url, environ)
                assert isinstance(error, TransientError)
                assert "https" in (error.hint or "") or "TLS" in (error.hint or ""), address


@pytest.mark.row("B1")
def test_http_to_servers_that_say_so(first_error: FirstError) -> None:
    """Go and nginx answer plain HTTP on a TLS port with a text."""
    for text in (b"Client sent an HTTP request to an HTTPS server.\n", b"<html>The plain HTTP request was sent to"):
        with Proxy(rules=[Rule(Status(400, body=text), on="@1+")]) as proxy:
            for url, environ in stores(proxy.url):
                error = first_error(url, environ)
                assert type(error).exit_code == 5
                assert "https" in (error.hint or "")


@pytest.mark.row("B1")
def test_nobody_listens_for_real_seconds(open_bucket: OpenBucket) -> None:
    begun = time.monotonic()
    with pytest.raises(TransientError, match="gave up after"):
        open_bucket(*stores("http://127.0.0.1:9")[0]).read("a", limit=1)
    assert time.monotonic() - begun < 10


@pytest.mark.row("W1")
@pytest.mark.needs("rclone")
def test_tls_that_is_cut(
    flaky: Flaky,
    rclone_s3: Server,
    tls: ssl.SSLContext,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    open_bucket: OpenBucket,
) -> None:
    """In the middle of bodies, without the farewell of TLS."""
    monkeypatch.setenv("AWS_CA_BUNDLE", str(tmp_path / "cert.pem"))
    data = b"x" * 100_000
    cuts = [Rule(Cut(50_000), "GET"), Rule(Cut(50_000, up=True), "PUT"), Rule(Reset(), "HEAD")]
    _, server = flaky(rclone_s3, *cuts, tls=tls)
    storage = open_bucket(server.url(server.make_bucket()), server.environ, Clock())
    storage.put("a", data)
    assert storage.head("a") is not None
    assert storage.read("a", limit=len(data))[0] == data


@pytest.mark.row("W5")
@pytest.mark.needs("rclone")
def test_tls_through_a_proxy_that_fails_once(
    flaky: Flaky,
    rclone_s3: Server,
    tls: ssl.SSLContext,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    open_bucket: OpenBucket,
) -> None:
    monkeypatch.setenv("AWS_CA_BUNDLE", str(tmp_path / "cert.pem"))
    monkeypatch.delenv("NO_PROXY")
    _, server = flaky(rclone_s3, tls=tls)
    with Proxy(rules=[Rule(Cut(0), "CONNECT")]) as tunnel:
        monkeypatch.setenv("HTTPS_PROXY", tunnel.url)
        open_bucket(server.url(server.make_bucket()), server.environ, Clock()).put("a", b"1")
        assert len(tunnel.log) > 1
        tunnel.check()
