"""The tags of an Apolo job by the real ``apolo-sdk``, which takes long to install; the control plane is faked."""

import base64
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
MODULE = ROOT / "wabucketref" / "ci" / "contexts" / "apolo_tags.py"
ASK = """
import importlib.util, os, sys
spec = importlib.util.spec_from_file_location("apolo_tags", sys.argv[1])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
assert module.configured(os.environ)
print(*module.fetch_tags("job-42"))
"""


def config(url: str) -> dict[str, Any]:
    """What the control plane says of itself."""
    services = ("registry", "storage", "users", "monitoring", "secrets", "metrics", "disks", "buckets")
    cluster = {f"{name}_url": f"{url}/{name}" for name in (*services, "service_accounts")}
    return {
        **{f"{name}_url": f"{url}/{name}" for name in ("auth", "token", "logout", "headless_callback")},
        "client_id": "c",
        "audience": "a",
        "callback_urls": [f"{url}/callback"],
        "admin_url": f"{url}/apis/admin/v1",
        "authorized": True,
        "clusters": [{"name": "default", **cluster, "resource_pool_types": [], "resource_presets": [], "orgs": ["o"]}],
        "orgs": [{"name": "o", "role": "owner"}],
        "projects": [{"name": "p", "cluster_name": "default", "org_name": "o", "role": "owner"}],
    }


def job() -> dict[str, Any]:
    """A running job with tags."""
    when = "2026-01-01T00:00:00+00:00"
    history = {"status": "running", "reason": None, "description": None, "transitions": []}
    return {
        "id": "job-42",
        "name": "train",
        "owner": "ada",
        "tags": ["project:cats", "flow:nightly"],
        "cluster_name": "default",
        "org_name": "o",
        "project_name": "p",
        "namespace": "n",
        "status": "running",
        "history": {**history, "created_at": when, "started_at": when, "finished_at": None},
        "container": {"image": "i", "resources": {"cpu": 1, "memory": 1000000, "memory_mb": 1}, "volumes": []},
        "scheduler_enabled": False,
        "pass_config": True,
        "uri": "job://default/ada/job-42",
        "total_price_credits": "0",
        "price_credits_per_hour": "0",
        "is_preemptible": False,
        "restart_policy": "never",
    }


@pytest.fixture
def control_plane() -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = f"http://127.0.0.1:{self.server.server_port}"  # type: ignore[attr-defined]
            body = json.dumps(config(url) if self.path == "/api/v1/config" else job()).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/api/v1"
    server.shutdown()
    thread.join()
    server.server_close()


def token() -> str:
    """What the SDK takes for a token: it reads the user's name out of it."""
    parts: list[dict[str, Any]] = [{"alg": "HS256"}, {"https://platform.apolo.us/user": "ada", "exp": 4102444800}]
    return ".".join(
        [*(base64.urlsafe_b64encode(json.dumps(one).encode()).decode().rstrip("=") for one in parts), "c2ln"]
    )


@pytest.mark.timeout(900)
def test_the_sdk_knows_the_jobs_tags(tmp_path: Path, control_plane: str) -> None:
    place = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", place], check=True)
    subprocess.run([place / "bin" / "pip", "install", "--quiet", "apolo-sdk>=25"], check=True)
    passed = {"token": token(), "cluster": "default", "url": control_plane, "org_name": "o", "project_name": "p"}
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "APOLO_PASSED_CONFIG": base64.b64encode(json.dumps(passed).encode()).decode(),
    }
    command = [place / "bin" / "python", "-c", ASK, MODULE]
    ran = subprocess.run(command, capture_output=True, text=True, env=environ, timeout=60)
    assert ran.stdout.split() == ["project:cats", "flow:nightly"], ran.stderr
