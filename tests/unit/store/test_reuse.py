"""Equal files of earlier uploads are copied within the bucket, or left in place; whatever stands against it, they are
sent, and the upload is what its source was."""

import itertools
import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.benchmarks.server import Target
from tests.logs import said
from tests.unit.store.support import (
    IMPATIENT,
    REF,
    Memory,
    bucket,
    connect,
    download_plan,
    fetch,
    link_plan,
    make_tree,
    plane,
    read_tree,
    send,
    stranger,
    unconditional,
    upload_plan,
)
from wabucketref import failpoints
from wabucketref.contracts.progress import SilentProgress
from wabucketref.contracts.storage import Storage
from wabucketref.contracts.transfer import Cancel
from wabucketref.errors import NotAuthorised, OutcomeUnknown, TransientError, UploadInProgress
from wabucketref.model.plan import Committed
from wabucketref.model.reference import ArtifactRef
from wabucketref.store.cache.known import DigestCache
from wabucketref.store.claims.body import Body
from wabucketref.store.drivers.local import LocalStorage
from wabucketref.store.drivers.probe import Probed
from wabucketref.store.engine.limits import TransferLimits
from wabucketref.store.format.layout import Layout
from wabucketref.store.native.factory import S3
from wabucketref.store.wrappers.declared import with_capabilities
from wabucketref.store.wrappers.faulty import Fault, Faulty
from wabucketref.store.wrappers.retrying import Retrying
from wabucketref.store.wrappers.wrapper import Call

FILES = {"a": b"aaa", "b/large": os.urandom(9000), "c": b"ccc", "same": b"ccc", "empty": b"", "void": None}
BYTES = 9009
TWO = replace(REF, alias="two")
ONE = TransferLimits(1, 1 << 20, 1 << 10, 2 << 10)
"""One thread."""


def copying(storage: Storage) -> Storage:
    """A store that copies and knows no conditions."""
    return with_capabilities(storage, replace(unconditional(storage).capabilities, server_side_copy=True))


@pytest.fixture(params=["memory", "local", "no-conditions", pytest.param("many", marks=pytest.mark.needs("cc"))])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Storage]:
    if request.param == "many":
        raw: Target = request.getfixturevalue("raw_s3")
        store: Storage = S3.open(f"s3://{raw.new_bucket()}", raw.environ)
    elif request.param == "local":
        store = LocalStorage(tmp_path / "bucket")
    else:
        store = bucket() if request.param == "memory" else copying(bucket())
    yield store
    store.close()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return make_tree(tmp_path / "src", FILES)


_xids = itertools.count()


def again(
    storage: Storage,
    source: Path,
    *,
    earlier: tuple[str, ...] | None = ("one",),
    ref: ArtifactRef = TWO,
    overwrite: bool = False,
    memory: Memory | None = None,
    **more: Any,
) -> Committed:
    """Upload under another alias."""
    plan = upload_plan(source, f"again{next(_xids)}", ref, earlier=earlier, overwrite=overwrite)
    return send(storage, plan, memory, **more)


def check(storage: Storage, source: Path, ref: ArtifactRef = TWO) -> None:
    """All is there, as its manifest says."""
    tree = source.parent / f"out-{next(_xids)}"
    fetch(storage, download_plan(tree, ref))
    assert read_tree(tree) == read_tree(source)
    found = plane(storage).verify("b", ref, deep=True, progress=SilentProgress(), cancel=Cancel())
    assert not found.damage
    assert not found.extra
    header = plane(storage).find("b", ref)
    seen = {info.key: info.etag for info in storage.list(f"{ref.directory}/")}
    for entry in plane(storage).entries("b", ref, header):
        assert entry.type == "directory" or entry.etag == seen[Layout.of(ref).file(entry.path)]


def sent_bytes(faulty: Faulty, ref: ArtifactRef = TWO) -> int:
    """Of the user's files."""
    layout = Layout.of(ref)
    return sum(call.bytes for call in faulty.calls if layout.path_of(call.key) is not None)


def test_an_unchanged_upload_under_another_alias_sends_no_bytes(storage: Storage, source: Path) -> None:
    send(storage, upload_plan(source))
    watched = Faulty(storage, [])
    done = again(watched, source)
    figures = done.figures
    assert (figures.bytes_moved, figures.bytes_reused, figures.files_moved, figures.files_reused) == (0, BYTES, 0, 5)
    assert sent_bytes(watched) == 0
    assert sum(call.method == "copy" for call in watched.calls) == 5
    check(storage, source)


def test_aliases_are_independent(storage: Storage, source: Path, tmp_path: Path) -> None:
    send(storage, upload_plan(source))
    again(storage, source)
    if isinstance(storage, LocalStorage):
        one, two = (tmp_path / "bucket" / ref.directory / "a" for ref in (REF, TWO))
        assert one.stat().st_nlink == two.stat().st_nlink == 1
        one.write_bytes(b"xxx")
    plane(storage).remove("b", REF)
    check(storage, source)


def test_what_changed_is_sent(storage: Storage, source: Path) -> None:
    send(storage, upload_plan(source))
    (source / "a").write_bytes(b"AAA")
    (source / "new").write_bytes(b"new")
    (source / "c").rename(source / "moved")
    done = again(storage, source)
    assert (done.figures.bytes_moved, done.figures.files_moved) == (6, 2)
    assert (done.figures.bytes_reused, done.figures.files_reused) == (BYTES - 3, 4)
    check(storage, source)


@pytest.mark.parametrize("others", [(), None])
def test_a_first_upload_asks_for_nothing_that_is_not_there(source: Path, others: "tuple[()] | None") -> None:
    plain, watched = Faulty(bucket(), []), Faulty(bucket(), [])
    send(plain, upload_plan(source, earlier=()))
    send(watched, upload_plan(source, earlier=others))
    more = Counter(map(asked, watched.calls)) - Counter(map(asked, plain.calls))
    assert set(more) == (set() if others is not None else {("list", "model/net/")})


def asked(call: Call) -> tuple[str, str]:
    return call.method, call.key


def test_the_bucket_tells_which_uploads_there_are(storage: Storage, source: Path) -> None:
    for number in range(5):
        (source / "n").write_bytes(b"%d" % number)
        send(storage, upload_plan(source, f"x{number}", replace(REF, alias=f"one{number}")))
    storage.put(f"{REF.type}/{REF.name}/unfinished/.wabucket/claim.json", b"{}")
    watched = Faulty(storage, [])
    done = again(watched, source, earlier=None)
    assert done.figures.bytes_moved == 0
    headers = [call.key for call in watched.calls if call.method == "read" and call.key.endswith("/manifest.json")]
    assert [key for key in headers if "/one" in key] == ["model/net/one4/.wabucket/manifest.json"]
    check(storage, source)


def test_older_uploads_are_read_for_large_files_alone(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    storage = bucket()
    send(storage, upload_plan(source))
    (source / "b/large").write_bytes(b"other")
    (source / "a").write_bytes(b"AAA")
    send(storage, upload_plan(source, "x2", replace(REF, alias="newer")))
    make_tree(source, FILES)
    monkeypatch.setattr("wabucketref.store.sending.earlier._WORTH_ANOTHER", 5000)
    done = again(storage, source, earlier=("newer", "one", "gone"))
    assert done.figures.bytes_moved <= 3
    assert done.figures.bytes_reused >= BYTES - 3
    check(storage, source)


def test_of_an_upload_far_longer_than_the_source_nothing_is_read(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wabucketref.store.sending.earlier._ENTRIES", 0)
    storage, watched = bucket(), None
    send(storage, upload_plan(make_tree(tmp_path / "many", {str(n): b"aaa" for n in range(21)})))
    watched = Faulty(storage, [])
    assert again(watched, make_tree(tmp_path / "one", {"a": b"aaa"})).figures.bytes_moved == 3
    assert not [call for call in watched.calls if call.key.endswith("one/.wabucket/entries.jsonl.zst")]


def remove_one(storage: Storage) -> None:
    plane(storage).remove("b", REF)


def overwrite_one(storage: Storage) -> None:
    storage.put("model/net/one/a", b"xxx")


@pytest.mark.row("A3")
@pytest.mark.parametrize("rival", [remove_one, overwrite_one])
@pytest.mark.parametrize("point", ["upload.copying", "upload.copied"])
def test_a_source_that_vanishes_or_changes_between_look_and_copy_is_sent(
    storage: Storage, source: Path, rival: Callable[[Storage], None], point: str
) -> None:
    send(storage, upload_plan(source))
    struck = []

    def strike(name: str) -> None:
        if name == point and not struck:
            struck.append(name)
            rival(storage)

    failpoints.install(strike)
    done = again(storage, source, limits=ONE)
    failpoints.install(None)
    assert done.figures.bytes_moved > 0 or (isinstance(storage, LocalStorage) and point == "upload.copied")
    assert done.figures.bytes_moved + done.figures.bytes_reused == BYTES
    check(storage, source)


def test_damage_that_a_disk_does_not_tell_is_not_copied(source: Path, tmp_path: Path) -> None:
    storage = LocalStorage(tmp_path / "bucket")
    send(storage, upload_plan(source))
    place = tmp_path / "bucket/model/net/one/a"
    facts = place.stat()
    place.write_bytes(b"aXa")
    os.utime(place, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    assert again(storage, source).figures.bytes_moved == 3
    check(storage, source)


@pytest.mark.parametrize(
    ("error", "copies"),
    [(NotAuthorised("no"), 1), (TransientError("down", hint="later"), 5), (OutcomeUnknown("lost"), 1)],
)
def test_where_copies_fail_files_are_sent(
    source: Path, error: Exception, copies: int, caplog: pytest.LogCaptureFixture
) -> None:
    storage = bucket()
    send(storage, upload_plan(source))
    watched = Faulty(storage, [Fault("copy", times=1000, error=error)])
    assert again(watched, source, limits=ONE).figures.bytes_moved == BYTES
    assert len({call.key for call in watched.calls if call.method == "copy"}) == copies
    assert sum(call.method == "copy" for call in watched.calls) <= max(copies, IMPATIENT.attempts)
    assert not said(caplog)
    check(storage, source)


def test_what_was_tried_often_in_vain_is_not_tried_for_each_file(source: Path) -> None:
    """A store that cannot copy, and says so by nothing but errors that might pass."""
    storage = bucket()
    send(storage, upload_plan(source))
    watched = Faulty(storage, [Fault("copy", times=1000, error=TransientError("500"))])
    assert again(Retrying(watched, IMPATIENT), source, limits=ONE).figures.bytes_moved == BYTES
    assert sum(call.method == "copy" for call in watched.calls) == IMPATIENT.attempts
    check(storage, source)


@pytest.mark.parametrize("after", [False, True])
def test_a_lost_answer_to_a_copy(source: Path, after: bool) -> None:
    storage = bucket()
    send(storage, upload_plan(source))
    done = again(Faulty(storage, [Fault("copy", error=OutcomeUnknown("lost"), after=after)]), source)
    assert done.figures.bytes_moved == 0
    check(storage, source)


def test_damaged_linked_and_foreign_uploads_are_not_used(source: Path) -> None:
    storage = bucket()
    send(storage, upload_plan(source))
    send(storage, upload_plan(source, "x2", replace(REF, alias="broken")))
    storage.put("model/net/broken/.wabucket/entries.jsonl.zst", b"damage")
    storage.put("model/net/torn/.wabucket/manifest.json", b"{")
    connect(storage, link_plan("model/net/one", "x3", replace(REF, alias="linked")))
    done = again(storage, source, earlier=("broken", "torn", "linked"))
    assert done.figures.bytes_moved == BYTES
    check(storage, source)


def test_a_rival_that_takes_over_is_not_overwritten_by_a_copy(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The writer sleeps between its last look at its claim and the copy; meanwhile another one stores its files."""
    monkeypatch.setattr("wabucketref.store.claims.held._TRUSTED", 0.0)  # as it has slept for long
    storage, struck = bucket(), list[str]()
    send(storage, upload_plan(source))

    def rob(call: Call) -> None:
        info = storage.head(Layout.of(TWO).claim)
        assert info is not None
        storage.put(Layout.of(TWO).claim, Body.new(stranger(), "thief", "n").encode(), if_match=info.etag)
        storage.put(call.key, b"of the rival", if_absent=True)
        struck.append(call.key)

    with pytest.raises(UploadInProgress, match="taken over"):
        again(Faulty(storage, [Fault("copy", nth=2, action=rob)]), source, limits=ONE)
    assert storage.read(struck[0], limit=99)[0] == b"of the rival"


def test_a_try_that_dies_after_a_copy_is_gone_on_with(storage: Storage, source: Path) -> None:
    send(storage, upload_plan(source))
    memory, deaths = Memory(), iter([0, 0, 1])

    def die(name: str) -> None:
        if name == "upload.copied" and next(deaths, 0):
            raise KeyboardInterrupt

    failpoints.install(die)
    with pytest.raises(KeyboardInterrupt):
        again(storage, source, memory=memory)
    failpoints.install(None)
    assert again(storage, source, memory=memory).figures.bytes_moved == 0
    check(storage, source)


@pytest.fixture
def known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DigestCache:
    monkeypatch.setattr("wabucketref.store.cache.known._QUIET_SECONDS", -60.0)
    return DigestCache(tmp_path / "home" / "digests")


def test_overwriting_keeps_what_is_equal_in_place(storage: Storage, source: Path) -> None:
    send(storage, upload_plan(source))
    before = {info.key: info.etag for info in storage.list("model/net/one/")}
    (source / "a").write_bytes(b"AAA")
    (source / "c").unlink()
    watched = Faulty(storage, [])
    done = again(watched, source, ref=REF, overwrite=True, earlier=())
    assert (done.figures.bytes_moved, done.figures.files_moved, done.figures.files_reused) == (3, 1, 3)
    assert not [call for call in watched.calls if call.method in ("copy", "put") and "large" in call.key]
    after = {info.key: info.etag for info in storage.list("model/net/one/")}
    kept = {key for key, etag in before.items() if after.get(key) == etag}
    assert kept >= {"model/net/one/b/large", "model/net/one/same", "model/net/one/empty"}
    check(storage, source, REF)


def test_overwriting_with_names_that_changed_places(storage: Storage, source: Path) -> None:
    send(storage, upload_plan(source))
    (source / "a").rename(source / "swap")
    (source / "c").rename(source / "a")
    (source / "swap").rename(source / "c")
    (source / "b/large").rename(source / "larger")
    done = again(storage, source, ref=REF, overwrite=True, earlier=())
    assert done.figures.bytes_moved <= 6
    check(storage, source, REF)


def test_overwriting_replaces_what_another_program_changed_in_place(storage: Storage, source: Path) -> None:
    send(storage, upload_plan(source))
    storage.put("model/net/one/b/large", b"x" * 9000)
    (source / "a").write_bytes(b"AAA")
    assert again(storage, source, ref=REF, overwrite=True).figures.bytes_moved == 9003
    check(storage, source, REF)


@pytest.mark.parametrize("point", ["upload.withdrawn", "upload.copied", "upload.files_stored", "upload.entries_put"])
def test_an_overwrite_that_dies_is_finished_by_the_next(storage: Storage, source: Path, point: str) -> None:
    send(storage, upload_plan(source))
    (source / "c").rename(source / "moved")
    memory = Memory()

    def die(name: str) -> None:
        if name == point:
            raise KeyboardInterrupt

    failpoints.install(die)
    with pytest.raises(KeyboardInterrupt):
        again(storage, source, ref=REF, overwrite=True, memory=memory)
    failpoints.install(None)
    again(storage, source, ref=REF, overwrite=True, memory=memory)
    check(storage, source, REF)


def test_unknown_files_are_read_only_where_their_size_is_known(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from wabucketref.store.sending.digests import SourceDigests

    storage, hashed = bucket(), []
    send(storage, upload_plan(source))
    (source / "b/large").write_bytes(b"x" * 8999)
    inner = SourceDigests._hash
    monkeypatch.setattr(SourceDigests, "_hash", lambda self, found: hashed.append(found.path) or inner(self, found))
    again(storage, source)
    assert sorted(hashed) == ["a", "c", "empty", "same"]


def test_known_digests_spare_reading(source: Path, known: DigestCache, monkeypatch: pytest.MonkeyPatch) -> None:
    from wabucketref.store.source.read import OpenFile

    storage = bucket()
    send(storage, upload_plan(source), digests=known)
    monkeypatch.setattr(OpenFile, "read", lambda *_: pytest.fail("a source was read"))
    assert again(storage, source, digests=known).figures.bytes_moved == 0


def test_many_equal_files_are_found_quickly(tmp_path: Path) -> None:
    storage, source = bucket(), make_tree(tmp_path / "src", {f"{number:04}": b"same" for number in range(3000)})
    send(storage, upload_plan(source))
    assert again(storage, source).figures.files_reused == 3000


def test_a_preview_tells_what_is_in_the_bucket_without_reading_a_file(
    storage: Storage, source: Path, known: DigestCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(storage, upload_plan(source), digests=known)
    (source / "a").write_bytes(b"AAA")  # the digest of this is not known, nor that of a file at a new path
    (source / "c").rename(source / "moved")
    monkeypatch.setattr("wabucketref.store.source.read.Source.open", lambda *_: pytest.fail("a source was read"))
    before, watched = {info.key: info.etag for info in storage.list("")}, Faulty(storage, [])
    for ref in (TWO, REF):
        plan = upload_plan(source, f"p-{ref.alias}", ref, earlier=("one",))
        seen = plane(watched, digests=known).preview_upload(plan)
        figures = seen.figures
        assert (figures.files_moved, figures.bytes_moved) == (2, 6)
        assert (figures.files_reused, figures.bytes_reused) == (3, BYTES - 6)
    assert {call.method for call in watched.calls} <= {"read", "read_range"}
    assert {info.key: info.etag for info in storage.list("")} == before


def test_a_preview_asks_nothing_where_no_digest_is_known_and_takes_no_answer_for_none(
    source: Path, known: DigestCache, caplog: pytest.LogCaptureFixture
) -> None:
    storage = bucket()
    deaf = Faulty(storage, [Fault("*", times=99, error=NotAuthorised("no"))])
    plan = upload_plan(source, "p", TWO, earlier=("one",))
    assert plane(deaf, digests=known).preview_upload(plan).figures.bytes_moved == BYTES
    assert deaf.calls == []
    send(storage, upload_plan(source), digests=known)
    assert plane(deaf, digests=known).preview_upload(plan).figures.bytes_moved == BYTES
    asked = upload_plan(source, "p", TWO, earlier=None)
    assert plane(deaf, digests=known).preview_upload(asked).figures.bytes_moved == BYTES
    assert deaf.calls
    assert not said(caplog)


def test_a_preview_does_not_probe_the_store(source: Path, known: DigestCache, tmp_path: Path) -> None:
    class Elsewhere(Faulty):
        """Not of the kinds whose abilities are known without a trial."""

    inner = bucket()
    send(inner, upload_plan(source), digests=known)
    watched = Elsewhere(inner, [])
    probed = Probed(watched, None, "b")
    assert plane(probed, digests=known).preview_upload(upload_plan(source, "p", TWO, earlier=None)).files_reused == 5
    assert {call.method for call in watched.calls} == {"list", "read", "read_range"}
