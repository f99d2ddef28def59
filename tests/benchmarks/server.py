"""The server that all contenders talk to: a raw one of our own, built here, so that it is not what is measured."""

import os
import shutil
import subprocess
import tempfile
import urllib.request
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests import servers
from tests.faults.certificates import certified

_SOURCE = Path(__file__).with_name("s3raw.c")
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Target:
    """An S3 server under way, or one that was given by its endpoint."""

    name: str
    """As the report names it."""
    endpoint: str
    environ: Mapping[str, str]
    """Variables that make the AWS tools, and those that read the same ones, talk to it."""
    stop: Callable[[], None] = field(repr=False)
    pid: int = 0
    """0: not on this machine."""
    directory: Path | None = None
    """Where it keeps its objects; removed with it."""
    bucket: str | None = None
    """The one to use; None: each transfer has one of its own."""

    def new_bucket(self, name: str | None = None) -> str:
        """A bucket for one contender's transfers; its name is made up unless given."""
        if self.bucket is not None:
            return self.bucket
        name = name or f"bench-{uuid.uuid4().hex[:12]}"
        request = urllib.request.Request(f"{self.endpoint}/{name}", method="PUT", data=b"")
        context = None
        if ca := self.environ.get("AWS_CA_BUNDLE"):
            import ssl

            context = ssl.create_default_context(cafile=ca)
        urllib.request.urlopen(request, timeout=30, context=context).close()
        return name

    def clear(self, bucket: str) -> None:
        """Forget what is in a bucket that :meth:`new_bucket` made."""
        if self.directory is not None:
            shutil.rmtree(self.directory / bucket, ignore_errors=True)
            for upload in (self.directory / ".uploads").glob("u*"):
                shutil.rmtree(upload, ignore_errors=True)

    def cpu(self) -> float:
        """Processor seconds that it has used; 0 when nobody can tell."""
        if not self.pid:
            return 0.0
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS


def build(directory: Path) -> Path:
    """The raw server's program.

    Raises:
        RuntimeError: there is no compiler, or OpenSSL's headers are not there.
    """
    program, compiler = directory / "s3raw", shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise RuntimeError("needs a C compiler and OpenSSL's headers: apt install gcc libssl-dev")
    command = [compiler, "-O2", "-w", "-o", program, _SOURCE, "-lssl", "-lcrypto", "-lpthread"]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    if made.returncode:
        raise RuntimeError(f"the raw server cannot be built (apt install gcc libssl-dev): {made.stderr[-500:]}")
    return program


def start_raw(program: Path, work: Path, *, tls: bool = False, delay_ms: int = 0) -> Target:
    """Objects in memory where there is a file system for that, so that no disk is measured."""
    memory = Path("/dev/shm")  # a directory of our own is made in it
    place = memory if os.access(memory, os.W_OK) else work
    directory = Path(tempfile.mkdtemp(prefix="wabucket-bench-", dir=place))
    port = servers.free_port()
    command, more, scheme = [program, directory, str(port)], {}, "http"
    certificates = directory.with_name(directory.name + "-tls")
    if tls:
        certificates.mkdir()
        certified(certificates)
        bundle = str(certificates / "cert.pem")
        scheme, more = "https", {"AWS_CA_BUNDLE": bundle, "SSL_CERT_FILE": bundle, "REQUESTS_CA_BUNDLE": bundle}
        command += [certificates / "cert.pem", certificates / "key.pem"]
    elif delay_ms:
        command += ["", ""]
    if delay_ms:
        command.append(str(delay_ms))
    process, log = servers._spawn(list(map(str, command)), work)
    servers._wait_for(process, log, port)

    def stop() -> None:
        process.kill()
        process.wait(10)
        shutil.rmtree(directory, ignore_errors=True)
        shutil.rmtree(certificates, ignore_errors=True)

    endpoint = f"{scheme}://127.0.0.1:{port}"
    name = "the raw server of tests/benchmarks (s3raw.c)"
    return Target(name, endpoint, servers._aws(endpoint) | more, stop, process.pid, directory)


def given(endpoint: str, bucket: str) -> Target:
    """A server of the user's, with the credentials of the environment."""
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_CA_BUNDLE")
    environ = {name: os.environ[name] for name in names if name in os.environ}
    environ |= {"AWS_ENDPOINT_URL": endpoint}
    return Target(endpoint, endpoint, environ, lambda: None, bucket=bucket)
