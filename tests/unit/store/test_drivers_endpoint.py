"""S3 endpoints that are not what they should be, played by a few lines of HTTP server."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.planes import S3
from wabucketref.errors import SettingsError
from wabucketref.store.drivers.probe import settle

pytestmark = pytest.mark.usefixtures("plane")
Answer = tuple[int, dict[str, str], str]


@contextmanager
def serving(answer: Callable[[str], Answer]) -> Iterator[dict[str, str]]:
    """A server that reads a request whole, without ever saying "100 Continue"; the environment that leads to it."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, headers, body = answer(self.command)
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body.encode())

        do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = answer

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    endpoint = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "y", "AWS_ENDPOINT_URL": endpoint}
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def redirected(method: str) -> Answer:
    body = "<Error><Code>PermanentRedirect</Code><Message>use the other endpoint</Message></Error>"
    return 301, {"x-amz-bucket-region": "eu-west-1"}, "" if method == "HEAD" else body


def malformed(method: str) -> Answer:
    body = "<Error><Code>AuthorizationHeaderMalformed</Code><Message>wrong</Message><Region>eu-west-1</Region></Error>"
    return 400, {"x-amz-bucket-region": "eu-west-1"} if method == "HEAD" else {}, "" if method == "HEAD" else body


@pytest.mark.row("B1")
@pytest.mark.timeout(10)
@pytest.mark.parametrize("answer", [redirected, malformed])
def test_a_bucket_in_another_region_is_said_with_it_and_nothing_is_learned(
    tmp_path: Path, answer: Callable[[str], Answer]
) -> None:
    with serving(answer) as environ:
        store = settle(S3.open("s3://bucket", environ), tmp_path / "probes")
        calls = (
            lambda: store.capabilities,
            lambda: store.put("a", b"1"),
            lambda: store.head("a"),
            lambda: list(store.list("")),
        )
        for call in calls:
            with pytest.raises(SettingsError) as caught:
                call()
            assert caught.value.hint == "set AWS_REGION=eu-west-1"
        store.close()
    assert not (tmp_path / "probes").exists(), "the redirect was taken for an answer to the probe"


@pytest.mark.row("W2")
@pytest.mark.timeout(10)
def test_a_server_that_never_says_continue_gets_the_body_nevertheless() -> None:
    with serving(lambda method: (200, {"ETag": '"1"'}, "")) as environ:
        store = S3.open("s3://bucket", environ)
        assert store.put("a", b"1").etag == "1"
        store.close()
