"""``python -m tests.benchmarks.floor put|get DIRECTORY BUCKET/NAME``: the product's store calls, and nothing else.

No hashing, no manifest, no records, no syncing, no staging: what is left is what the store's driver and the disk cost.
"""

import os
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from wabucketref.contracts.storage import ObjectInfo, Storage
from wabucketref.retry import RetryPolicy
from wabucketref.settings.load import load_settings
from wabucketref.wiring import Storages, registries

T = TypeVar("T")
_PART = 8 << 20
_LARGE = 2 * _PART
_FILES, _PARTS = 32, 8


def main(verb: str, here: str, there: str) -> None:
    """Copy a directory to below `there`, or back."""
    bucket, _, name = there.partition("/")
    os.environ["WABUCKET_BUCKET"] = f"s3://{bucket}"
    settings = load_settings(environ=os.environ)
    stores = Storages(settings, os.environ, RetryPolicy(), registries()["storage"])
    store = stores(f"s3://{bucket}")
    try:
        (put_all if verb == "put" else get_all)(store, Path(here), name)
    finally:
        stores.close()


def put_all(store: Storage, here: Path, name: str) -> None:
    """Every file below `here`; the large ones first, in parts."""
    found = sorted((path.stat().st_size, path) for path in here.rglob("*") if path.is_file())
    for size, path in reversed([one for one in found if one[0] > _LARGE]):
        put_parts(store, path, f"{name}/{path.relative_to(here)}", size)

    def put(path: Path) -> None:
        store.put(f"{name}/{path.relative_to(here)}", path.read_bytes())

    at_once(put, [path for size, path in found if size <= _LARGE], _FILES)


def put_parts(store: Storage, path: Path, key: str, size: int) -> None:
    upload = store.start_multipart(key, _PART)
    descriptor = os.open(path, os.O_RDONLY)
    at_once(
        lambda number: upload.put_part(number + 1, os.pread(descriptor, _PART, number * _PART)),
        range(-(-size // _PART)),
        _PARTS,
    )
    os.close(descriptor)
    upload.complete()


def get_all(store: Storage, here: Path, name: str) -> None:
    """Every object below `name`, as listed."""
    found = list(store.list(f"{name}/"))
    for directory in {(here / info.key[len(name) + 1 :]).parent for info in found}:
        directory.mkdir(parents=True, exist_ok=True)
    for info in (one for one in found if one.size > _LARGE):
        get_ranges(store, info, here / info.key[len(name) + 1 :])

    def get(info: ObjectInfo) -> None:
        data, _ = store.read(info.key, limit=info.size)
        (here / info.key[len(name) + 1 :]).write_bytes(data)

    at_once(get, [info for info in found if info.size <= _LARGE], _FILES)


def get_ranges(store: Storage, info: ObjectInfo, path: Path) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o666)

    def get(start: int) -> None:
        at = start

        def write(piece: memoryview) -> None:
            nonlocal at
            at += os.pwrite(descriptor, piece, at)

        store.read_to(info.key, start, min(_PART, info.size - start), write)

    at_once(get, range(0, info.size, _PART), _PARTS)
    os.close(descriptor)


def at_once(work: Callable[[T], object], items: Iterable[T], threads: int) -> None:
    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(work, items):
            pass


if __name__ == "__main__":
    main(*sys.argv[1:])
