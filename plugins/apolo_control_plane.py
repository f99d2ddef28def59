"""The platform's control plane over HTTP, as far as the real apolo-sdk asks it about buckets."""

import base64
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

NAMES = ("registry", "storage", "users", "monitoring", "secrets", "metrics", "disks", "buckets", "service_accounts")


@dataclass
class ControlPlane:
    """What it knows, and what it was asked."""

    url: str = ""
    provider: str = "minio"
    credentials: dict[str, str] = field(default_factory=dict)
    """Of the next grant; ``{n}`` in a value is the number of the grant."""
    lives: float = 3600.0
    """Seconds that credentials live."""
    expiry: str = "expiration"
    """How the provider calls the end of their life."""
    buckets: set[str] = field(default_factory=lambda: {"team"})
    fails_with: int | None = None
    granted: list[Mapping[str, str]] = field(default_factory=list)
    asked: list[dict[str, list[str]]] = field(default_factory=list)
    """The queries of the grants."""

    def config(self) -> dict[str, Any]:
        base = self.url
        cluster = {f"{name}_url": f"{base}/{name}" for name in NAMES}
        projects = [{"name": "cats", "cluster_name": "default", "org_name": "acme", "role": "owner"}]
        return {
            **{f"{name}_url": f"{base}/{name}" for name in ("auth", "token", "logout", "headless_callback")},
            "client_id": "client",
            "audience": "audience",
            "callback_urls": [f"{base}/callback"],
            "admin_url": f"{base}/apis/admin/v1",
            "authorized": True,
            "clusters": [
                {"name": "default", **cluster, "resource_pool_types": [], "resource_presets": [], "orgs": ["acme"]}
            ],
            "orgs": [{"name": "acme", "role": "owner"}],
            "projects": projects,
        }

    def bucket(self, name: str) -> dict[str, Any]:
        return {
            "id": f"bucket-{name}",
            "name": name,
            "owner": "ada",
            "created_at": "2026-01-01T00:00:00+00:00",
            "provider": self.provider,
            "imported": False,
            "org_name": "acme",
            "project_name": "cats",
        }

    def grant(self, bucket_id: str) -> dict[str, Any]:
        number = len(self.granted) + 1
        ends = (datetime.now(UTC) + timedelta(seconds=self.lives)).isoformat()
        values = {name: value.replace("{n}", str(number)) for name, value in self.credentials.items()}
        self.granted.append(values | {self.expiry: ends})
        return {"bucket_id": bucket_id, "provider": self.provider, "credentials": self.granted[-1]}

    def passed_config(self) -> str:
        """As a job of the platform gets it in its environment."""
        facts = {"token": token(), "cluster": "default", "url": f"{self.url}/api/v1", "org_name": "acme"}
        return base64.b64encode(json.dumps(facts | {"project_name": "cats"}).encode()).decode()


def token() -> str:
    """What the SDK takes for a token: it reads the user's name out of it."""
    parts: list[dict[str, Any]] = [{"alg": "HS256"}, {"https://platform.apolo.us/user": "ada", "exp": 4102444800}]
    return ".".join(
        [*(base64.urlsafe_b64encode(json.dumps(one).encode()).decode().rstrip("=") for one in parts), "cAnArYtOkEn"]
    )


@contextmanager
def serving() -> Iterator[ControlPlane]:
    plane = ControlPlane()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = urlsplit(self.path).path
            if path == "/api/v1/config":
                self._answer(200, plane.config())
            elif plane.fails_with:
                self._answer(plane.fails_with, {"error": "no"})
            elif (name := path.removeprefix("/buckets/buckets/")) in plane.buckets:
                self._answer(200, plane.bucket(name))
            else:
                self._answer(404, {"error": "not found"})

        def do_POST(self) -> None:
            parts = urlsplit(self.path)
            name = parts.path.removeprefix("/buckets/buckets/bucket-").removesuffix("/make_tmp_credentials")
            if name not in plane.buckets or self.headers["Authorization"] != f"Bearer {token()}":
                self._answer(403, {"error": "forbidden"})
                return
            plane.asked.append(parse_qs(parts.query))
            self._answer(200, plane.grant(f"bucket-{name}"))

        def _answer(self, status: int, document: Mapping[str, Any]) -> None:
            body = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    plane.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield plane
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
