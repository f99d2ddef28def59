"""Transfers whose files are moved by an executor: what crosses, what a worker refuses, and that all else is as ever."""

import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.unit.store.support import (
    IMPATIENT,
    REF,
    SMALL,
    bucket,
    download_plan,
    fetch,
    keys,
    make_tree,
    read_tree,
    send,
    unconditional,
    upload_plan,
)
from wabucketref.contracts.executor import ExecutorCapabilities, FetchPiece, Piece, SendPiece
from wabucketref.contracts.storage import Storage
from wabucketref.errors import IntegrityError, NotFound, SourceChanged, TransientError, UploadInProgress, UsageError
from wabucketref.store.engine.limits import Budget, Buffers
from wabucketref.store.spread.sender import Spread
from wabucketref.store.spread.worker import Hands

FILES = {"a.txt": b"hello", "empty": b"", "deep/er/b c.bin": b"x" * 10_000, "void/inner": None}


class Pickling:
    """An executor that keeps what crosses; `before` may meddle with a piece before it is carried out."""

    capabilities = ExecutorCapabilities()

    def __init__(self, before: Callable[[Piece], object] = lambda piece: None, times: int = 1) -> None:
        self.crossed: list[bytes] = []
        self._before = before
        self._times = times

    def run(self, work: Callable[[Any], Any], piece: Any, check: Callable[[], None]) -> Any:
        check()
        crossing = pickle.dumps(piece)
        self.crossed.append(crossing)
        self._before(piece)
        for _ in range(self._times):
            done = work(pickle.loads(crossing))
        return pickle.loads(pickle.dumps(done))

    def close(self) -> None:
        """Nothing is open."""

    def pieces(self) -> list[Piece]:
        return [pickle.loads(one) for one in self.crossed]


def hands(storage: Storage) -> Hands:
    return Hands(lambda url: storage, SMALL, IMPATIENT, Budget(SMALL.memory), Buffers(SMALL.memory // 2))


def over(executor: Pickling, storage: Storage) -> dict[str, Any]:
    return {"open_spread": lambda: Spread(executor, hands(storage).carry_out)}


@pytest.fixture(params=["conditional", "unconditional"])
def storage(request: pytest.FixtureRequest) -> Storage:
    return bucket() if request.param == "conditional" else unconditional(bucket())


def test_the_outcome_is_that_of_one_process(storage: Storage, tmp_path: Path) -> None:
    source = make_tree(tmp_path / "src", FILES)
    there, back = Pickling(), Pickling()
    done = send(storage, upload_plan(source), **over(there, storage))
    alone = send(bucket(), upload_plan(source))
    assert done.artifact.digest == alone.artifact.digest
    assert (done.figures.bytes_moved, done.figures.files_moved) == (10_005, 3)
    assert sorted(piece.key for piece in there.pieces()) == [
        f"{REF.directory}/{path}" for path in ("a.txt", "deep/er/b c.bin", "empty")
    ]
    fetched = fetch(storage, download_plan(tmp_path / "out"), **over(back, storage))
    assert read_tree(tmp_path / "out") == FILES
    assert (fetched.verified, fetched.figures.bytes_moved, len(back.crossed)) == (True, 10_005, 3)
    assert sorted(place.name for place in tmp_path.iterdir()) == ["out", "src"]


def test_what_crosses_holds_no_credentials(storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "cAnArY-secret")
    executor = Pickling()
    send(storage, upload_plan(make_tree(tmp_path / "src", FILES)), **over(executor, storage))
    assert executor.crossed
    assert b"cAnArY" not in b"".join(executor.crossed)


def test_a_piece_done_twice_changes_nothing(storage: Storage, tmp_path: Path) -> None:
    """As after a worker that was given up, and had done its work."""
    source = make_tree(tmp_path / "src", FILES)
    done = send(storage, upload_plan(source), **over(Pickling(times=3), storage))
    assert done.artifact.digest == send(bucket(), upload_plan(source)).artifact.digest
    fetch(storage, download_plan(tmp_path / "out"), **over(Pickling(times=2), storage))
    assert read_tree(tmp_path / "out") == FILES


def test_a_worker_that_is_late_writes_nothing(storage: Storage, tmp_path: Path) -> None:
    """It was given up; the upload ended meanwhile, and with it the claim."""
    source, executor = make_tree(tmp_path / "src", FILES), Pickling()
    send(storage, upload_plan(source), **over(executor, storage))
    before = {info.key: info.etag for info in storage.list("")}
    for piece in executor.pieces():
        with pytest.raises(UploadInProgress):
            hands(storage).carry_out(piece)
    assert {info.key: info.etag for info in storage.list("")} == before


def test_a_source_that_changes_before_a_worker_reads_it(storage: Storage, tmp_path: Path) -> None:
    source = make_tree(tmp_path / "src", {"a": b"1"})
    executor = Pickling(lambda piece: os.utime(source / "a", (1, 1)))
    with pytest.raises(SourceChanged, match="'a' was changed after it was found"):
        send(storage, upload_plan(source), **over(executor, storage))
    assert not any(key.endswith("manifest.json") for key in keys(storage))


def test_a_worker_without_the_shared_file_system_says_so(storage: Storage, tmp_path: Path) -> None:
    source = make_tree(tmp_path / "src", {"a": b"1"})
    moved = tmp_path / "elsewhere"
    with pytest.raises(NotFound, match="is not on the worker") as caught:
        send(storage, upload_plan(source), **over(Pickling(lambda _: shutil.move(source, moved)), storage))
    assert "a file system that all workers share" in (caught.value.hint or "")


def test_damage_that_a_worker_finds(storage: Storage, tmp_path: Path) -> None:
    send(storage, upload_plan(make_tree(tmp_path / "src", {"a": b"1"})))
    storage.put(f"{REF.directory}/a", b"2")
    with pytest.raises(IntegrityError, match="'a' in the bucket is not what its manifest says"):
        fetch(storage, download_plan(tmp_path / "out"), **over(Pickling(), storage))
    assert not (tmp_path / "out").exists()


class Pretending(Pickling):
    """Says of every piece that it is done."""

    def run(self, work: Callable[[Any], Any], piece: Any, check: Callable[[], None]) -> Any:
        from wabucketref.contracts.executor import Done

        return Done("blake3:" + "0" * 64, piece.size)


def test_a_worker_is_not_taken_at_its_word(storage: Storage, tmp_path: Path) -> None:
    source = make_tree(tmp_path / "src", {"a": b"1"})
    with pytest.raises(TransientError, match="stored something else"):
        send(storage, upload_plan(source), **over(Pretending(), storage))
    send(storage, upload_plan(source, xid="x2"))
    with pytest.raises(UsageError, match="which a worker wrote, is not in"):
        fetch(storage, download_plan(tmp_path / "out"), **over(Pretending(), storage))


def test_pieces_are_plain_data() -> None:
    send_piece = SendPiece("s3://b", ("t", "n", "a"), "x", "/src", "f", "t/n/a/f", 1, 2)
    assert pickle.loads(pickle.dumps(send_piece)) == send_piece
    fetch_piece = FetchPiece("s3://b", "t/n/a/f", "/out", "f", 1, "blake3:00")
    assert pickle.loads(pickle.dumps(fetch_piece)) == fetch_piece
