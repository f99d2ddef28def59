"""Copies within S3, against the raw server of the benchmark, which heeds the conditions that AWS does, and keeps an
object made of parts as a list, so that an object of any size costs nothing."""

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.benchmarks.server import Target
from tests.unit.store.support import REF, make_tree, send, upload_plan
from wabucketref import failpoints
from wabucketref.contracts.many import Copy
from wabucketref.contracts.storage import ObjectInfo
from wabucketref.errors import AlreadyExists, PreconditionFailed, Unsupported
from wabucketref.store.drivers import s3_copy
from wabucketref.store.drivers.probe import look_ahead, prove_copies, settle
from wabucketref.store.drivers.s3_copy import Copies
from wabucketref.store.drivers.trials import PREFIX
from wabucketref.store.engine.limits import TransferLimits
from wabucketref.store.native.factory import S3
from wabucketref.store.native.s3_operations import document
from wabucketref.store.native.s3_storage import NativeS3Storage
from wabucketref.store.wrappers.wrapper import Wrapper

pytestmark = pytest.mark.needs("cc")
Change = Callable[[NativeS3Storage, pytest.MonkeyPatch], None]
TWO = replace(REF, alias="two")
GIB = 1 << 30


class Raw(NamedTuple):
    """A bucket on the raw server."""

    store: NativeS3Storage
    directory: Path
    """Where it keeps its objects, each a file."""


@pytest.fixture
def raw(raw_s3: Target) -> Iterator[Raw]:
    bucket = raw_s3.new_bucket()
    store = S3.open(f"s3://{bucket}", raw_s3.environ)
    assert isinstance(store, NativeS3Storage)
    assert raw_s3.directory is not None
    yield Raw(store, raw_s3.directory / bucket)
    store.close()


def requests(store: NativeS3Storage, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The operations that it carries out from now on."""
    asked, call = list[str](), store._client.call
    monkeypatch.setattr(store._client, "call", lambda *args: asked.append(args[1]) or call(*args))
    return asked


def test_an_object_of_more_than_5_gib_is_copied_in_parts(raw: Raw, monkeypatch: pytest.MonkeyPatch) -> None:
    with (raw.directory / "large").open("wb") as file:  # sparse: it takes a few pages
        file.truncate(6 * GIB + 5)
        for start, text in ((0, b"begin"), (256 << 20, b"second"), (6 * GIB, b"end.!")):
            file.seek(start)
            file.write(text)
    seen = raw.store.head("large")
    assert seen is not None
    asked = requests(raw.store, monkeypatch)
    made = raw.store.copy("large", "copy", if_absent=True, seen=seen)
    assert asked.count("upload_part_copy") == 25
    assert (made.size, raw.store.head("copy")) == (6 * GIB + 5, replace(made, modified=raw.store.head("copy").modified))
    assert raw.store.read_range("copy", 0, 5) == b"begin"
    assert raw.store.read_range("copy", (256 << 20) - 1, 7) == b"\0second"
    assert raw.store.read_range("copy", 6 * GIB, 9) == b"end.!"


def test_the_parts_of_the_largest_object_are_no_more_and_no_larger_than_stores_take(
    raw: Raw, monkeypatch: pytest.MonkeyPatch
) -> None:
    """5 TiB, which nothing here could hold: what is asked for is what counts."""
    asked = list[tuple[int, int, int]]()
    monkeypatch.setattr(raw.store, "start_upload", lambda key: "u")
    monkeypatch.setattr(raw.store, "copy_part", lambda *args: asked.append(args[3:6]) or "etag")
    monkeypatch.setattr(raw.store, "finish_upload", lambda key, u, parts, size, **_: ObjectInfo(key, size))
    Copies(raw.store).copy("a", "b", if_absent=False, seen=ObjectInfo("a", 5 << 40, "e"))
    asked.sort()
    assert len(asked) <= 10_000
    assert max(length for _, _, length in asked) <= 5 * GIB
    assert [number for number, _, _ in asked] == list(range(1, len(asked) + 1))
    assert [start for _, start, _ in asked] == [0, *(start + length for _, start, length in asked)][:-1]
    assert sum(length for _, _, length in asked) == 5 << 40


def test_a_store_that_heeds_the_condition_is_asked_once_a_copy(raw: Raw, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = raw.store.put("a", b"data")
    asked = requests(raw.store, monkeypatch)
    raw.store.copy("a", "first", if_absent=True, seen=seen)
    assert asked == ["create_multipart_upload", "upload_part_copy", "complete_multipart_upload", "copy_object"]
    asked.clear()
    assert raw.store.copy("a", "second", if_absent=True, seen=seen).etag == seen.etag
    assert asked == ["copy_object"]
    with pytest.raises(AlreadyExists):
        raw.store.copy("a", "second", if_absent=True, seen=seen)


@pytest.mark.parametrize("heeded", [True, False])
def test_where_copies_have_other_etags_the_store_vouches_for_them_if_it_heeds_the_condition_on_the_source(
    raw: Raw, monkeypatch: pytest.MonkeyPatch, heeded: bool
) -> None:
    """As those of objects made of parts have here; elsewhere, those of all that is encrypted by itself."""
    store, whole = raw.store, raw.store.copy_whole
    if not heeded:
        monkeypatch.setattr(store, "copy_whole", lambda *args, etag=None, **more: whole(*args, **more))
    store.put("whole", b"data")
    seen = Copies(store, part_bytes=2).copy("whole", "parts", if_absent=True, seen=None)
    made = [store.copy("parts", f"copy{number}", if_absent=True, seen=seen) for number in range(3)]
    assert [info.as_seen for info in made] == [False, False, heeded]
    asked = requests(store, monkeypatch)
    last = store.copy("parts", "last", if_absent=True, seen=seen)
    assert (asked, last.as_seen) == (["copy_object"], heeded)
    assert store.head("last") == replace(last, modified=store.head("last").modified)
    assert store.read("last", limit=9)[0] == b"data"


def test_what_the_store_vouches_for_is_not_looked_at(raw: Raw, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limits = TransferLimits(concurrency=1, memory=1 << 20, part_size=1 << 10, multipart_threshold=2 << 10)
    source = make_tree(tmp_path / "src", {str(number): b"%d" % number * 3000 for number in range(9)})
    send(raw.store, upload_plan(source), limits=limits)
    asked = requests(raw.store, monkeypatch)
    done = send(raw.store, upload_plan(source, "x2", TWO, earlier=("one",)), limits=limits)
    assert (done.figures.files_reused, done.figures.bytes_moved) == (9, 0)
    assert asked.count("copy_object") == 1 + 8 + 1  # two of them to find out
    assert asked.count("head_object") == 2 + 2 + 1  # of the first two copies, and to find out


@pytest.mark.parametrize("answer", ["ignores", "refuses"])
def test_a_store_that_does_not_heed_it_is_asked_for_parts(
    raw: Raw, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    whole = raw.store.copy_whole

    def deaf(source: str, key: str, size: int, *, if_absent: bool = False, etag: str | None = None) -> ObjectInfo:
        if if_absent and answer == "refuses":
            raise Unsupported("not implemented")
        return whole(source, key, size, etag=etag)

    monkeypatch.setattr(raw.store, "copy_whole", deaf)
    seen = raw.store.put("a", b"data")
    for key in ("one", "two"):
        assert raw.store.copy("a", key, if_absent=True, seen=seen).size == 4
        with pytest.raises(AlreadyExists):
            raw.store.copy("a", key, if_absent=True, seen=seen)
        assert raw.store.head(key) == replace(raw.store.head(key), size=4)


def copied(store: NativeS3Storage, sources: Iterable[ObjectInfo], to: str) -> dict[str, object]:
    """What becomes of many copies at a time, by the key of the source; of an error its kind."""
    copies = (Copy(f"{to}/{source.key}", source, if_absent=True) for source in sources)
    outcomes = store.copy_many(copies, 4, lambda: None)
    return {one.source.key: type(found) if isinstance(found, Exception) else found for one, found in outcomes}


def test_many_copies_at_a_time(raw: Raw, monkeypatch: pytest.MonkeyPatch) -> None:
    store = raw.store
    sources = {key: store.put(key, key.encode()) for key in ("a", "b ä+&", "c", "d", "e", "empty")}
    made = copied(store, sources.values(), "to")
    assert {key for key, info in made.items() if info == replace(sources[key], key=f"to/{key}")} >= {*"cde", "b ä+&"}
    for key in sources:
        assert store.read(f"to/{key}", limit=99)[0] == key.encode()
    assert set(copied(store, sources.values(), "to").values()) == {AlreadyExists}
    store.put("a", b"other")
    store.delete("c")
    refused = copied(store, sources.values(), "there")
    assert {key for key, found in refused.items() if isinstance(found, type)} == {"a", "c"}
    assert [store.head(f"there/{key}") for key in "ac"] == [None, None]
    large = replace(sources["d"], size=300 << 20)
    assert copied(store, [large], "large") == {"d": None}
    assert store.head("large/d") is None


def test_of_a_store_that_does_not_heed_the_condition_many_copies_are_not_asked(
    raw: Raw, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = raw.store.copy_whole
    monkeypatch.setattr(raw.store, "copy_whole", lambda *args, if_absent=False, **more: whole(*args, **more))
    sources = [raw.store.put(key, b"data") for key in "abcd"]
    made = list(copied(raw.store, sources, "to").values())
    assert made[1:] == [None, None, None]
    assert isinstance(made[0], ObjectInfo)
    assert [raw.store.head(f"to/{key}") is None for key in "abcd"] == [False, True, True, True]


@pytest.mark.row("A3")
def test_what_lies_in_the_place_of_one_of_many_copies_is_looked_at(raw: Raw, tmp_path: Path) -> None:
    """Of a writer from before our claim, say; and a source that is gone by then is sent."""
    store, files = raw.store, {str(number): b"%d" % number * 99 for number in range(40)}
    source, struck = make_tree(tmp_path / "src", dict(files)), list[str]()
    send(store, upload_plan(source))

    def strike(name: str) -> None:
        if name == "upload.copying" and not struck:
            struck.append(name)
            store.put("model/net/two/7", b"of a rival")
            store.delete("model/net/one/9")

    failpoints.install(strike)
    done = send(store, upload_plan(source, "x2", TWO, earlier=("one",)))
    failpoints.install(None)
    assert (done.figures.files_moved, done.figures.files_reused) == (1, 39)
    for path, data in files.items():
        assert store.read(f"model/net/two/{path}", limit=999)[0] == data


def remove(store: NativeS3Storage, key: str) -> None:
    store.delete(key)


def overwrite(store: NativeS3Storage, key: str) -> None:
    store.put(key, b"another")


@pytest.mark.parametrize("rival", [remove, overwrite])
@pytest.mark.row("A3")
def test_a_source_that_vanishes_between_two_parts_ends_the_copy_and_the_file_is_sent(
    raw: Raw,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    rival: Callable[[NativeS3Storage, str], None],
) -> None:
    store, part = raw.store, raw.store.copy_part
    monkeypatch.setattr(s3_copy, "_AT_ONCE", 1)
    monkeypatch.setattr(store, "_copies", Copies(store, part_bytes=1 << 20))
    dropped, drop = list[str](), store.drop_upload
    monkeypatch.setattr(store, "drop_upload", lambda key, upload: dropped.append(key) or drop(key, upload))

    def after_the_first(source: str, key: str, upload: str, number: int, *more: int) -> str:
        if number == 2:
            rival(store, source)
        return part(source, key, upload, number, *more)

    monkeypatch.setattr(store, "copy_part", after_the_first)
    data = os.urandom(3 << 20)
    seen = store.put("plain", data)
    with pytest.raises(PreconditionFailed):
        store.copy("plain", "elsewhere", if_absent=True, seen=seen)
    assert (dropped, store.head("elsewhere")) == (["elsewhere"], None)
    source = make_tree(tmp_path / "src", {"large": data})
    send(store, upload_plan(source), limits=TransferLimits())
    done = send(store, upload_plan(source, "x2", TWO, earlier=("one",)), limits=TransferLimits())
    assert (done.figures.bytes_moved, done.figures.files_moved) == (3 << 20, 1)
    assert store.read("model/net/two/large", limit=4 << 20)[0] == data


@pytest.mark.parametrize(
    "text",
    [
        '<?xml version="1.0" encoding="UTF-8"?>\n<CopyObjectResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        "<LastModified>2026-10-12T17:50:30.000Z</LastModified><ETag>&quot;9b2c-1&quot;</ETag></CopyObjectResult>",
        '<CopyObjectResult><ETag>"9b2c-1"</ETag><ChecksumCRC32>AA==</ChecksumCRC32></CopyObjectResult>',
        '<?xml version="1.0"?>\n  <CopyObjectResult>\n <ETag>"9b2c-1"</ETag>\n</CopyObjectResult>\n',
        '<s:CopyObjectResult xmlns:s="x"><s:ETag>&#x22;9b2c-1&#34;</s:ETag></s:CopyObjectResult>',
        "<CopyObjectResult><More/><ETag>&#34;9b2c-1&quot;</ETag></CopyObjectResult>",
    ],
)
def test_the_answer_to_a_copy_in_the_words_of_several_servers(text: str) -> None:
    assert document("copy_object", text.encode())["CopyObjectResult"]["ETag"] == '"9b2c-1"'


def test_an_answer_that_is_no_copy() -> None:
    failed = b'<?xml version="1.0"?><Error><Code>InternalError</Code><ETag>"a"</ETag></Error>'
    assert document("copy_object", failed)["Error"]["Code"] == "InternalError"
    assert document("copy_object", b'<CopyObjectResult><ETag>"a"</ETag>') == {}


@pytest.fixture
def proved(raw: Raw, raw_s3: Target, tmp_path: Path) -> Iterator[Callable[[Change], tuple[NativeS3Storage, int]]]:
    """The storage of another process, once it was made ready for copies, and how many requests that took."""
    stores = list[NativeS3Storage]()

    def open_and_prove(change: Change) -> tuple[NativeS3Storage, int]:
        store = S3.open(raw.store.url, raw_s3.environ)
        assert isinstance(store, NativeS3Storage)
        stores.append(store)
        with pytest.MonkeyPatch.context() as patch:
            change(store, patch)
            asked = requests(store, patch)
            look_ahead(storage := settle(Wrapper(store), tmp_path), copies=True)
            assert storage.capabilities.create_if_absent
            prove_copies(storage)
            for thread in storage._ahead:  # type: ignore[attr-defined]
                thread.join()
        assert not list(store.list(PREFIX)), "nothing is left behind"
        return store, len(asked)

    yield open_and_prove
    for store in stores:
        store.close()


def as_it_is(store: NativeS3Storage, patch: pytest.MonkeyPatch) -> None:
    """The raw server heeds both conditions."""


def ignoring(*names: str) -> Change:
    """A store that takes these conditions on copies and ignores them."""

    def change(store: NativeS3Storage, patch: pytest.MonkeyPatch) -> None:
        whole = store.copy_whole
        none = dict.fromkeys(names)
        patch.setattr(store, "copy_whole", lambda *args, **more: whole(*args, **{**more, **none}))

    return change


@pytest.mark.row("O3")
@pytest.mark.parametrize(
    ("change", "found"),
    [
        (as_it_is, {"copies-create-only": True, "copies-as-seen": True}),
        (ignoring("if_absent"), {"copies-create-only": False, "copies-as-seen": True}),
        (ignoring("etag"), {"copies-create-only": True, "copies-as-seen": False}),
    ],
    ids=["heeds all", "overwrites", "copies whatever"],
)
def test_how_a_store_copies_is_found_out_once(
    raw: Raw, proved: Callable[[Change], tuple[NativeS3Storage, int]], change: Change, found: dict[str, bool]
) -> None:
    told = list[dict[str, bool]]()

    def listening(store: NativeS3Storage, patch: pytest.MonkeyPatch) -> None:
        change(store, patch)
        learn = store.learn_copies
        patch.setattr(store, "learn_copies", lambda said: told.append(dict(said)) or learn(said))

    assert proved(listening)[1] > 0
    store, asked = proved(listening)
    assert asked == 0, "another process of this home knows"
    assert told == [found, found]
    takes = store._copies.takes_one_request(4, if_absent=True)
    assert takes is found["copies-create-only"]


def test_many_copies_need_no_first_one_where_the_store_is_known(
    raw: Raw, proved: Callable[[Change], tuple[NativeS3Storage, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, _ = proved(as_it_is)
    seen = Copies(store, part_bytes=2).copy(store.put("whole", b"data").key, "parts", if_absent=True, seen=None)
    asked = requests(store, monkeypatch)
    copies = (Copy(f"copy{number}", seen, if_absent=True) for number in range(20))
    made = [outcome for _, outcome in store.copy_many(copies, 4, lambda: None)]
    assert asked == [], "each is one of many"
    assert all(isinstance(one, ObjectInfo) and one.as_seen for one in made), "though all have other etags"
