"""Hidden files in a bucket on a local disk: what is being written, and what killed processes left of that."""

import os
from contextlib import suppress

from wabucketref.contracts.storage import ObjectInfo, UnfinishedWrite
from wabucketref.model.names import is_temporary
from wabucketref.store.drivers.local_errors import mapped
from wabucketref.store.drivers.local_staging import TEMPORARY_PREFIX, remove_empty_parents


def info_of(key: str, stat: os.stat_result) -> ObjectInfo:
    """What the disk says of a file as an object."""
    etag = f"{stat.st_ino:x}-{stat.st_mtime_ns:x}-{stat.st_size:x}"
    return ObjectInfo(key, stat.st_size, etag, modified=stat.st_mtime_ns / 1e9)


def is_hidden(name: str) -> bool:
    """Whether a file of this name holds bytes that are not published."""
    return name.startswith(TEMPORARY_PREFIX) and is_temporary(name)


def remove_hidden(root: str, write: UnfinishedWrite, what: str) -> None:
    """Remove the hidden file that was seen, and directories that are empty then, unless it was written to since."""
    if not is_hidden(write.key.rpartition("/")[2]):
        return
    path = os.path.join(root, write.key)
    with mapped(what, writing=True), suppress(FileNotFoundError, NotADirectoryError):
        if info_of(write.key, os.stat(path, follow_symlinks=False)).etag == write.upload_id:
            os.unlink(path)
            remove_empty_parents(path, root)
