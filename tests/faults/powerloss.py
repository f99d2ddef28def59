"""What a power loss leaves of a command's files: its system calls are recorded by ``strace``, then replayed on a model.

The model knows what was synced. At any call the power may fail; then of everything later than the last sync of it any
part may be on the disk: whole writes, torn ones, bytes of a grown file that read as zeros. Changes of names come in
order, as journaling file systems have it (``strict``: only those that a sync of their directory followed for sure).
"""

import os
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.procs import LIMIT, World

_NAMES = "mkdir,mkdirat,rmdir,unlink,unlinkat,rename,renameat,renameat2,link,linkat"
_BYTES = "openat,write,pwrite64,ftruncate,fsync,fdatasync,syncfs"
_REFUSED = "writev,pwritev,pwritev2,fallocate,sendfile,splice,copy_file_range,truncate,creat,symlink,symlinkat"
_CALL = re.compile(r"(\d+) +(\w+)\((.*)\)\s+= (\d+).*", re.DOTALL)
_ARGUMENT = re.compile(r'\s*(?:"((?:\\x[0-9a-f]{2})*)"|(-?\d+|AT_FDCWD)<([^>]*)>[^,]*|([^,"\s][^,"]*))')


@dataclass(frozen=True)
class Call:
    """One system call that changed or synced something, or wrote to standard output."""

    name: str
    paths: tuple[str, ...] = ()
    data: bytes = b""
    offset: int | None = None


def record(world: World, *argv: str) -> list[Call]:
    """The calls of a command line that must succeed, in order."""
    trace = world.directory.with_name(f"{world.directory.name}.calls")
    names = f"{_NAMES},{_BYTES},{_REFUSED}"
    options = ["-f", "-y", "-xx", "-s", str(1 << 24), "-qq", "--seccomp-bpf", "-o", str(trace), "-e", f"trace={names}"]
    done = subprocess.run(
        ["strace", *options, sys.executable, "-W", "ignore", "-m", "wabucketref", *argv],
        cwd=world.directory,
        env={"PATH": os.environ["PATH"], **world._environ()},
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    assert done.returncode == 0, done
    return list(_calls(trace.read_text(), str(world.directory)))


def _calls(text: str, root: str) -> Iterator[Call]:
    begun: dict[str, str] = {}
    for line in text.splitlines():
        pid, _, rest = line.partition(" ")
        if rest.endswith("<unfinished ...>"):
            begun[pid] = line.removesuffix(" <unfinished ...>")
            continue
        if "<... " in rest:  # the call counts when it returned
            line = begun.pop(pid) + line.partition(" resumed>")[2]
        match = _CALL.fullmatch(line)
        call = _parsed(match[2], match[3]) if match else None  # a call that failed changed nothing
        if call is not None and (call.name in ("syncfs", "said") or any(p.startswith(root) for p in call.paths)):
            assert call.name not in _REFUSED.split(","), f"the model does not know {call.name}"
            yield call


def _parsed(name: str, text: str) -> Call | None:
    strings: list[bytes] = []
    here: list[tuple[str, str]] = []
    numbers: list[str] = []
    for found in _ARGUMENT.finditer(text):
        if found[1] is not None:
            strings.append(_decoded(found[1]))
        elif found[2] is not None:
            here.append((found[2], _decoded(found[3]).decode()))
        else:
            numbers.append(found[4].strip())
    if name in ("write", "pwrite64"):
        said = here[0][0] == "1"
        offset = int(numbers[-1]) if name == "pwrite64" else None
        return Call("said" if said else "write", (here[0][1],), strings[0], offset)
    if name == "openat":
        flags = numbers[0]
        made = "O_CREAT" in flags
        if not made and "O_TRUNC" not in flags:
            return None
        return Call("create" if made else "empty", _joined(here, strings))
    if name == "ftruncate":
        return Call(name, (here[0][1],), offset=int(numbers[-1]))
    if name in ("fsync", "fdatasync", "syncfs"):
        return Call("syncfs" if name == "syncfs" else "sync", (here[0][1],))
    plain = name.removesuffix("2").removesuffix("at")
    if plain == "unlink" and "AT_REMOVEDIR" in " ".join(numbers):
        plain = "rmdir"
    return Call(plain, _joined(here, strings))


def _joined(here: list[tuple[str, str]], strings: list[bytes]) -> tuple[str, ...]:
    """Paths as seen from the directories given with them."""
    paths = [string.decode() for string in strings]
    bases = [path for _, path in here[: len(paths)]] or [""] * len(paths)
    return tuple(path if path.startswith("/") else f"{base}/{path}" for base, path in zip(bases, paths, strict=False))


def _decoded(text: str) -> bytes:
    return bytes.fromhex(text.replace("\\x", "")) if text.startswith("\\x") else text.encode()


@dataclass
class File:
    """Bytes, and which of them are on the disk for sure."""

    data: bytearray = field(default_factory=bytearray)
    durable: bytes = b""
    pending: list[tuple[int, bytes]] = field(default_factory=list)
    """Writes since the last sync; a negative offset: cut to that length, less one."""

    def write(self, data: bytes, offset: int | None) -> None:
        start = len(self.data) if offset is None else offset
        self.pending.append((start, data))
        _write(self.data, start, data)

    def cut(self, size: int) -> None:
        self.pending.append((-size - 1, b""))
        _cut(self.data, size)

    def sync(self) -> None:
        self.durable, self.pending = bytes(self.data), []

    def left(self, rng: random.Random | None) -> bytes:
        """What a power loss leaves: without `rng` what was synced, else any of the rest too."""
        found = bytearray(self.durable)
        for offset, data in self.pending if rng else ():
            match rng.randrange(4) if rng else 0:
                case 0:
                    continue
                case 1 if offset >= 0:
                    data = data[: rng.randrange(len(data) + 1)] if rng else data
                case 2 if offset >= 0:
                    data = bytes(len(data))  # the length came to the disk, the bytes did not
            if offset < 0:
                _cut(found, -offset - 1)
            else:
                _write(found, offset, data)
        return bytes(found)


def _write(target: bytearray, offset: int, data: bytes) -> None:
    if len(target) < offset:
        target.extend(bytes(offset - len(target)))
    target[offset : offset + len(data)] = data


def _cut(target: bytearray, size: int) -> None:
    del target[size:]
    target.extend(bytes(size - len(target)))


Names = dict[str, File | None]
"""Files, and directories as None, by path."""


class Model:
    """A file system below `root`, beginning as it is now."""

    def __init__(self, root: Path, *, strict: bool) -> None:
        self._root, self._strict = root, strict
        self.names: Names = {
            name: None if data is None else File(bytearray(data), data) for name, data in self.real().items()
        }
        self._durable = dict(self.names)
        self._waiting: list[Call] = []
        self._made: dict[int, File | None] = {}

    def run(self, call: Call) -> None:
        match call.name:
            case "said":
                pass
            case "write":
                self._file(call).write(call.data, call.offset)
            case "ftruncate":
                self._file(call).cut(call.offset or 0)
            case "empty":
                self._file(call).cut(0)
            case "sync":
                self._sync(call.paths[0])
            case "syncfs":
                for found in self.names.values():
                    if found is not None:
                        found.sync()
                self._commit(self._waiting)
            case _:
                self._rename(call)

    def _file(self, call: Call) -> File:
        found = self.names.get(call.paths[0])
        return File() if found is None else found  # written to after its name was removed

    def _sync(self, path: str) -> None:
        found = self.names.get(path)
        if found is not None:
            found.sync()
        if not self._strict:
            self._commit(self._waiting)
        elif found is None:
            self._commit([call for call in self._waiting if any(p.rpartition("/")[0] == path for p in call.paths)])

    def _rename(self, call: Call) -> None:
        if call.name == "create" and call.paths[0] in self.names:
            return
        self._made[id(call)] = File() if call.name == "create" else None
        self._waiting.append(call)
        self._apply(call, self.names)

    def _commit(self, calls: Sequence[Call]) -> None:
        for call in list(calls):
            self._apply(call, self._durable)
            self._waiting.remove(call)

    def _apply(self, call: Call, names: Names) -> None:
        first, last = call.paths[0], call.paths[-1]
        if call.name in ("mkdir", "create"):
            names[first] = self._made[id(call)]
        elif call.name in ("unlink", "rmdir"):
            names.pop(first, None)
        elif call.name == "link" and first in names:
            names[last] = names[first]
        elif call.name == "rename" and first in names:
            for path in [path for path in names if path == first or path.startswith(f"{first}/")]:
                names[last + path.removeprefix(first)] = names.pop(path)

    def volatile(self) -> dict[str, bytes | None]:
        """What a running system sees."""
        return {name: None if found is None else bytes(found.data) for name, found in self.names.items()}

    def real(self) -> dict[str, bytes | None]:
        """What is on the real disk."""
        below = {str(path): None if path.is_dir() else path.read_bytes() for path in self._root.rglob("*")}
        return {str(self._root): None, **below}

    def lose_power(self, rng: random.Random | None) -> None:
        """Bring what is left onto the real disk. Without `rng`: what was synced and nothing else."""
        names = dict(self._durable)
        for call in self._waiting[: rng.randrange(len(self._waiting) + 1) if rng else 0]:
            self._apply(call, names)
        shutil.rmtree(self._root)
        for name in sorted(names):
            path, found = Path(name), names[name]
            if name == str(self._root) or path.parent.is_dir():  # else the directory above was lost
                if found is None:
                    path.mkdir(mode=0o700)
                else:
                    path.write_bytes(found.left(rng))
