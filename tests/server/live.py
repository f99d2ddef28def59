"""The live server, and plain HTTP to it."""

import base64
import json
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.unit.cli import schemas
from wabucketref.testing.server import LiveServer, serving

ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def started(directory: Path, *arguments: str, prelude: str = "", **environ: str) -> Iterator[LiveServer]:
    """A server of the code here, whose document fits its schema."""
    with serving(directory, *arguments, environ={"PYTHONPATH": str(ROOT), **environ}, prelude=prelude) as server:
        schemas.check("serve", server.told)
        yield server


def ask(
    server: LiveServer,
    method: str,
    path: str,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    *,
    key: str | None = None,
) -> tuple[int, bytes, Mapping[str, str]]:
    """One HTTP request: status, body, headers."""
    given = {"Content-Type": "application/json", **(headers or {})}
    if key is not None:
        given["Authorization"] = "Basic " + base64.b64encode(f"api:{key}".encode()).decode()
    url = path if path.startswith("http") else server.url + path
    request = urllib.request.Request(url, data=body, method=method, headers=given)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=30) as answer:
            return answer.status, answer.read(), dict(answer.headers)
    except urllib.error.HTTPError as error:
        return error.code, error.read(), dict(error.headers)


def graphql(server: LiveServer, query: str, key: str, **variables: Any) -> dict[str, Any]:
    """The answer to a GraphQL request, which must be 200."""
    body = json.dumps({"query": query, "variables": variables}).encode()
    status, answer, _ = ask(server, "POST", "/graphql", body, key=key)
    assert status == 200, (status, answer)
    found: dict[str, Any] = json.loads(answer)
    return found
