"""All that lies in a bucket, by one listing; of whole uploads a few numbers each, whatever they hold."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import inf

from wabucketref.contracts.storage import ObjectInfo, Storage
from wabucketref.contracts.transfer import Cancel
from wabucketref.errors import UsageError
from wabucketref.model.names import RESERVED_DIRECTORY
from wabucketref.model.reference import ArtifactRef
from wabucketref.store.format.layout import MARKS, Layout

_PASSING = f"{RESERVED_DIRECTORY}-"
"""How the names of objects begin that trials of ours put at the root for a moment."""


class Alias:
    """What was listed below ``type/name/alias``. There may be a million of these."""

    __slots__ = ("bytes", "claims", "files", "header", "newest", "others", "tokens")

    def __init__(self) -> None:
        self.files = 0
        self.bytes = 0
        self.newest = -inf
        """When the last of all but the claims and tokens was changed, in seconds; infinity: the store does not say."""
        self.header = False
        self.others = False
        """More of ours than header, claims and tokens."""
        self.claims: tuple[ObjectInfo, ...] = ()
        self.tokens: tuple[ObjectInfo, ...] = ()

    @property
    def is_ours(self) -> bool:
        """Whether a release with manifests wrote here; else it is an earlier one's upload, or none of ours at all."""
        return self.header or self.others or bool(self.claims or self.tokens)

    def add(self, layout: Layout, info: ObjectInfo) -> None:
        key = info.key
        if not key.startswith(layout.control):
            self.files += 1
            self.bytes += info.size
        elif key == layout.claim or key.startswith(layout.claims):
            self.claims += (info,)
            return
        elif key.startswith(layout.token("")):
            self.tokens += (info,)
            return
        elif key == layout.header:
            self.header = True
        else:
            self.others = True
        self.newest = max(self.newest, modified(info))


@dataclass
class Inventory:
    """See the module's text."""

    aliases: dict[str, Alias] = field(default_factory=dict)
    """By directory."""
    marks: list[ObjectInfo] = field(default_factory=list)
    passing: list[ObjectInfo] = field(default_factory=list)


def modified(info: ObjectInfo) -> float:
    """When the object was changed; infinity where the store does not say, so that it never counts as old."""
    return inf if info.modified is None else info.modified


def take_stock(storage: Storage, prefix: str, cancel: Cancel) -> Inventory:
    """List everything below `prefix`, and all marks."""
    found, strange = Inventory(), set[str]()
    for info in _everything(storage, prefix):
        cancel.check()
        if info.key.startswith(MARKS):
            found.marks.append(info)
        elif info.key.startswith(_PASSING):
            found.passing.append(info)
        else:
            _add(found, strange, info)
    return found


def _everything(storage: Storage, prefix: str) -> Iterator[ObjectInfo]:
    yield from storage.list(prefix)
    if prefix:
        yield from storage.list(MARKS)


def _add(found: Inventory, strange: set[str], info: ObjectInfo) -> None:
    directory = directory_of(info.key)
    if directory is None or directory in strange:
        return
    alias = found.aliases.get(directory)
    if alias is None:
        if not is_artifact(directory):
            strange.add(directory)
            return
        alias = found.aliases[directory] = Alias()
    alias.add(Layout(directory), info)


def directory_of(key: str) -> str | None:
    """The three components that are an artifact's directory, if `key` is below one."""
    parts = key.split("/", 3)
    return "/".join(parts[:3]) if len(parts) == 4 else None


def is_artifact(directory: str) -> bool:
    """Whether three components may be type, name and alias."""
    try:
        ArtifactRef(*directory.split("/"))
    except UsageError:
        return False
    return True
