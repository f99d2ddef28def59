"""Trees of files: made from a description, and compared byte by byte."""

from collections.abc import Mapping
from pathlib import Path

Tree = Mapping[str, bytes | None]
"""Path to content; None is an empty directory."""

TWO_FILES: Tree = {"a.txt": b"alpha\n", "deep/er/b.bin": bytes(range(256)) * 40}
VARIED: Tree = {
    "a.txt": b"alpha\n",
    "empty file": b"",
    "empty directory": None,
    "nested/empty/directory": None,
    "nested/with space/b.bin": bytes(range(256)) * 300,
    "unicode/äöü-日本-\U0001f431.txt": "grüße\n".encode(),
    "unicode/naïve": b"1",
    "signs/a+b&c=d%20e#f;g'h\"i(j)[k]{l}~!@$^,": b"signs",
    "dots/.hidden": b"h",
    "dots/...": b"three",
}


def make(root: Path, tree: Tree) -> Path:
    """Files with content, directories for None."""
    root.mkdir(parents=True, exist_ok=True)
    for name, content in tree.items():
        path = root / name
        if content is None:
            path.mkdir(parents=True)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    return root


def read(root: Path, *, without: str = ".wabucket") -> dict[str, bytes | None]:
    """What :func:`make` made; directories count only when they are empty."""
    found: dict[str, bytes | None] = {}
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        if name.split("/", 1)[0] == without:
            continue
        if path.is_dir():
            if not any(path.iterdir()):
                found[name] = None
        else:
            found[name] = path.read_bytes()
    return found
