"""Where the objects of a bucket are in the API of GCS, and its words for them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from wabucketref.contracts.storage import ObjectInfo
from wabucketref.store.drivers.gcs_client import component
from wabucketref.store.drivers.gcs_errors import GcsRequest
from wabucketref.store.drivers.keys import check_key
from wabucketref.store.drivers.urls import BucketUrl

_API = "/storage/v1"
FIELDS = "name,size,etag,generation,updated"
"""What is asked for of an object."""


@dataclass(frozen=True, slots=True)
class GcsPlace:
    """One bucket, or a prefix of it."""

    address: BucketUrl

    @property
    def bucket(self) -> str:
        """Path of the bucket."""
        return f"{_API}/b/{component(self.address.bucket)}"

    @property
    def uploads(self) -> str:
        """Path to which new objects are sent."""
        return f"/upload{self.bucket}/o"

    def path(self, key: str) -> str:
        """Path of the object."""
        return f"{self.bucket}/o/{component(self.full(key))}"

    def rewriting(self, source: str, key: str) -> str:
        """Path of the copy of one object to another."""
        return f"{self.path(source)}/rewriteTo{self.path(key).removeprefix(_API)}"

    def full(self, key: str) -> str:
        """The object's name in the bucket.

        Raises:
            UsageError: no object can have this key.
        """
        return self.address.key(check_key(key))

    def what(self, key: str) -> str:
        """The object as messages name it."""
        return f"bucket {self.address}, object {key!r}"

    def request(self, key: str, *, writing: bool = False, if_match: bool = False) -> GcsRequest:
        return GcsRequest(self.what(key), writing, if_match=if_match)

    def upload_request(self, key: str, *, if_absent: bool = False, if_match: bool = False) -> GcsRequest:
        return GcsRequest(self.what(key), True, if_absent, if_match, of_bucket=True)

    def info(self, key: str, item: Mapping[str, Any]) -> ObjectInfo:
        """The facts in an answer that describes the object."""
        updated = item.get("updated")
        modified = datetime.fromisoformat(updated).timestamp() if updated else None
        return ObjectInfo(key, int(item["size"]), bare(item.get("etag")), item.get("generation"), modified)

    def listed(self, answer: Mapping[str, Any]) -> Iterator[ObjectInfo]:
        """The objects on one page of a listing."""
        for item in answer.get("items", ()):
            if not item["name"].endswith("/"):  # the mark some tools leave for a directory
                yield self.info(self.address.relative(item["name"]), item)


def bare(etag: str | None) -> str | None:
    return etag.strip('"') if etag else None
