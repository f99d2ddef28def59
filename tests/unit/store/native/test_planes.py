"""Which plane carries a bucket, where that is, and what of the AWS tools' settings is understood."""

import logging
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from tests.logs import said
from tests.servers import Server
from wabucketref.errors import NotFound, SettingsError
from wabucketref.store.drivers.urls import parse_bucket_url
from wabucketref.store.native import factory
from wabucketref.store.native.aws_config import place_of
from wabucketref.store.native.http import Unfit

KEYS = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "y"}
ROOT = Path(__file__).parents[4]

PLACES = {
    "s3://b1c": ({}, "https://b1c.s3.us-east-1.amazonaws.com", ""),
    "s3://b1c/p": ({"AWS_REGION": "eu-west-1"}, "https://b1c.s3.eu-west-1.amazonaws.com", ""),
    "s3://b1d": ({"AWS_DEFAULT_REGION": "cn-north-1"}, "https://b1d.s3.cn-north-1.amazonaws.com.cn", ""),
    "s3://with.dots": ({}, "https://s3.us-east-1.amazonaws.com", "/with.dots"),
    "s3://Upper": ({}, "https://s3.us-east-1.amazonaws.com", "/Upper"),
    "s3://b1e": ({"AWS_ENDPOINT_URL": "http://localhost:9000/"}, "http://localhost:9000", "/b1e"),
    "s3://b1f": ({"AWS_ENDPOINT_URL_S3": "https://a", "AWS_ENDPOINT_URL": "https://b"}, "https://a", "/b1f"),
    "s3://b1g": (
        {"AWS_ENDPOINT_URL": "https://a", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"},
        "https://b1g.s3.us-east-1.amazonaws.com",
        "",
    ),
}


@pytest.mark.parametrize("url", PLACES)
def test_where_buckets_are(url: str) -> None:
    environ, server, root = PLACES[url]
    place = place_of(parse_bucket_url(url, "s3"), environ, None)
    assert (place.server, place.root) == (server, root)


CONFIGS = {
    "region": ("region = eu-north-1", "https://b1c.s3.eu-north-1.amazonaws.com", ""),
    "endpoint": ("endpoint_url = http://own:1", "http://own:1", "/b1c"),
    "service": ("services = x\n[services x]\ns3 =\n  endpoint_url = http://own:2", "http://own:2", "/b1c"),
    "virtual": ("endpoint_url = http://own:3\ns3 =\n  addressing_style = virtual", "http://b1c.own:3", ""),
    "path": ("s3 =\n  addressing_style = path", "https://s3.us-east-1.amazonaws.com", "/b1c"),
}


@pytest.mark.parametrize("kind", CONFIGS)
@pytest.mark.parametrize("keys", [True, False])
def test_what_the_aws_tools_files_say(tmp_path: Path, kind: str, keys: bool) -> None:
    text, server, root = CONFIGS[kind]
    (tmp_path / "config").write_text(f"[default]\n{text}\n")
    environ = {"AWS_CONFIG_FILE": str(tmp_path / "config"), "WABUCKET_DATA_PLANE": "native"}
    store = factory.S3.open("s3://b1c", {**environ, **(KEYS if keys else {})})
    place = store._native._place  # type: ignore[attr-defined]
    assert place is not None
    assert (place.server, place.root) == (server, root)
    store.close()


UNFIT = {
    "s3://bucket--usw2-az1--x-s3": ({}, "directory bucket"),
    "s3://b1c": ({"AWS_REGION": "us-iso-east-1"}, "region us-iso-east-1"),
    "s3://b1d": ({"AWS_USE_FIPS_ENDPOINT": "true"}, "AWS_USE_FIPS_ENDPOINT"),
}


@pytest.mark.parametrize("url", UNFIT)
def test_what_only_fsspec_can_is_carried_by_it_and_said(url: str, caplog: pytest.LogCaptureFixture) -> None:
    environ, why = UNFIT[url]
    with caplog.at_level(logging.INFO):
        store = factory.S3.open(url, {**KEYS, **environ})
    assert store.plane == "fsspec"  # type: ignore[attr-defined]
    assert any(why in line and "carried by fsspec" in line for line in said(caplog))
    with pytest.raises(SettingsError, match=why) as caught:
        factory.S3.open(url, {**KEYS, **environ, "WABUCKET_DATA_PLANE": "native"})
    assert caught.value.hint == "unset WABUCKET_DATA_PLANE"


def test_a_proxy_that_speaks_something_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "socks5://127.0.0.1:1080")
    monkeypatch.setenv("http_proxy", "socks5://127.0.0.1:1080")
    address = parse_bucket_url("s3://b1c", "s3")
    assert place_of(address, KEYS, None)
    for url, environ in (("s3://b1c", KEYS), ("gs://b1c", {"STORAGE_EMULATOR_HOST": "http://store.invalid"})):
        planes = factory.S3 if url.startswith("s3") else factory.GS
        assert planes.open(url, environ).plane == "fsspec"  # type: ignore[attr-defined]
        with pytest.raises(SettingsError, match="a proxy that is spoken to by socks5"):
            planes.open(url, {**environ, "WABUCKET_DATA_PLANE": "native"})


def test_the_plane_can_be_chosen() -> None:
    for url, planes in (("s3://b1c", factory.S3), ("gs://b1c", factory.GS)):
        for plane, expected in (("", "native"), ("auto", "native"), ("native", "native"), ("fsspec", "fsspec")):
            assert planes.open(url, {**KEYS, "WABUCKET_DATA_PLANE": plane}).plane == expected  # type: ignore[attr-defined]


@pytest.mark.needs("moto", "gcs")
def test_no_cloud_sdk_is_imported(moto_s3: Server, gcs_emulator: Server) -> None:
    """What they cost to import is several times a small transfer."""
    script = (
        "import sys, os\n"
        "from wabucketref.store.native.factory import S3, GS\n"
        "for planes, name in ((S3, 'S3_URL'), (GS, 'GS_URL')):\n"
        "    store = planes.open(os.environ[name], os.environ)\n"
        "    store.put('a', b'1', if_absent=True)\n"
        "    assert store.read('a', limit=1)[0] == b'1'\n"
        "    assert [one.key for one in store.list('')] == ['a']\n"
        "    store.delete('a')\n"
        "    store.close()\n"
        "print(*sys.modules, sep=',')\n"
    )
    urls = {"S3_URL": moto_s3.url(moto_s3.make_bucket()), "GS_URL": gcs_emulator.url(gcs_emulator.make_bucket())}
    environ = {"PYTHONPATH": str(ROOT), "NO_PROXY": "*", **moto_s3.environ, **gcs_emulator.environ, **urls}
    ran = subprocess.run([sys.executable, "-c", script], env=environ, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    heavy = {"aiobotocore", "aiohttp", "boto3", "botocore", "fsspec", "gcsfs", "google.auth", "requests", "s3fs"}
    assert not heavy & set(ran.stdout.strip().split(","))


class Refusing(BaseHTTPRequestHandler):
    """An S3 server without any object, which counts the connections to it."""

    protocol_version = "HTTP/1.1"
    connections: ClassVar[list[object]] = []

    def setup(self) -> None:
        super().setup()
        self.connections.append(self)

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b"<Error><Code>NoSuchKey</Code></Error>"
        self.send_response(404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_PUT = do_GET

    def log_message(self, *words: object) -> None:
        pass


def test_what_is_not_there_costs_no_connection() -> None:
    Refusing.connections.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        endpoint = f"http://127.0.0.1:{server.server_port}"
        store = factory.S3.open("s3://b1h", {**KEYS, "AWS_ENDPOINT_URL": endpoint, "NO_PROXY": "*"})
        for _ in range(3):
            with pytest.raises(NotFound):
                store.read("a", limit=1)
        assert len(Refusing.connections) == 1
        with pytest.raises(NotFound):
            store.put("a", b"a body, of which nobody knows whether the server took it all")
        with pytest.raises(NotFound):
            store.read("a", limit=1)
        assert len(Refusing.connections) == 2
        store.close()
        server.shutdown()


def test_unfit_is_no_error_of_ours() -> None:
    """Nobody above the factory may meet it."""
    assert not issubclass(Unfit, SettingsError)
