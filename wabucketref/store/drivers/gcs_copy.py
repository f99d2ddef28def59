"""Copies within Google's store: rewrites, which take as many requests as it wants."""

from collections.abc import Callable, Mapping

from wabucketref.contracts.storage import ObjectInfo
from wabucketref.errors import AlreadyExists
from wabucketref.store.drivers.gcs_client import GcsClient
from wabucketref.store.drivers.gcs_errors import GcsRequest
from wabucketref.store.drivers.gcs_place import GcsPlace
from wabucketref.store.drivers.keys import changed
from wabucketref.store.drivers.vouching import Vouching

_NO_GENERATION = "1"
"""Of an object of January 1970."""


class GcsCopies:
    """Copies within one bucket. Thread-safe."""

    def __init__(self, place: GcsPlace, client: GcsClient, head: Callable[[str], ObjectInfo | None]) -> None:
        self._place = place
        self._client = client
        self._head = head
        self._vouching = Vouching()

    def copy(self, source: str, key: str, *, if_absent: bool, seen: ObjectInfo | None) -> ObjectInfo:
        """As ``Storage.copy``."""
        generation = seen.version if seen is not None else None
        create = {"ifGenerationMatch": "0"} if if_absent else {}

        def make(generation: str | None) -> ObjectInfo:
            was = {"ifSourceGenerationMatch": generation} if generation is not None else {}
            return self._rewritten(source, key, {**create, **was})

        if generation is None or not if_absent:
            return make(generation)
        return self._vouching.copy(lambda: make(_NO_GENERATION), lambda: make(generation), lambda: self._head(key))

    def _rewritten(self, source: str, key: str, conditions: Mapping[str, str]) -> ObjectInfo:
        request = GcsRequest(self._place.what(source), True, if_absent=bool(conditions))
        path, params = self._place.rewriting(source, key), conditions
        while True:
            try:
                answer = self._client.send(request, "POST", path, params=params)
            except AlreadyExists as error:
                if "ifGenerationMatch" in conditions and self._head(key) is not None:
                    raise
                raise changed(self._place.what(source)) from error
            if "rewriteToken" not in answer.json():
                return self._place.info(key, answer.resource())
            params = {**conditions, "rewriteToken": answer.json()["rewriteToken"]}
