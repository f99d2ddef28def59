"""Files below an alias that its manifest does not name."""

from collections.abc import Iterator

from wabucketref.contracts.storage import ObjectInfo, Storage
from wabucketref.model.manifest import Header
from wabucketref.model.reference import ArtifactRef
from wabucketref.store.collect.inventory import Alias
from wabucketref.store.format.layout import Layout
from wabucketref.store.header import entries_of


def may_have_orphans(alias: Alias, header: Header) -> bool:
    """Whether what was listed is not what the header says; only then its list of files is read."""
    expected = (0, 0) if header.base is not None else (header.files, header.bytes)
    return (alias.files, alias.bytes) != expected


def orphans(storage: Storage, ref: ArtifactRef, header: Header) -> Iterator[ObjectInfo]:
    """The objects that are not named, in any order.

    Of the names only hashes are kept: should two ever be equal, an orphan stays.

    Raises:
        IntegrityError: the list of files is damaged.
        ReplacedWhileReading: another upload took its place meanwhile.
    """
    named = set[int]()
    if header.base is None:
        named = {hash(entry.path) for entry in entries_of(storage, ref, header) if entry.type == "file"}
    layout = Layout.of(ref)
    for info in storage.list(layout.prefix):
        path = layout.path_of(info.key)
        if path and hash(path) not in named:
            yield info
