"""Scripts of users, run in children of the zygote (``World.call``); each notes what was acknowledged to it."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from wabucketref import WaBucketRefAPI
from wabucketref.cli.main import main
from wabucketref.errors import NotFound
from wabucketref.failpoints import install_from_environment
from wabucketref.store.collect import age
from wabucketref.trackers.embedded.engine import Catalog
from wabucketref.trackers.embedded.migrate import Scripts, ensure_schema

ROWS = 3


def session(argv: Sequence[str]) -> int:
    """Log, print, upload, finish."""
    note = _noting(Path("acknowledged"))
    with WaBucketRefAPI(settings={"console": "on"}) as api:
        run = api.wandb_start_run(run_args={"lr": 0.1})
        for number in range(ROWS):
            run.log({"loss": number})
            note(f"row {number}")
        print("a line of its terminal")
        api.upload("src", "cats", "dataset", "one")
        note("uploaded")
        run.summary["best"] = 1
        note("summary")
    note("finished")
    return 0


def collect(argv: Sequence[str]) -> int:
    """A command line on the day after tomorrow: all that lies in the bucket is old enough to be collected."""
    with aged():
        return main(argv)


def collect_soon(argv: Sequence[str]) -> int:
    """A command line for which five seconds are a day."""
    with aged(5.0):
        return main(argv)


@contextmanager
def aged(seconds: float = -60.0) -> Iterator[None]:
    """In this process garbage need be so old only; less than no time: whatever it is."""
    before, age.AGE = age.AGE, seconds
    try:
        yield
    finally:
        age.AGE = before


def relocate(argv: Sequence[str]) -> int:
    """Let the records follow from the bucket `argv[0]` to `argv[1]`; that they are there already is as good."""
    code = main(["relocate", *argv, "--apply"])
    return 0 if code == NotFound.exit_code else code


def migrate(argv: Sequence[str]) -> int:
    """Bring the catalog `argv[0]` up to the last of the revisions `argv[2:]`, whose scripts are in `argv[1]`."""
    install_from_environment()
    catalog = Catalog(f"sqlite:///{argv[0]}")
    try:
        ensure_schema(catalog, Scripts(Path(argv[1]), tuple(argv[2:])))
    finally:
        catalog.close()
    return 0


def _noting(path: Path) -> Callable[[str], None]:
    def note(text: str) -> None:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.write(descriptor, f"{text}\n".encode())
        os.close(descriptor)

    return note
