"""A command line in this process, and how every refusal must look."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults.privileges import without_privileges
from wabucketref import failpoints
from wabucketref.cli.main import main
from wabucketref.errors import LocalIOError


@dataclass
class Bench:
    """A directory to stand in, a home and a bucket."""

    here: Path
    bucket: Path
    capsys: pytest.CaptureFixture[str]
    privileged: bool = True
    """False: commands do without the rights of root, whom no permission refuses."""

    def run(self, *argv: str) -> tuple[int, str, str]:
        self.capsys.readouterr()
        code = main(list(argv)) if self.privileged else without_privileges(lambda: main(list(argv)))
        out, err = self.capsys.readouterr()
        return code, out, err

    def refused(self, code: int, *argv: str, says: str = "") -> str:
        """The command must fail with `code`, as every failure must look; what it said."""
        before = self.files()
        got, out, err = self.run(*argv)
        assert got == code, (got, out, err)
        assert out == "", out
        assert "error: " in err, err
        assert "hint: " in err, err
        assert "Traceback" not in err, err
        assert says.lower() in err.lower(), err
        assert self.files() == before, "something is half there"
        got, out, err = self.run("--json", *argv)
        assert got == code
        document = json.loads(out)
        assert document["error"]["code"] == code
        return str(document["error"]["message"])

    def ok(self, *argv: str) -> str:
        code, out, err = self.run(*argv)
        assert code == 0, (code, out, err)
        return err

    def files(self) -> list[str]:
        """What is in the bucket, but what an unfinished upload leaves: it has no header."""
        headers = {path.parent.parent for path in self.bucket.rglob("manifest.json")}
        return sorted(str(path) for directory in headers for path in directory.rglob("*"))


@contextmanager
def at(point: str, act: Callable[[], None]) -> Iterator[list[str]]:
    """In the block, `act` at the first hit of the failpoint, which must come. In the list once it came."""
    acted: list[str] = []

    def hook(name: str) -> None:
        if name == point and not acted:
            acted.append(name)
            act()

    failpoints.install(hook)
    try:
        yield acted
    finally:
        failpoints.install(None)
    assert acted, f"{point} was not hit"


def fail() -> None:
    """What a disk does that is broken."""
    raise LocalIOError("the disk is on fire", hint="put it out")


def upload(source: str = "src", name: str = "cats", kind: str = "dataset", alias: str = "one") -> list[str]:
    return ["upload", "-n", name, "-t", kind, "-a", alias, "--", source]
