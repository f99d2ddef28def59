"""What a load costs: memory and descriptors watched from a thread, latencies, and a floor to compare with."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

MIB = 1 << 20
_INTERVAL = 0.05


class Watch:
    """Looks at the resident memory and the open descriptors of a process, this one by default, until it is stopped."""

    def __init__(self, pid: int | None = None) -> None:
        self._process = Path(f"/proc/{pid or 'self'}")
        self.resident: list[int] = []
        """MiB at each look."""
        self.descriptors = 0
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()

    def growth(self) -> int:
        """MiB that the most was above the first look."""
        return max(self.resident) - self.resident[0]

    def curve(self, points: int = 12) -> list[int]:
        """MiB over time, evenly chosen, the first and the last among them."""
        last = len(self.resident) - 1
        return [self.resident[round(last * point / (points - 1))] for point in range(points)]

    def _look(self) -> None:
        while True:
            self.resident.append(resident(self._process))
            self.descriptors = max(self.descriptors, len(os.listdir(self._process / "fd")))
            if self._stopped.wait(_INTERVAL):
                return


class DiskWatch:
    """Appends a little to a file in `directory` and syncs it, a hundred times a second, from a process of its own: what
    the disk takes for that while other work goes on."""

    def __init__(self, directory: Path) -> None:
        command = [sys.executable, "-c", _SYNC, str(directory / "disk-watch")]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def stop(self) -> list[float]:
        """Seconds of each ``fdatasync``; there is one at least, however late the process began."""
        answer, _ = self._process.communicate()
        return [float(one) for one in json.loads(answer)]


_SYNC = """
import json, os, select, sys, time
file, found = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND), []
while True:
    os.write(file, bytes(200))
    begun = time.perf_counter()
    os.fdatasync(file)
    found.append(time.perf_counter() - begun)
    if select.select([0], [], [], 0.01)[0]:
        break
os.unlink(sys.argv[1])
print(json.dumps(found))
"""


def resident(process: Path = Path("/proc/self")) -> int:
    """MiB."""
    pages = int((process / "statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // MIB


def top_resident() -> int:
    """MiB that this process, or the one that it was forked from, ever had."""
    (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) * 1024 // MIB


def percentiles(seconds: Sequence[float], name: str) -> dict[str, float]:
    """`name`_p50_us and so on."""
    ordered = sorted(seconds)
    marks = {"p50": 0.5, "p99": 0.99, "max": 1.0}
    return {
        f"{name}_{mark}_us": round(ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1e6, 1)
        for mark, share in marks.items()
    }


def floor_us(directory: Path, rows: int = 10_000) -> float:
    """Processor time, in µs, of the least that keeping a row can cost: its JSON, appended to a file by a call of the
    system, in a bare loop. The best of five, since other work can only slow it down."""
    best = float("inf")
    with open(directory / "floor", "ab", buffering=0) as file:
        for _ in range(5):
            begun = time.thread_time()
            for number in range(rows):
                file.write(json.dumps(row(number)).encode())
            best = min(best, time.thread_time() - begun)
    (directory / "floor").unlink()
    return best / rows * 1e6


def is_quiet(seconds: float = 0.3) -> bool:
    """Whether a thread gets a processor nearly to itself; where it does not, rates say little of what is measured."""
    cpu, wall = time.thread_time(), time.perf_counter()
    while time.perf_counter() - wall < seconds:
        pass
    return time.thread_time() - cpu > 0.85 * seconds


def row(number: int) -> dict[str, float]:
    """Three values, as a training loop has them."""
    return {"loss": 1 / (number + 1), "accuracy": 0.5, "n": number}
