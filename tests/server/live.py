"""A real ``wabucket serve`` in a process of its own: a home and a port that nobody else has."""

import base64
import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.unit.cli import schemas

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class LiveServer:
    """A running server."""

    url: str
    home: Path
    key: str | None
    process: subprocess.Popen[str]
    log: Path
    environ: Mapping[str, str] = field(repr=False)
    """Of the server and of our own command line beside it."""

    def sdk_environ(self, user: str, directory: Path, **extra: str) -> dict[str, str]:
        """The environment of a process that uses W&B's SDK against this server, and nothing of this machine."""
        directory.mkdir(parents=True, exist_ok=True)
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(directory),
            "WANDB_BASE_URL": self.url,
            "WANDB_API_KEY": user,
            "WANDB_DIR": str(directory),
            "WANDB_CACHE_DIR": str(directory / "cache"),
            "WANDB_CONFIG_DIR": str(directory / "config"),
            "WANDB_DATA_DIR": str(directory / "data"),
            "WANDB_ERROR_REPORTING": "false",
            "WANDB_SILENT": "true",
            "NO_PROXY": "127.0.0.1,localhost",
            **extra,
        }

    def wabucket(self, *arguments: str) -> dict[str, Any]:
        """Our command line on the home of the server; its JSON document."""
        command = [sys.executable, "-m", "wabucketref", *arguments, "--json"]
        ran = subprocess.run(command, env=self.environ, cwd=ROOT, capture_output=True, text=True, timeout=60)
        assert ran.returncode == 0, ran.stdout + ran.stderr
        found: dict[str, Any] = json.loads(ran.stdout)
        return found

    def ask(
        self,
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
        url = path if path.startswith("http") else self.url + path
        request = urllib.request.Request(url, data=body, method=method, headers=given)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=30) as answer:
                return answer.status, answer.read(), dict(answer.headers)
        except urllib.error.HTTPError as error:
            return error.code, error.read(), dict(error.headers)

    def graphql(self, query: str, key: str, **variables: Any) -> dict[str, Any]:
        """The answer to a GraphQL request, which must be 200."""
        status, body, _ = self.ask(
            "POST", "/graphql", json.dumps({"query": query, "variables": variables}).encode(), key=key
        )
        assert status == 200, (status, body)
        found: dict[str, Any] = json.loads(body)
        return found


@contextmanager
def live_server(
    directory: Path, *arguments: str, environ: Mapping[str, str] | None = None, prelude: str = ""
) -> Iterator[LiveServer]:
    """Start one on a free port and end it after the block; `arguments` by default ``--dev-users``.

    `prelude` is Python that runs first in its process.
    """
    directory.mkdir(parents=True, exist_ok=True)
    home, log = directory / "wabucket", directory / "server.log"
    chosen = {
        "PATH": os.environ["PATH"],
        "HOME": str(directory),
        "USER": "owner",
        "PYTHONPATH": str(ROOT),
        "WABUCKET_HOME": str(home),
        "WABUCKET_TRACKER": "embedded",
        "NO_PROXY": "127.0.0.1,localhost",
        **(environ or {}),
    }
    start = f"{prelude}\nimport sys\nfrom wabucketref.__main__ import main\nsys.exit(main())"
    command = [sys.executable, "-c", start, "serve", "--port", "0", "--json", *(arguments or ("--dev-users",))]
    with log.open("w") as out:
        process = subprocess.Popen(
            command, env=chosen, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=out, text=True
        )
    try:
        assert process.stdout is not None
        document = ""
        while not document.endswith("}\n"):
            line = process.stdout.readline()
            if not line:
                code = process.wait(10)
                raise RuntimeError(f"serve ended with {code}: {document}{log.read_text(errors='replace')[-2000:]}")
            document += line
        told = json.loads(document)
        schemas.check("serve", told)
        yield LiveServer(told["url"], home, told["api_key"], process, log, chosen)
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)
        assert process.stdout is not None
        process.stdout.close()
