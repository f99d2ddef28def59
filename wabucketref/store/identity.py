"""Who holds a claim: which home, which machine since which start, which process."""

import os
import socket
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Identity:
    """A process, told apart from every other one, past and present."""

    home_id: str
    host: str
    boot_id: str
    """Changes with every start of the machine and with every PID namespace; empty when the system does not say."""
    pid: int
    started: float
    """When the process began, in ticks since the machine started; 0 when the system does not say."""

    @classmethod
    def current(cls, home_id: str) -> "Identity":
        pid = os.getpid()
        return cls(home_id, socket.gethostname(), _boot_id(), pid, process_started(pid) or 0.0)

    def same_machine(self, other: "Identity") -> bool:
        """Whether process ids of both mean the same processes."""
        mine = (self.home_id, self.host, self.boot_id)
        return bool(self.boot_id) and mine == (other.home_id, other.host, other.boot_id)

    def is_alive(self) -> bool:
        """Whether the process still runs. Ask only of the same machine."""
        started = process_started(self.pid)
        return started is not None and (not self.started or started == self.started)


def process_started(pid: int) -> float | None:
    """Start of the process in ticks since boot; 0 when unknown, None when there is no such process."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None if Path("/proc/self").exists() else _signalled(pid)
    except PermissionError:
        return 0.0
    fields = text.rpartition(")")[2].split()
    return None if fields[0] in ("Z", "X") else float(fields[19])


def _signalled(pid: int) -> float | None:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        return 0.0
    return 0.0


def _boot_id() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}:{os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return ""
