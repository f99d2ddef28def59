"""Every store the product speaks to, each with a second pair of eyes that knows nothing of us."""

import json
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults import buckets, trees
from tests.servers import Server


@dataclass
class Store:
    """A bucket somewhere, and how to see and change its objects behind our back."""

    bucket: str
    """Its URL."""
    environ: Mapping[str, str]
    objects: Callable[[], dict[str, bytes]]
    put: Callable[[str, bytes], None]

    def below(self, prefix: str) -> dict[str, bytes]:
        """Objects below a prefix, by what follows it."""
        return {key[len(prefix) :]: data for key, data in self.objects().items() if key.startswith(prefix)}


def local(root: Path) -> Store:
    def objects() -> dict[str, bytes]:
        files = (path for path in root.rglob("*") if path.is_file())
        return {path.relative_to(root).as_posix(): path.read_bytes() for path in files}

    def put(key: str, data: bytes) -> None:
        trees.make(root, {key: data})

    return Store(f"file://{urllib.parse.quote(str(root))}", {}, objects, put)


def s3(server: Server) -> Store:
    name = server.make_bucket()

    def put(key: str, data: bytes) -> None:
        client = buckets.client(server)
        client.put_object(Bucket=name, Key=key, Body=data)
        client.close()

    return Store(server.url(name), server.environ, lambda: buckets.objects(server, name), put)


def gs(server: Server) -> Store:
    name = server.make_bucket()

    def ask(path: str, data: bytes | None = None) -> bytes:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        headers = {"Content-Type": "application/octet-stream"} if data is not None else {}
        request = urllib.request.Request(f"{server.endpoint}{path}", data=data, headers=headers)
        with opener.open(request, timeout=30) as answer:
            body: bytes = answer.read()
            return body

    def objects() -> dict[str, bytes]:
        listed = json.loads(ask(f"/storage/v1/b/{name}/o")).get("items", [])
        quoted = {item["name"]: urllib.parse.quote(item["name"], safe="") for item in listed}
        return {key: ask(f"/storage/v1/b/{name}/o/{path}?alt=media") for key, path in quoted.items()}

    def put(key: str, data: bytes) -> None:
        ask(f"/upload/storage/v1/b/{name}/o?uploadType=media&name={urllib.parse.quote(key, safe='')}", data)

    return Store(server.url(name), server.environ, objects, put)


STORES = [
    "file",
    pytest.param("moto", marks=pytest.mark.needs("moto")),
    pytest.param("rclone", marks=pytest.mark.needs("rclone")),
    pytest.param("gcs", marks=pytest.mark.needs("gcs")),
]


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    match request.param:
        case "file":
            return local(tmp_path / "bucket dir")
        case "moto":
            return s3(request.getfixturevalue("moto_s3"))
        case "rclone":
            return s3(request.getfixturevalue("rclone_s3"))
        case _:
            return gs(request.getfixturevalue("gcs_emulator"))
