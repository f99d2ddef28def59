"""What the service does with the memory of an upload once it is settled, over a real data plane."""

import queue
import shutil
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.unit.store import support
from tests.unit.store.support import CREATED, REF, SMALL, bucket, make_tree, upload_plan
from wabucketref import failpoints
from wabucketref.contracts.progress import SilentProgress
from wabucketref.contracts.storage import Storage
from wabucketref.contracts.transfer import Cancel
from wabucketref.errors import SourceChanged, TransientError, WaBucketError
from wabucketref.model.plan import UploadPlan
from wabucketref.service.transfers import Transfers
from wabucketref.service.wabucket_pb2 import Record
from wabucketref.store.claims.body import Body
from wabucketref.store.drivers.memory import MemoryStorage
from wabucketref.store.engine.limits import TransferLimits
from wabucketref.store.identity import Identity

ONE_AT_A_TIME = replace(SMALL, concurrency=1)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return make_tree(tmp_path / "src", {"a": b"small", "big": b"x" * 20 * SMALL.part_size})


@pytest.fixture(autouse=True)
def no_failpoints() -> Iterator[None]:
    yield
    failpoints.install(None)


def transfers(store: Storage, tmp_path: Path, limits: TransferLimits = SMALL) -> Transfers:
    return Transfers(support.plane(store, limits=limits), tmp_path / "cache")


def carry_out(floor: Transfers, plan: UploadPlan) -> Record:
    notes: queue.Queue[Record] = queue.Queue()
    floor.submit("run", plan, SilentProgress(), Cancel(), notes.put)
    return notes.get(timeout=30)


def stopped(store: Storage, tmp_path: Path, plan: UploadPlan, error: WaBucketError) -> Record:
    """What is told of a plan that fails after some parts of its large file."""
    hits = 0

    def hook(name: str) -> None:
        nonlocal hits
        hits += name == "upload.part"
        if hits == 5:
            raise error

    failpoints.install(hook)
    record = carry_out(transfers(store, tmp_path, ONE_AT_A_TIME), plan)
    failpoints.install(None)
    assert record.failed.error.message == str(error)
    return record


def parts_in(store: MemoryStorage) -> int:
    return sum(len(parts) for parts in store._bucket.uploads.values())


def remembered(tmp_path: Path) -> set[str]:
    return {path.suffix for path in (tmp_path / "cache").glob("*")}


@pytest.mark.row("K1")
def test_what_may_pass_leaves_the_parts_and_the_next_try_forgets_them(source: Path, tmp_path: Path) -> None:
    store = bucket()
    stopped(store, tmp_path, upload_plan(source), TransientError("reset"))
    assert parts_in(store) == 5
    assert remembered(tmp_path) == {".jsonl", ".parts"}
    floor = transfers(store, tmp_path)
    assert floor.recover(upload_plan(source)) is None, "it is carried out again"
    record = carry_out(floor, upload_plan(source))
    assert record.committed.figures.bytes_moved == 15 * SMALL.part_size
    assert record.committed.figures.bytes_reused == 5 * SMALL.part_size + 5
    assert store._bucket.uploads == {}
    assert remembered(tmp_path) == set()


@pytest.mark.row("O7")
def test_what_does_not_pass_keeps_whole_files_only(source: Path, tmp_path: Path) -> None:
    store = bucket()
    stopped(store, tmp_path, upload_plan(source), SourceChanged("written to"))
    assert store._bucket.uploads == {}
    assert remembered(tmp_path) == {".jsonl"}


@pytest.mark.row("O7")
def test_an_operation_whose_source_is_gone(source: Path, tmp_path: Path) -> None:
    store = bucket()
    stopped(store, tmp_path, upload_plan(source), TransientError("reset"))
    shutil.rmtree(source)
    floor = transfers(store, tmp_path)
    assert floor.recover(upload_plan(source)) is None
    assert carry_out(floor, upload_plan(source)).failed.error.exit_code == 3
    assert store._bucket.uploads == {}
    assert remembered(tmp_path) == set()


@pytest.mark.row("O7")
def test_an_overwrite_that_was_overtaken(source: Path, tmp_path: Path) -> None:
    store = bucket()
    plan = upload_plan(source, "old", overwrite=True)
    stopped(store, tmp_path, plan, TransientError("reset"))
    # The clock of the later one's machine may be wrong.
    later = replace(upload_plan(make_tree(tmp_path / "new", {"x": b"x"}), "new"), created=CREATED - timedelta(1))
    support.send(store, replace(later, overwrite=True))
    record = transfers(store, tmp_path).recover(plan)
    assert record is not None
    assert record.failed.error.exit_code == 6
    assert store._bucket.uploads == {}
    assert remembered(tmp_path) == set()
    assert [key for key in support.keys(store) if "claim" in key] == []
    assert store.head(f"{REF.directory}/x") is not None


@pytest.mark.row("O7", "C2")
@pytest.mark.parametrize("withdrawn", [False, True])
@pytest.mark.parametrize("conditional", [True, False])
def test_an_overwrite_goes_on_whatever_the_clocks_say(
    source: Path, tmp_path: Path, withdrawn: bool, conditional: bool
) -> None:
    store: Storage = bucket() if conditional else support.unconditional(bucket())
    old = replace(upload_plan(make_tree(tmp_path / "first", {"x": b"x"}), "old"), created=CREATED + timedelta(1))
    support.send(store, old)
    plan = upload_plan(source, "new", overwrite=True, replaces="old")
    if withdrawn:
        stopped(store, tmp_path, plan, TransientError("reset"))
    assert transfers(store, tmp_path).recover(plan) is None


@pytest.mark.row("O7")
@pytest.mark.parametrize("withdrawn", [False, True])
def test_an_overwrite_does_not_bring_back_what_was_removed(source: Path, tmp_path: Path, withdrawn: bool) -> None:
    store = bucket()
    support.send(store, upload_plan(make_tree(tmp_path / "first", {"x": b"x"}), "old"))
    plan = upload_plan(source, "new", overwrite=True, replaces="old")
    if withdrawn:
        stopped(store, tmp_path, plan, TransientError("reset"))
    support.plane(store).remove(plan.bucket, REF)
    record = transfers(store, tmp_path).recover(plan)
    assert record is not None
    assert record.failed.error.exit_code == 6
    assert support.keys(store) == []


@pytest.mark.row("O7")
def test_an_overwrite_replaces_what_its_run_had_asked_for_before(source: Path, tmp_path: Path) -> None:
    store = bucket()
    support.send(store, upload_plan(make_tree(tmp_path / "first", {"x": b"x"}), "first"))
    plan = upload_plan(source, "second", overwrite=True, replaces="what was there before both")
    asked = ["first", "second", "third"]
    floor = transfers(store, tmp_path)
    assert floor.recover(plan, lambda xid: asked.index(xid) < 1) is None
    earlier = replace(plan, xid="zeroth")
    record = floor.recover(earlier, lambda xid: False)
    assert record is not None
    assert record.failed.error.exit_code == 6


@pytest.mark.row("A1")
@pytest.mark.parametrize("first_fails", [False, True])
def test_writes_of_a_run_to_one_alias_go_one_after_the_other(tmp_path: Path, first_fails: bool) -> None:
    """And those to others go past them."""
    store = bucket()
    floor = transfers(store, tmp_path)
    plans = [
        upload_plan(make_tree(tmp_path / f"src{number}", {"x": b"%d" % number}), f"x{number}", overwrite=True)
        for number in range(3)
    ]
    other = replace(plans[0], xid="other", alias="elsewhere")
    begun, go = threading.Event(), threading.Event()

    def hold(name: str) -> None:
        if name == "upload.claimed" and not begun.is_set():
            begun.set()
            assert go.wait(30)
            if first_fails:
                raise SourceChanged("written to")

    failpoints.install(hold)
    notes: queue.Queue[Record] = queue.Queue()
    floor.submit("run", plans[0], SilentProgress(), Cancel(), notes.put)
    assert begun.wait(30)
    for plan in (plans[1], plans[2], other):
        floor.submit("run", plan, SilentProgress(), Cancel(), notes.put)
    assert notes.get(timeout=30).committed.xid == "other"
    go.set()
    ended = [notes.get(timeout=30) for _ in plans]
    assert [one.committed.xid or one.failed.xid for one in ended] == ["x0", "x1", "x2"]
    assert [one.WhichOneof("kind") for one in ended[1:]] == ["committed"] * 2
    assert support.plane(store).write_id(plans[0].bucket, REF) == "x2"


class Killed(BaseException):
    """The process is gone; nothing of it is carried out any more."""


@pytest.mark.row("K1", "A3")
@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("boot", ["now", "before"])
def test_a_writer_that_was_killed_while_another_went_first_leaves_no_claim(
    source: Path, tmp_path: Path, overwrite: bool, boot: str
) -> None:
    store = support.unconditional(bucket())
    lost = upload_plan(source, "lost", overwrite=overwrite)
    gone = support.dead(Identity.current("home"))
    gone = gone if boot == "now" else replace(gone, boot_id=boot)

    def kill(name: str) -> None:
        if name == "claim.waiting":
            raise Killed

    def rival(name: str) -> None:
        if name == "upload.claimed":
            failpoints.install(kill)
            with pytest.raises(Killed):
                support.send(store, lost, who=gone)
            failpoints.install(None)

    failpoints.install(rival)
    support.send(store, upload_plan(make_tree(tmp_path / "first", {"x": b"x"}), "first"))
    assert [key for key in support.keys(store) if "claim" in key] == [f"{REF.directory}/.wabucket/claims/lost.json"]
    floor = transfers(store, tmp_path)
    record = floor.recover(lost) or carry_out(floor, lost)
    assert record.failed.error.exit_code == 6
    assert [key for key in support.keys(store) if "claim" in key] == []


@pytest.mark.row("K1")
def test_a_commit_of_before_a_restart_of_the_machine_leaves_no_claim(source: Path, tmp_path: Path) -> None:
    store = bucket()
    gone = replace(support.dead(Identity.current("home")), boot_id="before")

    def kill(name: str) -> None:
        if name == "upload.header_answered":
            raise Killed

    failpoints.install(kill)
    claim = f"{REF.directory}/.wabucket/claim.json"
    with pytest.raises(Killed):
        support.send(store, upload_plan(source), who=gone)
    failpoints.install(None)
    body = Body.new(gone, "x1", "nonce")  # what the unwinding has released, as a kill leaves it
    store.put(claim, body.encode())
    record = transfers(store, tmp_path).recover(upload_plan(source))
    assert record is not None
    assert record.committed.artifact.files == 2
    assert store.head(claim) is None


def test_a_commit_whose_process_died_before_it_was_told(source: Path, tmp_path: Path) -> None:
    store = bucket()
    plan = upload_plan(source)
    stopped(store, tmp_path, plan, TransientError("reset"))
    support.send(store, plan)
    record = transfers(store, tmp_path).recover(plan)
    assert record is not None
    assert record.committed.artifact.files == 2
    assert store._bucket.uploads == {}
    assert remembered(tmp_path) == set()
