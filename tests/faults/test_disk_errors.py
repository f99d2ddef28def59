"""System calls that fail with EIO: of reading the source, of syncing, renaming, linking, closing."""

from pathlib import Path

import pytest

from tests.faults import invariants, trees
from tests.faults.procs import Ended, World
from tests.faults.shortage import DOWNLOAD, REF, TREE, UPLOAD, check_destination, check_works
from wabucketref.model.reference import ArtifactRef
from wabucketref.store.receiving.abandoned import beside, staging_key

pytestmark = pytest.mark.needs("strace")
OLD = {"a.txt": b"old\n"}
READ = "read,pread64,copy_file_range"
RENAME = "rename,renameat,renameat2,link,linkat"


def inject(world: World, call: str, number: int | str, command: tuple[str, ...], *only: Path) -> Ended:
    """Every call of this number, in whichever thread; it fails, cleanly."""
    trees.make(world.directory / "src", TREE)
    ended = world.traced(f"{call}:error=EIO:when={number}", *command, only=only)
    assert world.injected, "no such call came"
    assert ended.code == 5, ended
    invariants.honest(ended)
    check_destination(world, whole=False)
    return ended


@pytest.mark.row("I3")
@pytest.mark.parametrize("name", TREE)
def test_the_source(world: World, name: str) -> None:
    ended = inject(world, READ, 1, UPLOAD, world.directory / "src" / name)
    assert name in ended.err
    assert not invariants.all_or_nothing(world, REF)
    check_works(world, UPLOAD)


@pytest.mark.row("I3")
@pytest.mark.parametrize(
    ("call", "number"), [("syncfs", 1), ("syncfs", 2), ("fsync", 2), (RENAME, 2), (RENAME, 3)], ids=str
)
def test_an_upload(world: World, call: str, number: int) -> None:
    inject(world, call, number, UPLOAD)
    assert not invariants.all_or_nothing(world, REF)
    check_works(world, UPLOAD)


@pytest.mark.row("I3")
@pytest.mark.parametrize("number", [2, 3])
def test_a_journal_that_cannot_be_synced_is_written_anew(world: World, number: int) -> None:
    trees.make(world.directory / "src", TREE)
    world.env["WANDB_RUN_ID"] = "one"
    journal = world.home / "journal" / "one.journal"
    ended = world.traced(f"fdatasync:error=EIO:when={number}", *UPLOAD, only=[journal])
    assert world.injected, "it synced nothing"
    assert ended.code == 0, ended
    assert "written anew" in ended.err
    invariants.one_version(world, REF, TREE)
    invariants.settled(world)


@pytest.mark.row("I3")
def test_a_journal_that_cannot_be_written_anew_either(world: World) -> None:
    trees.make(world.directory / "src", TREE)
    world.env["WANDB_RUN_ID"] = "one"
    journal = world.home / "journal" / "one.journal"
    ended = inject(world, "fdatasync", "2+", UPLOAD, journal, journal.with_name("one.journal.anew"))
    assert "one.journal" in ended.err
    del world.env["WANDB_RUN_ID"]
    check_works(world, UPLOAD)


@pytest.mark.row("I3")
@pytest.mark.parametrize(("call", "number"), [("syncfs", 1), (RENAME, 2)], ids=str)
def test_a_download(world: World, call: str, number: int) -> None:
    trees.make(world.directory / "src", TREE)
    world.ok(*UPLOAD)
    inject(world, call, number, DOWNLOAD)
    check_works(world, DOWNLOAD)


@pytest.mark.row("I3")
def test_closing_a_file_that_was_fetched(world: World) -> None:
    trees.make(world.directory / "src", TREE)
    world.ok(*UPLOAD)
    digest = world.ok("show", REF)["artifact"]["digest"]
    parent, start = beside(str(world.directory / "out"))
    key = staging_key(ArtifactRef.parse(REF), digest, verified=True)
    ended = inject(world, "close", 1, DOWNLOAD, Path(parent, start + key, "a.txt"))
    assert "a.txt" in ended.err
    check_works(world, DOWNLOAD)


@pytest.mark.row("I3")
def test_after_a_failed_sync_an_upload_is_written_anew(world: World) -> None:
    inject(world, "syncfs", 1, UPLOAD)
    figures = world.ok(*UPLOAD)["transfer"]
    assert (figures["files_sent"], figures["files_reused"]) == (len(TREE), 0), "what may be lost was trusted"


@pytest.mark.row("I3")
def test_after_a_failed_sync_a_download_is_written_anew(world: World) -> None:
    trees.make(world.directory / "src", TREE)
    world.ok(*UPLOAD)
    inject(world, "syncfs", 1, DOWNLOAD)
    figures = world.ok(*DOWNLOAD)["transfer"]
    assert (figures["bytes_received"], figures["bytes_reused"]) == (sum(map(len, TREE.values())), 0)
