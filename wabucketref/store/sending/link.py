"""Link: files that already lie in the bucket become an artifact. Their bytes are hashed where they lie, not copied."""

import contextlib
from collections.abc import Iterator, Sequence

from wabucketref.contracts.storage import ObjectInfo, Storage
from wabucketref.errors import LinkSourceNotFound, SourceChanged, UsageError, WaBucketError
from wabucketref.failpoints import hit
from wabucketref.model.manifest import Entry, Header
from wabucketref.model.names import explain_paths, path_problem
from wabucketref.model.plan import Committed, LinkPlan
from wabucketref.model.redact import public_place
from wabucketref.store.engine.pool import Crew
from wabucketref.store.format.digest import ManifestDigest
from wabucketref.store.format.layout import base_prefix, is_control, mark_of
from wabucketref.store.header import read_header
from wabucketref.store.identity import Identity
from wabucketref.store.linked import Mark, check_sources
from wabucketref.store.sending.committed import Moved
from wabucketref.store.sending.readback import hash_object
from wabucketref.store.sending.writing import Room, Writing


def link(storage: Storage, plan: LinkPlan, me: Identity, crew: Crew) -> Committed:
    """Carry out `plan`. See :meth:`DataPlane.link` for the errors."""
    check_base(plan.base, plan.ref.directory)
    try:
        linking = _Linking(storage, plan, linked_objects(storage, plan), me, crew)
        crew.progress.start("link", len(linking.objects), sum(info.size for info in linking.objects))
        try:
            return Writing(storage, plan, me, crew, linking.same).run(linking.fill)
        finally:
            crew.progress.finish()
    except WaBucketError as error:
        if not error.retryable:
            _unmark_earlier_try(storage, plan)
        raise


def _unmark_earlier_try(storage: Storage, plan: LinkPlan) -> None:
    """Nobody tries again: the mark of a try that died goes, unless that one committed."""
    with contextlib.suppress(WaBucketError):
        found = read_header(storage, plan.ref)
        if found is None or found.header.write_id != plan.xid:
            storage.delete(mark_of(plan.base, plan.xid))


def check_source(storage: Storage, base: str) -> None:
    """Refuse a base below which nothing lies.

    Raises:
        LinkSourceNotFound: nothing lies there.
        UsageError: it is outside the bucket, or ours.
    """
    check_base(base, None)
    prefix = base_prefix(base)
    if not any(not is_control(info.key[len(prefix) :]) for info in storage.list(prefix)):
        raise _not_found(storage, base)


def _not_found(storage: Storage, base: str) -> LinkSourceNotFound:
    message = f"{public_place(base)!r} in {storage.url} does not exist or not a directory"
    return LinkSourceNotFound(message, hint="check the bucket path")


def check_base(base: str, own: str | None) -> None:
    """Refuse a directory that a link cannot mean; `own` is the directory of the artifact to be.

    Raises:
        UsageError: it is outside the bucket, ours, or the artifact's own directory.
    """
    problem = path_problem(base) if base else None
    if problem is None and is_control(base):
        problem = "lies in .wabucket, which is reserved"
    if problem is not None:
        raise UsageError(f"the bucket path {public_place(base)!r} {problem}", hint="give a directory inside the bucket")
    if own is not None and f"{base}/".startswith(f"{own}/"):
        raise UsageError(f"{base!r} is the artifact's own directory", hint="link it under another alias")


def linked_objects(storage: Storage, plan: LinkPlan) -> Sequence[ObjectInfo]:
    """The files to link in order of path; our own objects and this artifact's directory are left out.

    Raises:
        LinkSourceNotFound: there is none.
        UsageError: paths that no artifact may have.
    """
    prefix, own = base_prefix(plan.base), f"{plan.ref.directory}/"
    found, problems = [], []
    for info in storage.list(prefix):
        path = info.key[len(prefix) :]
        if is_control(path) or info.key.startswith(own) or not path or path.endswith("/"):
            continue
        problem = path_problem(path)
        problems += [(path, problem)] if problem else []
        found.append(info)
    if not found:
        raise _not_found(storage, plan.base)
    if problems:
        raise explain_paths(problems, f"{plan.base!r} has paths that cannot be linked")
    return sorted(found, key=lambda info: info.key)


class _Linking:
    def __init__(
        self, storage: Storage, plan: LinkPlan, objects: Sequence[ObjectInfo], me: Identity, crew: Crew
    ) -> None:
        self.objects = objects
        self._me = me
        self._storage = storage
        self._plan = plan
        self._crew = crew
        self._prefix = base_prefix(plan.base)
        self._entries: list[Entry] | None = None

    def same(self, header: Header) -> bool:
        """Whether `header` has the content of the linked files."""
        if (header.files, header.bytes) != (len(self.objects), sum(info.size for info in self.objects)):
            return False
        found = ManifestDigest(self._plan.type, self._plan.name, self._plan.alias)
        for entry in self._hashed():
            found.add(entry)
        return found.value() == header.digest

    def fill(self, room: Room, moved: Moved) -> Iterator[Entry]:
        """The entries; nothing is stored but a mark that keeps others from removing the files."""
        mark = Mark(self._plan.base, self._plan.xid, self._plan.ref)
        room.claim.check()
        mark.put(self._storage)
        hit("link.marked")
        try:
            self._check_again()
            for entry in self._hashed():
                moved.files_reused += 1
                moved.bytes_reused += entry.size
                yield entry
        except WaBucketError:
            # A mark that cannot be removed does no harm: it is dead without its link.
            with contextlib.suppress(WaBucketError):
                self._storage.delete(mark.key)
            raise

    def _check_again(self) -> None:
        """From the mark on nobody removes what is there."""
        now = linked_objects(self._storage, self._plan)
        if _seen(now) != _seen(self.objects):
            raise SourceChanged(f"files below {self._plan.base!r} changed meanwhile", hint="link it again")
        check_sources(self._storage, self._plan.base, now, self._me, self._crew.cancel)

    def _hashed(self) -> list[Entry]:
        if self._entries is None:
            self._entries = list(self._crew.in_order(self._entry, self.objects))
        return self._entries

    def _entry(self, info: ObjectInfo) -> Entry:
        digest, now = hash_object(self._storage, info.key, info.size, info.etag, self._crew)
        hit("link.file_hashed")
        return Entry(info.key[len(self._prefix) :], info.size, digest, "file", now.etag, now.version)


def _seen(objects: Sequence[ObjectInfo]) -> list[tuple[str, int, str | None]]:
    return [(info.key, info.size, info.etag) for info in objects]
