"""Command lines as processes of their own: many, fast, at once, killed and signalled."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.faults import passed
from tests.faults.points import noting, steps_of
from tests.faults.zygote import SCRIPT
from wabucketref.operations.workspace import Workspace
from wabucketref.retry import RetryPolicy
from wabucketref.settings import load_settings
from wabucketref.wiring import open_workspace

ROOT = Path(__file__).parents[2]
LIMIT = 60.0
COMMAND_LINE = "wabucketref.cli.main:main"


@dataclass(frozen=True)
class Ended:
    """What a command line did."""

    code: int
    """Exit code; negative when a signal ended it."""
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class Child:
    """A command line under way."""

    number: int
    out: Path
    err: Path
    started: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)
    pid: int = 0
    code: int = 0
    script: str = ""
    """What was to happen at failpoints."""
    met: Path | None = None
    """Where the steps of the script that happened are noted."""

    def missed(self) -> list[str]:
        """The steps of the script that did not happen (yet)."""
        if self.met is None:
            return []
        happened = {path.name for path in self.met.iterdir()}
        return [step for number, step in enumerate(steps_of(self.script)) if str(number) not in happened]

    def signal(self, number: signal.Signals) -> None:
        assert self.started.wait(LIMIT)
        os.kill(self.pid, number)

    def wait(self, seconds: float = LIMIT) -> Ended:
        """Raises AssertionError when it does not end in time (it is killed then)."""
        if not self.ended.wait(seconds):
            self.signal(signal.SIGKILL)
            self.ended.wait(10)
            raise AssertionError(f"it hangs; stderr: {self.err.read_text()}")
        out, err = (
            path.read_text() if path.exists() else "" for path in (self.out, self.err)
        )  # killed before it began
        return Ended(self.code, out, err)


class Zygote:
    """Starts command lines; see ``zygote.py``. `more` are modules that it imports first."""

    def __init__(self, directory: Path, *more: str) -> None:
        self._directory = directory
        environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"}
        environ["WANDB_ERROR_REPORTING"] = "false"  # read while it is imported
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.zygote", *more],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            env=environ,
        )
        self._children: dict[int, Child] = {}
        self._lock = threading.Lock()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def start(self, *argv: str, cwd: Path, env: Mapping[str, str], points: str = "", call: str = COMMAND_LINE) -> Child:
        """Begin a command line, or another function; `points` is a script of ``points.py``."""
        with self._lock:
            number = len(self._children)
            child = Child(number, self._directory / f"{number}.out", self._directory / f"{number}.err", script=points)
            self._children[number] = child
            if points:
                child.met = self._directory / f"{number}.met"
                child.met.mkdir()
            environ = {"PATH": os.environ["PATH"], **env}
            environ["WABUCKET_FAILPOINTS"] = noting(points, passed=passed.directory(), met=child.met)
            order = {
                "id": number,
                "call": call,
                "argv": argv,
                "env": environ,
                "cwd": str(cwd),
                "out": str(child.out),
                "err": str(child.err),
            }
            assert self._process.stdin is not None
            self._process.stdin.write(json.dumps(order).encode() + b"\n")
            self._process.stdin.flush()
        return child

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        for child in self._children.values():
            if child.started.is_set() and not child.ended.is_set():
                child.signal(signal.SIGKILL)
                child.ended.wait(10)
        self._process.stdin.close()
        self._process.wait(LIMIT)
        self._reader.join(10)
        self._process.stdout.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            message = json.loads(line)
            child = self._children[message["id"]]
            if "pid" in message:
                child.pid = message["pid"]
                child.started.set()
            else:
                child.code = message["code"]
                child.ended.set()


@dataclass
class World:
    """One home, one bucket, and the command lines run in them."""

    zygote: Zygote
    directory: Path
    env: dict[str, str]
    bucket: str

    @property
    def home(self) -> Path:
        return self.directory / "home"

    @property
    def journals(self) -> list[str]:
        return sorted(path.name for path in (self.home / "journal").glob("*"))

    def kept(self) -> Callable[[], "World"]:
        """Keeps this world, whose bucket is local, as it is now; what is returned brings it back, at the same path."""
        aside = self.directory.with_name(f"{self.directory.name}.kept-{uuid.uuid4().hex[:8]}")
        shutil.copytree(self.directory, aside)

        def bring_back() -> World:
            shutil.rmtree(self.directory)
            shutil.copytree(aside, self.directory)
            return self

        return bring_back

    def start(self, *argv: str, points: str = "", call: str = COMMAND_LINE) -> Child:
        return self.zygote.start(*argv, cwd=self.directory, env=self._environ(), points=points, call=call)

    def script(self, text: str, points: str = "") -> Child:
        """Begin a Python program, which also ends as one."""
        return self.zygote.start(text, cwd=self.directory, env=self._environ(), points=points, call=SCRIPT)

    def run(self, *argv: str, points: str = "", may_miss: bool = False, call: str = COMMAND_LINE) -> Ended:
        """A command line from beginning to end. Each step of the script `points` must happen, unless it `may_miss`."""
        child = self.start(*argv, points=points, call=call)
        ended = child.wait()
        if not may_miss:
            missed = child.missed()
            assert not missed, f"faults of the script that were not hit: {missed}; {ended}"
        return ended

    def traced(self, fault: str, *argv: str, only: Sequence[Path] = ()) -> Ended:
        """A command line whose system calls fail as ``strace -e inject=FAULT`` says; `only`: those that concern these.

        Calls are counted for each thread on its own. ``strace`` in the directory names those that failed.
        """
        self.directory.joinpath("strace").unlink(missing_ok=True)
        calls = fault.partition(":")[0]
        trace = ["-f", "-qq", "--seccomp-bpf", "-o", "strace", "-e", f"trace={calls}", "-e", f"inject={fault}"]
        paths = [part for path in only for part in ("-P", str(path))]
        return self.alone(*argv, before=["strace", *trace, *paths])

    def alone(self, *argv: str, before: Sequence[str] = (), env: Mapping[str, str] | None = None) -> Ended:
        """A command line in a process that the zygote has no part in, with a command `before` it."""
        done = subprocess.run(
            [*before, sys.executable, "-W", "ignore", "-m", "wabucketref", *argv],
            cwd=self.directory,
            env={"PATH": os.environ["PATH"], **self._environ(), **(env or {})},
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=False,
        )
        return Ended(done.returncode, done.stdout, done.stderr)

    @property
    def injected(self) -> int:
        """How many calls failed in :meth:`traced`."""
        return self.directory.joinpath("strace").read_text().count("(INJECTED)")

    def ok(self, *argv: str) -> Any:
        """The ``--json`` document of a command line that must succeed."""
        ended = self.run("--json", *argv)
        assert ended.code == 0, f"{argv}: {ended}"
        return ended.json()

    @contextlib.contextmanager
    def open(self, policy: RetryPolicy | None = None, **settings: Any) -> Iterator[Workspace]:
        """A workspace of this process in the same home and bucket; `policy` is for requests to the bucket."""
        given = {"project_name": "demo", "bucket": self.bucket, "home": str(self.home), "tracker": "embedded"}
        if "WABUCKET_CATALOG" in self.env:
            given["catalog"] = self.env["WABUCKET_CATALOG"]
        environ = {"NO_PROXY": "127.0.0.1,localhost", **self.env}
        with open_workspace(load_settings({**given, **settings}), environ=environ, policy=policy) as workspace:
            yield workspace

    def _environ(self) -> dict[str, str]:
        return {
            "HOME": str(self.directory),
            "WABUCKET_HOME": str(self.home),
            "WANDB_PROJECT": "demo",
            "WABUCKET_BUCKET": self.bucket,
            "WABUCKET_TRACKER": "embedded",
            "NO_PROXY": "127.0.0.1,localhost",
            "PYTHONPATH": str(ROOT),
            **self.env,
        }


def reached(path: Path, seconds: float = LIMIT) -> None:
    """Wait until a child is at its ``pause:PATH``."""
    mark, end = Path(f"{path}.reached"), time.monotonic() + seconds
    while not mark.exists():
        assert time.monotonic() < end, f"nobody came to {path.name}"
        time.sleep(0.005)
