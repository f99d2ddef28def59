"""The container around us, if there is one, by what the kernel and the runtimes say."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from wabucketref.contracts.context import Facts
from wabucketref.contracts.factories import API_VERSION

_ID = re.compile(r"(?:docker|containers|sandboxes|crio|cri-containerd|libpod|kubepods)\b[^\n]{0,300}?([0-9a-f]{64})")
_MAX_BYTES: Final = 1 << 18
_RUNTIMES: Final = {".dockerenv": "docker", "run/.containerenv": "podman"}


class Container:
    """``container.id`` and ``container.runtime.name``; no tags. Off outside a container."""

    name = "container"
    doc = "https://opentelemetry.io/docs/specs/semconv/resource/container/"
    api_version = API_VERSION

    def __init__(self, root: Path = Path("/")) -> None:
        self._root = root

    def detect(self, environ: Mapping[str, str], directory: Path) -> Facts | None:
        runtime = next((name for file, name in _RUNTIMES.items() if (self._root / file).exists()), None)
        found = self._id()
        if runtime is None and found is None and not environ.get("container"):
            return None
        values = {"container.id": found or "", "container.runtime.name": runtime or environ.get("container", "")}
        return Facts(self.name, {name: value for name, value in values.items() if value})

    def _id(self) -> str | None:
        for place in ("proc/self/cgroup", "proc/self/mountinfo"):
            try:
                with (self._root / place).open("rb") as file:
                    text = file.read(_MAX_BYTES).decode(errors="replace")
            except OSError:
                continue
            if match := _ID.search(text):
                return match[1]
        return None


CONTEXT = Container()
