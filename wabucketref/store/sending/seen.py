"""What lay in the artifact's directory when the claim was taken: left by an earlier try, or about to be replaced."""

from collections.abc import Iterator

from wabucketref.contracts.storage import ObjectInfo, Storage
from wabucketref.store.format.layout import Layout
from wabucketref.store.objects import Objects


class Seen:
    """Objects below the alias, by key, as they were seen under the claim. Claims are left out."""

    def __init__(self, storage: Storage, layout: Layout) -> None:
        self._layout = layout
        self._objects = Objects(layout.prefix)
        for info in storage.list(layout.prefix):
            if _counts(info.key, layout):
                self._objects.add(info)

    def take(self, key: str) -> ObjectInfo | None:
        """The object, which from now on belongs to the new upload and is no leftover."""
        return self._objects.take(key.removeprefix(self._layout.prefix))

    def __contains__(self, key: str) -> bool:
        """Whether nothing took the object yet."""
        return key.removeprefix(self._layout.prefix) in self._objects

    def leftovers(self) -> Iterator[ObjectInfo]:
        """Files that nothing took: the new upload does not have them."""
        return (info for info in self._objects if self._layout.path_of(info.key) is not None)


def _counts(key: str, layout: Layout) -> bool:
    return layout.path_of(key) is not None or key == layout.entries
