"""One file of many small parts, killed in the middle and gone on with, in processes of their own.

``python -m tests.faults.many_parts SPEC`` (the JSON of :class:`Spec`) uploads, verifies, and prints what moved.
"""

import json
import os
import resource
import subprocess
import sys
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.servers import Server
from wabucketref.contracts.progress import SilentProgress
from wabucketref.contracts.transfer import Cancel
from wabucketref.failpoints import install_from_environment
from wabucketref.model.plan import RunFacts, UploadPlan
from wabucketref.retry import RetryPolicy
from wabucketref.service.memory import FileMemory
from wabucketref.store.drivers.probe import probe_conditional
from wabucketref.store.drivers.s3 import FACTORY
from wabucketref.store.engine.limits import TransferLimits
from wabucketref.store.identity import Identity
from wabucketref.store.plane import DataPlane
from wabucketref.store.wrappers.declared import Declared
from wabucketref.store.wrappers.retrying import Retrying
from wabucketref.store.wrappers.wrapper import Call, Wrapper

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Spec:
    """One upload."""

    url: str
    directory: str
    """Has ``src`` and keeps what the processes share."""
    part_bytes: int

    @property
    def log(self) -> Path:
        """One byte a part that was sent, whether its answer came or not."""
        return Path(self.directory) / "sent"


@dataclass(frozen=True)
class Outcome:
    """What became of a file that was killed at one part and gone on with."""

    resent: int
    """Parts that were sent twice."""
    bytes_moved: int
    bytes_reused: int
    rss: int
    """Peak memory of the second process in bytes."""


class Counting(Wrapper):
    """Notes each part that is sent."""

    def __init__(self, inner: Any, log: Path) -> None:
        super().__init__(inner)
        self._log = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def around(self, call: Call, action: Any) -> Any:
        if call.method == "put_part":
            os.write(self._log, b".")
        return super().around(call, action)


def kill_and_go_on(server: Server, directory: Path, *, parts: int, part_bytes: int, kill_at: int) -> Outcome:
    """Upload a file of so many parts, kill the process when `kill_at` of them are noted, and upload again."""
    (directory / "src").mkdir()
    with open(directory / "src" / "big.bin", "wb") as file:
        for number in range(parts):
            file.write(number.to_bytes(8, "big") * (part_bytes // 8))
    spec = Spec(server.url(server.make_bucket()), str(directory), part_bytes)
    killed = _run(server, spec, f"upload.part=kill@{kill_at}")
    assert killed.returncode == -9, killed.stderr
    ended = _run(server, spec, "")
    assert ended.returncode == 0, ended.stderr
    done = json.loads(ended.stdout)
    return Outcome(spec.log.stat().st_size - parts, **done)


def _run(server: Server, spec: Spec, points: str) -> "subprocess.CompletedProcess[str]":
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "NO_PROXY": "127.0.0.1", "HOME": spec.directory}
    return subprocess.run(
        [sys.executable, "-m", "tests.faults.many_parts", json.dumps(asdict(spec))],
        env={**environ, **server.environ, "WABUCKET_FAILPOINTS": points},
        capture_output=True,
        text=True,
        check=False,
        timeout=1800,
        cwd=ROOT,
    )


def main() -> None:
    """One upload by this process, verified to the last byte."""
    install_from_environment()
    spec = Spec(**json.loads(sys.argv[1]))
    driver = FACTORY.open(spec.url, os.environ)
    able = replace(probe_conditional(driver), min_part_bytes=spec.part_bytes)
    store = Declared(Retrying(Counting(driver, spec.log), RetryPolicy(attempts=3)), able)
    limits = TransferLimits(part_size=spec.part_bytes, multipart_threshold=spec.part_bytes)
    plane = DataPlane(lambda url: store, identity=Identity.current("home"), limits=limits)
    plan = UploadPlan(
        xid=str(os.getpid()),
        source=f"{spec.directory}/src",
        bucket=spec.url,
        type="t",
        name="n",
        alias="a",
        run=RunFacts("r", "p", "e"),
        created=datetime.now(UTC),
    )
    memory = FileMemory(Path(spec.directory) / "cache", spec.url, plan.ref.directory)
    done = plane.upload(plan, progress=SilentProgress(), cancel=Cancel(), memory=memory)
    verified = plane.verify(spec.url, plan.ref, deep=True, progress=SilentProgress(), cancel=Cancel())
    assert (verified.damage, verified.extra, list(memory.unfinished())) == ((), (), [])
    figures = {"bytes_moved": done.figures.bytes_moved, "bytes_reused": done.figures.bytes_reused}
    print(json.dumps({**figures, "rss": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10}))
    plane.close()


if __name__ == "__main__":
    main()
