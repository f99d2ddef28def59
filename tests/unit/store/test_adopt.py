"""Uploads of earlier releases get a manifest where they lie, and are never taken for what nobody finishes."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.unit.store.support import (
    IMPATIENT,
    REF,
    SMALL,
    adopt_plan,
    bucket,
    connect,
    download_plan,
    fetch,
    keys,
    link_plan,
    make_tree,
    plane,
    read_tree,
    send,
    stranger,
    take_over,
    unconditional,
    upload_plan,
)
from wabucketref.contracts.progress import SilentProgress
from wabucketref.contracts.storage import ObjectInfo, Storage
from wabucketref.contracts.transfer import Cancel
from wabucketref.errors import (
    AliasTaken,
    NotFound,
    SourceChanged,
    UnfinishedUpload,
    Unsupported,
    UploadInProgress,
)
from wabucketref.model.reference import ArtifactRef
from wabucketref.store.claims.take import take_claim
from wabucketref.store.collect.age import AGE
from wabucketref.store.collect.carrying_out import carry_out
from wabucketref.store.collect.finding import Item, find_garbage
from wabucketref.store.engine.limits import Budget
from wabucketref.store.engine.pool import Crew
from wabucketref.store.header import Absent, look
from wabucketref.store.wrappers.wrapper import Wrapper

FILES: dict[str, bytes | None] = {"x": b"x", "sub/large": b"l" * 9000}
OWN = ["model/net/one/.wabucket/entries.jsonl.zst", "model/net/one/.wabucket/manifest.json"]
HERE = stranger("here", 1)


@pytest.fixture(params=["conditional", "unconditional"])
def storage(request: pytest.FixtureRequest) -> Storage:
    found: Storage = bucket()
    for path, data in FILES.items():
        found.put(f"model/net/one/{path}", data or b"")
    return found if request.param == "conditional" else unconditional(found)


def got(storage: Storage, out: Path) -> bool:
    """Download all; whether it was verified."""
    verified = fetch(storage, download_plan(out)).verified
    assert read_tree(out) == FILES
    return verified


def test_a_manifest_comes_and_nothing_else_changes(storage: Storage, tmp_path: Path) -> None:
    before = keys(storage)
    assert not got(storage, tmp_path / "before")
    with pytest.raises(Unsupported, match="no manifest"):
        plane(storage).verify("memory://b", REF, deep=True, progress=SilentProgress(), cancel=Cancel())
    done = take_over(storage, adopt_plan(metadata={"k": "v"}))
    assert (done.artifact.files, done.artifact.bytes, done.artifact.linked) == (2, 9001, False)
    assert (done.figures.bytes_moved, done.figures.bytes_reused, done.already_there) == (0, 9001, False)
    assert keys(storage) == sorted([*before, *OWN])
    assert got(storage, tmp_path / "after")
    seen = plane(storage).verify("memory://b", REF, deep=True, progress=SilentProgress(), cancel=Cancel())
    assert (seen.damage, seen.extra) == ((), ())
    again = take_over(storage, adopt_plan("x2"))
    assert (again.already_there, again.artifact.digest) == (True, done.artifact.digest)
    same = send(storage, upload_plan(make_tree(tmp_path / "src", FILES), "x3"))
    assert (same.already_there, same.artifact.digest) == (True, done.artifact.digest)


def test_where_there_is_nothing_or_something_else_it_is_refused(storage: Storage) -> None:
    with pytest.raises(NotFound, match="is not in"):
        take_over(storage, adopt_plan(ref=ArtifactRef("model", "net", "two")))
    other = ArtifactRef("model", "net", "three")
    claimed_and_died(storage, other, "model/net/three/x", adopts=False)
    with pytest.raises(UnfinishedUpload, match="not one of an earlier release"):
        take_over(storage, adopt_plan(ref=other))
    with pytest.raises(UnfinishedUpload, match="may have replaced"):
        take_claim(storage, other, HERE, "x9", Cancel(), adopts=True)
    with pytest.raises(UnfinishedUpload):
        plane(storage).find("memory://b", other)


@pytest.mark.row("A1")
def test_while_it_runs_others_read_and_nobody_else_writes(storage: Storage, tmp_path: Path) -> None:
    source = make_tree(tmp_path / "src", {"x": b"other"})
    with take_claim(storage, REF, HERE, "x1", Cancel(), adopts=True):
        assert not got(storage, tmp_path / "out")
        with pytest.raises(UploadInProgress):
            take_over(storage, adopt_plan("x2"))
        with pytest.raises(UploadInProgress):
            send(storage, upload_plan(source, overwrite=True))
        with pytest.raises(AliasTaken, match="earlier release"):
            send(storage, upload_plan(source))
        with pytest.raises(UploadInProgress):
            plane(storage).remove("memory://b", REF)
        with pytest.raises(UploadInProgress, match="is being adopted"):
            connect(storage, link_plan("model/net/one", ref=ArtifactRef("model", "linked", "one")))
    assert keys(storage) == sorted(f"model/net/one/{path}" for path in FILES)


def claimed_and_died(storage: Storage, ref: ArtifactRef, key: str, *, adopts: bool) -> None:
    """Leave what a writer leaves that failed after it wrote `key`."""
    with suppress(KeyError), take_claim(storage, ref, HERE, f"x-{adopts}", Cancel(), adopts=adopts) as claim:
        claim.touch()
        storage.put(key, b"something")
        raise KeyError


def died(storage: Storage) -> None:
    claimed_and_died(storage, REF, OWN[0], adopts=True)


def test_after_it_died_all_is_as_before_and_the_next_one_finishes(storage: Storage, tmp_path: Path) -> None:
    died(storage)
    assert not got(storage, tmp_path / "out")
    with pytest.raises(AliasTaken, match="earlier release"):
        send(storage, upload_plan(make_tree(tmp_path / "src", {"x": b"other"})))
    seen = plane(storage).survey("memory://b", cancel=Cancel())
    assert ([one.ref for one in seen.adopting], seen.unfinished, seen.orphans) == ([REF], (), ())
    assert not garbage(storage)
    take_over(storage, adopt_plan("x2"))
    assert got(storage, tmp_path / "out2")
    assert [key for key in keys(storage) if "/.wabucket/" in key] == OWN


def garbage(storage: Storage) -> list[str]:
    """What would be collected in two days, but for objects of ours beside an upload."""
    ages = SimpleNamespace(is_old=lambda moment: True, now=time.time() + 2 * AGE)
    with Crew(SMALL, Budget(SMALL.memory), Cancel(), SilentProgress(), IMPATIENT) as crew:
        found = find_garbage(storage, stranger(), crew, ages, "")  # type: ignore[arg-type]
        found.items.append(Item("unfinished", str(REF), 1, 1, 0.0, REF))  # as if it had been when it was listed
        kept = dict(carry_out(storage, stranger(), crew, ages, found.items))  # type: ignore[arg-type]
    assert [why for item, why in kept.items() if item.ref == REF and item.kind != "claim"] == [
        "it is an upload of an earlier release"
    ]
    return [item.what for item in found.items[:-1] if item.kind != "claim"]


def test_who_looked_at_the_clock_and_died_hides_nothing(storage: Storage, tmp_path: Path) -> None:
    storage.put("model/net/one/.wabucket/clock-x", b"1")
    assert not garbage(storage)
    assert not got(storage, tmp_path / "out")
    take_over(storage, adopt_plan())
    assert got(storage, tmp_path / "out2")


@pytest.mark.parametrize(
    "replace",
    [
        lambda storage, source: send(storage, upload_plan(source, overwrite=True)),
        lambda storage, source: plane(storage).remove("memory://b", REF),
    ],
    ids=["overwrite", "rm"],
)
def test_after_it_died_whoever_wants_may_replace_or_remove(
    storage: Storage, tmp_path: Path, replace: Callable[[Storage, Path], object]
) -> None:
    died(storage)
    replace(storage, make_tree(tmp_path / "src", {"y": b"other"}))
    assert [key for key in keys(storage) if "/.wabucket/" not in key] in ([], ["model/net/one/y"])


def test_who_began_to_replace_files_left_no_upload_of_an_earlier_release(storage: Storage) -> None:
    died(storage)
    claimed_and_died(storage, REF, "model/net/one/x", adopts=False)
    for read in (lambda: plane(storage).find("memory://b", REF), lambda: take_over(storage, adopt_plan("x8"))):
        with pytest.raises(UnfinishedUpload):
            read()


class Meddling(Wrapper):
    """Somebody with another tool changes a file while another one is read."""

    def __init__(self, inner: Storage, key: str, data: bytes | None) -> None:
        super().__init__(inner)
        self._meddle = (key, data)

    def head(self, key: str) -> ObjectInfo | None:
        found = super().head(key)
        if self._meddle[0] and "/.wabucket/" not in key:
            (changed, data), self._meddle = self._meddle, ("", None)
            super().put(changed, data) if data is not None else super().delete(changed)
        return found


@pytest.mark.parametrize(
    ("path", "data"), [("x", b"y"), ("x", None), ("new", b"n"), ("sub/large", b"l" * 9000)], ids=str
)
def test_what_changes_meanwhile_is_not_adopted(path: str, data: bytes | None) -> None:
    storage = bucket()
    for name, content in FILES.items():
        storage.put(f"model/net/one/{name}", content or b"")
    with pytest.raises(SourceChanged):
        take_over(Meddling(storage, f"model/net/one/{path}", data), adopt_plan())
    assert [key for key in keys(storage) if "/.wabucket/" in key] == []


def test_a_survey_names_what_may_be_adopted(storage: Storage) -> None:
    storage.put("model/net/two/sub/y", b"y")
    storage.put("model/net/notes.txt", b"no upload: it is no directory")
    storage.put("model/bad name/one/y", b"y")
    died(storage)
    seen = plane(storage).survey("memory://b", cancel=Cancel())
    assert seen.legacy == (ArtifactRef("model", "net", "two"),)
    take_over(storage, adopt_plan("x2"))
    seen = plane(storage).survey("memory://b", cancel=Cancel())
    assert (seen.uploads, seen.adopting) == ((REF,), ())


class Ends(Wrapper):
    """The writer whose claim is read next gives it up at that moment, at most so many times."""

    def __init__(self, inner: Storage, times: int) -> None:
        super().__init__(inner)
        self.times = times

    def read(self, key: str, *, limit: int) -> tuple[bytes, ObjectInfo]:
        if "/claim" in key and self.times:
            self.times -= 1
            self.inner.delete(key)
        return self.inner.read(key, limit=limit)


@pytest.mark.row("A1")
def test_a_claim_that_is_given_up_while_it_is_looked_at_says_nothing(storage: Storage) -> None:
    with take_claim(storage, REF, HERE, "x1", Cancel(), adopts=True):
        assert look(Ends(storage, 1), REF) == Absent("legacy")


def test_many_at_once_make_one(storage: Storage, tmp_path: Path) -> None:
    def one(number: int) -> str:
        try:
            return take_over(storage, adopt_plan(f"x{number}"), who=stranger("here", number)).artifact.digest
        except UploadInProgress:
            return ""

    with ThreadPoolExecutor(8) as pool:
        digests = set(pool.map(one, range(1, 9))) - {""}
    assert len(digests) <= 1
    take_over(storage, adopt_plan("x99"))
    assert got(storage, tmp_path / "out")
