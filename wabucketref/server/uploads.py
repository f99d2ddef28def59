"""What our own command line uploaded, as W&B's SDK can fetch it: references to the objects of its bucket."""

from collections import OrderedDict
from collections.abc import Sequence
from threading import Lock
from typing import Final

from wabucketref.contracts.tracker_files import ArtifactFiles
from wabucketref.model.artifact import LoggedArtifact
from wabucketref.trackers.embedded.sdk.facts import File, Version
from wabucketref.trackers.wandb.entries import entry_fields

_REMEMBERED: Final = 16


class Uploads:
    """Lists the files of uploads, by their manifests; what it found it remembers. Thread-safe."""

    def __init__(self, bucket_files: ArtifactFiles) -> None:
        self._bucket_files = bucket_files
        self._lock = Lock()
        self._known: OrderedDict[tuple[str, str], Sequence[File]] = OrderedDict()

    def files(self, version: Version) -> Sequence[File]:
        """The files by path, the manifest among them.

        Raises:
            NotFound: the upload is not in its bucket any more.
            IntegrityError: its manifest is damaged, or another upload is in its place.
            NotAuthorised, TransientError: the bucket cannot be read.
        """
        key = (version.uri, version.digest)
        with self._lock:
            found = self._known.get(key)
        if found is None:
            found = self._read(version)
            with self._lock:
                self._known[key] = found
                if len(self._known) > _REMEMBERED:
                    self._known.popitem(last=False)
        return found

    def _read(self, version: Version) -> Sequence[File]:
        entries = map(entry_fields, self._bucket_files.references(_logged(version)))
        files = [
            File(entry["path"], entry["digest"], entry["size"], entry["ref"], None, None, {"extra": entry["extra"]})
            for entry in entries
        ]
        return sorted(files, key=lambda file: file.path)


def _logged(version: Version) -> LoggedArtifact:
    return LoggedArtifact(
        xid="",
        type=version.collection.type,
        name=version.collection.name,
        alias=version.first,
        digest=version.digest,
        uri=version.uri,
        bucket=version.bucket,
        files=version.files,
        bytes=version.bytes,
        created=version.created,
    )
