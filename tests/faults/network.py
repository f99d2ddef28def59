"""A world behind a proxy, whose retries wait by a clock that runs only as they sleep."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.faults import trees
from tests.faults.procs import World
from tests.faults.proxy import Proxy
from tests.servers import Server
from wabucketref.errors import WaBucketError
from wabucketref.model.reference import ArtifactRef
from wabucketref.model.result import UploadResult
from wabucketref.operations import download as downloading
from wabucketref.operations import upload as uploading
from wabucketref.operations.workspace import Workspace
from wabucketref.retry import RetryPolicy

REF = "dataset/cats:one"
FILES: Mapping[str, bytes | None] = {"a.txt": b"alpha " * 100, "deep/b.bin": bytes(range(256)) * 40}


class Clock:
    """Stands still but for sleep, in which it takes no time. Thread-safe."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []
        self._lock = threading.Lock()

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self.now += seconds
            self.slept.append(seconds)


@dataclass
class Net:
    """`world` reaches its bucket through `proxy` only; `server` is the real one."""

    world: World
    proxy: Proxy
    server: Server
    clock: Clock = field(default_factory=Clock)

    @property
    def slept(self) -> list[float]:
        """Seconds that retries waited."""
        return self.clock.slept

    @contextmanager
    def open(self, **settings: Any) -> Iterator[Workspace]:
        policy = RetryPolicy(clock=lambda: self.clock.now, sleep=self.clock.sleep, rng=lambda: 1.0)
        with self.world.open(policy, **{"tracker": "disabled", **settings}) as workspace:
            yield workspace

    def upload(
        self, files: Mapping[str, bytes | None] = FILES, ref: str = REF, *, overwrite: bool = False, **settings: Any
    ) -> UploadResult:
        named = ArtifactRef.parse(ref)
        source = self.world.directory / f"src-{len(list(self.world.directory.glob('src-*')))}"
        trees.make(source, files)
        with self.open(**settings) as workspace:
            return uploading.upload(workspace, source, named.name, named.type, named.alias, overwrite=overwrite)

    def download(self, ref: str = REF, **settings: Any) -> dict[str, bytes | None]:
        """The tree that comes down."""
        target = self.world.directory / f"out-{len(list(self.world.directory.glob('out-*')))}"
        with self.open(**settings) as workspace:
            downloading.download(workspace, ArtifactRef.parse(ref), target)
        return trees.read(target)

    def refused(self, action: Any, *arguments: Any, **options: Any) -> WaBucketError:
        """The error of an operation that must fail."""
        with pytest.raises(WaBucketError) as caught:
            action(*arguments, **options)
        print(f"{type(caught.value).__name__}: {caught.value}\nhint: {caught.value.hint}")
        return caught.value
