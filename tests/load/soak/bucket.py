"""The bucket as the server keeps it on its disk: what is committed, and what else lies there. No code of ours reads."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.faults.proxy import Exchange
from tests.load.soak.plan import Ref
from tests.load.soak.sources import Prints, mark, prints

CONTROL = ".wabucket"
SERVERS_OWN = ".rclone_temp_"
"""What rclone's server writes beside an object until it is whole, and leaves when a connection breaks. It says so, and
lists none of it."""


@dataclass(frozen=True)
class Lying:
    """Below one alias."""

    content: str | None
    """The mark of the files when a header is there."""
    stray: tuple[str, ...]
    """What belongs to no upload that is there."""


def lying(root: Path) -> Mapping[Ref, Lying]:
    """All aliases below the bucket's directory."""
    return {ref: _look(root, directory) for ref, directory in _aliases(root)}


def _aliases(root: Path) -> Iterator[tuple[Ref, Path]]:
    for directory in sorted(root.glob("*/*/*")):
        kind, name, alias = directory.relative_to(root).parts
        if kind != CONTROL and directory.is_dir() and _files(directory):
            yield (kind, name, alias), directory


def _look(root: Path, directory: Path) -> Lying:
    control = {path.relative_to(directory / CONTROL).as_posix() for path in _files(directory / CONTROL)}
    header = directory / CONTROL / "manifest.json"
    if not header.exists():
        return Lying(None, tuple(path.relative_to(directory).as_posix() for path in _files(directory)))
    base = json.loads(header.read_bytes()).get("base")
    content = mark(_without_the_servers_own(prints(directory if base is None else root / base)))
    stray = control - {"manifest.json", "entries.jsonl.zst"}
    return Lying(content, tuple(sorted(f"{CONTROL}/{name}" for name in stray)))


def _files(directory: Path) -> list[Path]:
    return [path for path in directory.rglob("*") if path.is_file() and not path.name.startswith(SERVERS_OWN)]


def _without_the_servers_own(found: Prints) -> Prints:
    return {name: digest for name, digest in found.items() if SERVERS_OWN not in name}


def open_multiparts(log: list[Exchange]) -> list[str]:
    """Multipart uploads that got parts and were neither put together nor given up, from the proxy's log."""
    opened: dict[str, str] = {}
    for one in log:
        upload = one.param("uploadId")
        if upload is None or not one.upstream:
            continue
        if one.method == "PUT":
            opened.setdefault(upload, one.path)
    for one in log:
        upload = one.param("uploadId")
        if upload is not None and one.upstream and one.method in ("POST", "DELETE"):
            opened.pop(upload, None)
    return list(opened.values())
