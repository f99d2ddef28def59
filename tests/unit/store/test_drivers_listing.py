"""Row B7: a driver that is open for long sees at once what others do to the bucket."""

import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.servers import Server
from wabucketref.contracts.storage import Storage
from wabucketref.store.drivers.gcs import FACTORY as GCS
from wabucketref.store.drivers.generic import FACTORY as OTHERS
from wabucketref.store.drivers.local import FACTORY as LOCAL
from wabucketref.store.drivers.s3 import FACTORY as S3

ROUNDS = 3
OTHER = """
import os, sys
from wabucketref.wiring import registries
from wabucketref.store.drivers.generic import FACTORY
url = sys.argv[1]
scheme = url.partition(":")[0]
store = (FACTORY if scheme == "local" else registries()["storage"].get(scheme)).open(url, dict(os.environ))
for line in sys.stdin:
    action, key = line.split()
    store.delete(key) if action == "delete" else store.put(key, action.encode())
    print(action, flush=True)
store.close()
"""


class Neighbour:
    """Another process at the same bucket."""

    def __init__(self, url: str, environ: Mapping[str, str]) -> None:
        root = str(Path(__file__).parents[3])
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", OTHER, url],
            env={"PATH": "", "PYTHONPATH": root, "NO_PROXY": "127.0.0.1", **environ},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def do(self, action: str, key: str) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{action} {key}\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline() == f"{action}\n"

    def end(self) -> None:
        self._process.communicate(timeout=20)


Place = tuple[Callable[[str, Mapping[str, str]], Storage], str, dict[str, str]]


@pytest.fixture(
    params=[
        "local",
        "generic",
        pytest.param("moto_s3", marks=pytest.mark.needs("moto")),
        pytest.param("rclone_s3", marks=pytest.mark.needs("rclone")),
        pytest.param("gcs_emulator", marks=pytest.mark.needs("gcs")),
    ]
)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param in ("local", "generic"):
        scheme, factory = ("file", LOCAL) if request.param == "local" else ("local", OTHERS)
        return factory.open, f"{scheme}://{tmp_path}/bucket", {}
    server: Server = request.getfixturevalue(request.param)
    return (GCS if server.scheme == "gs" else S3).open, server.url(server.make_bucket()), dict(server.environ)


@pytest.mark.row("B7")
def test_what_another_process_does_is_seen_at_once(place: Place) -> None:
    open_storage, url, environ = place
    store, neighbour = open_storage(url, environ), Neighbour(url, environ)
    try:
        for number in range(ROUNDS):
            mine, theirs = f"d/mine-{number}", f"d/theirs-{number}"
            store.put(mine, b"x")
            assert theirs not in [info.key for info in store.list("d/")]
            assert store.head(theirs) is None
            neighbour.do("first", theirs)
            assert theirs in [info.key for info in store.list("d/")]
            assert store.read(theirs, limit=10)[0] == b"first"
            neighbour.do("second!", theirs)
            assert next(info.size for info in store.list("d/") if info.key == theirs) == 7
            assert store.read_range(theirs, 0, 100) == b"second!"
            neighbour.do("delete", mine)
            assert sorted(info.key for info in store.list("d/")) == [f"d/theirs-{n}" for n in range(number + 1)]
            assert store.head(mine) is None
    finally:
        neighbour.end()
        store.close()
