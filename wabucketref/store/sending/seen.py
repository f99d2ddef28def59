"""What lay in the artifact's directory when the claim was taken: left by an earlier try, or about to be replaced."""

from wabucketref.contracts.storage import ObjectInfo, Storage
from wabucketref.store.layout import Layout


class Seen:
    """Objects below the alias, by key, as they were seen under the claim. Claims are left out."""

    def __init__(self, storage: Storage, layout: Layout) -> None:
        self._layout = layout
        self._objects = {info.key: info for info in storage.list(layout.prefix) if _counts(info.key, layout)}

    def get(self, key: str) -> ObjectInfo | None:
        return self._objects.get(key)

    def take(self, key: str) -> ObjectInfo | None:
        """The object, which from now on belongs to the new upload and is no leftover."""
        return self._objects.pop(key, None)

    def leftovers(self) -> list[ObjectInfo]:
        """Files that nothing took: the new upload does not have them."""
        return [info for key, info in self._objects.items() if self._layout.path_of(key) is not None]


def _counts(key: str, layout: Layout) -> bool:
    return layout.path_of(key) is not None or key == layout.entries
