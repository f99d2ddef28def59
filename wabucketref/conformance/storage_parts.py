"""Checks of uploads in parts, and of going on with one from another process."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial

from wabucketref.conformance.results import NotApplicable, expect, must, race, same
from wabucketref.conformance.storage_bench import Bench
from wabucketref.contracts.storage import Multipart, Part, Storage, UnfinishedWrite
from wabucketref.errors import AlreadyExists, NotFound, Unsupported, UsageError


def check_multipart(bench: Bench) -> None:
    """Parts may come in parallel, in any order and twice; nothing shows before the end."""
    store, key = bench.store, bench.key("a")
    if not store.capabilities.multipart:
        with expect(Unsupported, doing="start_multipart without the capability"):
            store.start_multipart(key, 1)
        with expect(Unsupported, doing="abort_multipart without the capability"):
            store.abort_multipart(key, "x")
        return
    size, parts = _parts(store)
    upload = store.start_multipart(key, size)
    if store.capabilities.parts_in_order:
        for number in (1, 2, 3, 3, 4):
            upload.put_part(number, parts[number])
    else:
        upload.put_part(2, parts[2])
        for outcome in race([partial(upload.put_part, number, parts[number]) for number in (4, 3, 1, 2)]):
            if isinstance(outcome, Exception):
                raise outcome
    same(sorted(upload.landed), sorted(parts), "numbers of the parts that landed")
    bench.holds("a", None)
    same(upload.complete().size, len(_whole(parts)), "size")
    bench.holds("a", _whole(parts))
    upload.abort()
    bench.holds("a", _whole(parts))


def check_multipart_part_again(bench: Bench) -> None:
    """Of a part put twice the last one counts."""
    _need(bench)
    if bench.store.capabilities.parts_in_order:
        raise NotApplicable("parts come in order, so what landed stays")
    upload = bench.store.start_multipart(bench.key("a"), 16)
    upload.put_part(1, b"the first one")
    upload.put_part(1, b"the second")
    same(upload.complete().size, len(b"the second"), "size")
    bench.holds("a", b"the second")


def check_multipart_part_missing(bench: Bench) -> None:
    """No object is made while a part between others is missing."""
    _need(bench)
    if bench.store.capabilities.parts_in_order:
        raise NotApplicable("parts come in order, so none can be missing")
    size, parts = _parts(bench.store)
    upload = bench.store.start_multipart(bench.key("a"), size)
    upload.put_part(1, parts[1])
    upload.put_part(3, parts[4])
    with expect(UsageError, doing="complete without part 2"):
        upload.complete()
    bench.holds("a", None)
    upload.put_part(2, parts[2])
    upload.complete()
    bench.holds("a", parts[1] + parts[2] + parts[4])


def check_multipart_abort(bench: Bench) -> None:
    """An aborted upload leaves nothing and is over; aborting twice is harmless, also from another process."""
    _need(bench)
    size, parts = _parts(bench.store)
    key, other = bench.key("a"), bench.another()
    aborts: tuple[Callable[[Multipart], None], ...] = (
        lambda upload: upload.abort(),
        lambda upload: other.abort_multipart(key, upload.upload_id),
    )
    for abort in aborts:
        upload = bench.store.start_multipart(key, size)
        landed = [upload.put_part(1, parts[1])]
        abort(upload)
        abort(upload)
        upload.abort()
        _must_be_over(bench, upload.upload_id, size, landed)
    bench.holds("a", None)
    same(bench.names(), set(), "listing")


def check_multipart_create(bench: Bench) -> None:
    """Completing only if absent: refused where there is an object, without the capability refused at all."""
    _need(bench)
    store = bench.store
    if not store.capabilities.create_if_absent:
        with expect(Unsupported, doing="start_multipart(if_absent) without the capability"):
            store.start_multipart(bench.key("a"), 1 << 20, if_absent=True)
        return
    size, parts = _parts(store)
    free = store.start_multipart(bench.key("free"), size, if_absent=True)
    taken = store.start_multipart(bench.key("taken"), size, if_absent=True)
    for upload in (free, taken):
        upload.put_part(1, parts[1])
    store.put(bench.key("taken"), b"old")
    with expect(AlreadyExists, doing="complete of an upload that creates only, on an object"):
        taken.complete()
    taken.abort()
    free.complete()
    bench.holds("taken", b"old")
    bench.holds("free", parts[1])


def check_multipart_resume(bench: Bench) -> None:
    """Another process that is told of an upload as text goes on with it; without the capability it is refused."""
    _need(bench)
    size, parts = _parts(bench.store)
    key, other = bench.key("a"), bench.another()
    upload = bench.store.start_multipart(key, size)
    stored = [upload.put_part(number, parts[number]) for number in (1, 2)]
    if bench.store.capabilities.parts_in_order:
        stored.append(Part(3, size))  # told before it is sent
    told = json.dumps([upload.upload_id, *map(asdict, stored)])
    upload.put_part(3, parts[3])  # and dies before it can tell
    upload_id, *known = json.loads(told)
    if not other.capabilities.resumable:
        with expect(Unsupported, doing="resume_multipart without the capability"):
            other.resume_multipart(key, upload_id, size, [Part(**part) for part in known])
        return other.abort_multipart(key, upload_id)
    resumed = other.resume_multipart(key, upload_id, size, [Part(**part) for part in known])
    same(resumed.upload_id, upload.upload_id, "upload id")
    must({1, 2} <= set(resumed.landed), f"of parts 1 and 2, these are said to be stored: {sorted(resumed.landed)}")
    for number in (3, 4):
        resumed.put_part(number, parts[number])
    bench.holds("a", None)
    same(resumed.complete().size, len(_whole(parts)), "size")
    bench.holds("a", _whole(parts))
    return _must_be_over(bench, upload_id, size, [Part(**part) for part in known])


def check_multipart_resume_create(bench: Bench) -> None:
    """An upload that creates only does so whoever completes it."""
    _need(bench)
    able = bench.store.capabilities
    if not (able.resumable and able.create_if_absent):
        raise NotApplicable("not resumable, or no create_if_absent")
    key, (size, parts) = bench.key("a"), _parts(bench.store)
    upload = bench.store.start_multipart(key, size, if_absent=True)
    part = upload.put_part(1, parts[1])
    bench.store.put(key, b"old")
    resumed = bench.another().resume_multipart(key, upload.upload_id, size, [part], if_absent=True)
    with expect(AlreadyExists, doing="complete of a resumed upload that creates only, on an object"):
        resumed.complete()
    resumed.abort()
    bench.holds("a", b"old")


def check_unfinished(bench: Bench) -> None:
    """Uploads that are not over are listed from everywhere, and gone once discarded; whole objects are not listed."""
    store, other = bench.store, bench.another()
    if not store.capabilities.lists_unfinished:
        with expect(Unsupported, doing="unfinished without the capability"):
            list(store.unfinished(bench.prefix))
        with expect(Unsupported, doing="discard without the capability"):
            store.discard(UnfinishedWrite(bench.key("a"), "x"))
        return
    size, parts = _parts(store)
    store.put(bench.key("whole"), b"whole")
    same(list(other.unfinished(bench.prefix)), [], "writes that are not over, before the first")
    uploads = [store.start_multipart(bench.key(name), size) for name in ("a", "deep/er/a")]
    landed = [upload.put_part(1, parts[1]) for upload in uploads]
    found = list(other.unfinished(bench.prefix))
    same([one.key.startswith(bench.prefix) for one in found], [True, True], "writes below the prefix")
    same(len(list(other.unfinished(bench.key("deep/")))), 1, "writes below a deeper prefix")
    same(bench.names(), {"whole"}, "listing")
    for one in found:
        other.discard(one)
        other.discard(one)
    same(list(other.unfinished(bench.prefix)), [], "writes that are not over, once discarded")
    _must_be_over(bench, uploads[0].upload_id, size, landed[:1])
    for upload in uploads:
        upload.abort()
    bench.holds("whole", b"whole")


def _must_be_over(bench: Bench, upload_id: str, size: int, parts: Sequence[Part]) -> None:
    """A process that goes on learns it, at the latest from the end."""
    if not bench.store.capabilities.resumable:
        return
    before = bench.store.head(bench.key("a"))
    with expect(NotFound, doing="going on with an upload that is over"):
        bench.another().resume_multipart(bench.key("a"), upload_id, size, parts).put_part(1, b"x" * size)
    same(bench.store.head(bench.key("a")), before, "the object, after somebody tried to go on with the upload")


def _need(bench: Bench) -> None:
    if not bench.store.capabilities.multipart:
        raise NotApplicable("no multipart")


def _parts(store: Storage) -> tuple[int, dict[int, bytes]]:
    """The part size, and four parts of which the last is smaller."""
    size = max(store.capabilities.min_part_bytes, 1)
    return size, {number: bytes([number]) * size for number in (1, 2, 3)} | {4: b"\4" * (size // 2 or 1)}


def _whole(parts: dict[int, bytes]) -> bytes:
    return b"".join(parts[number] for number in sorted(parts))


CHECKS = (
    check_multipart,
    check_multipart_part_again,
    check_multipart_part_missing,
    check_multipart_abort,
    check_multipart_create,
    check_multipart_resume,
    check_multipart_resume_create,
    check_unfinished,
)
