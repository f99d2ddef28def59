"""Where staging directories lie, and clearing those that no later download will go on with.

Such a directory is named after the artifact and the content that grow there. Its owner holds a lock on it; what a dead
one left of other content than the one wanted now is of no use, as an upload that was replaced does not come back.
"""

import fcntl
import logging
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final

from wabucketref.model.names import RESERVED_DIRECTORY
from wabucketref.model.reference import ArtifactRef
from wabucketref.store.disk.beneath import DIRECTORY
from wabucketref.store.format.digest import digest_of

_log = logging.getLogger(__name__)
_KEY: Final = r"([0-9a-f]{8}-(?:unverified-)?[0-9a-f]{12})"
_LONG: Final = 200
"""Bytes of a name after which too few would be left for what is added to it."""


def staging_key(ref: ArtifactRef, content: str, *, verified: bool) -> str:
    """How the staging directory of an artifact's `content` (a digest) is named."""
    return f"{_artifact_key(ref)}-{'' if verified else 'unverified-'}{_hex(content)[:12]}"


def beside(real: str) -> tuple[str, str]:
    """The directory in which siblings of the destination lie, and how the name of one begins."""
    parent, name = os.path.split(real)
    if len(os.fsencode(name)) > _LONG:
        name = f"{name[:40]}-{_hex(digest_of(os.fsencode(name)))[:12]}"
    return parent, f".{name}.wabucket-"


def below(real: str) -> tuple[str, str]:
    """As :func:`beside`, below the destination."""
    return os.path.join(real, RESERVED_DIRECTORY), "download-"


def clear_others(real: str, key: str) -> None:
    """Clear what dead downloads into `real` left of any other content than that of `key`."""
    _clear_where(real, lambda found: found != key)


def clear_gone(real: str, ref: ArtifactRef) -> None:
    """Clear what dead downloads of an artifact that is not there any more left of it."""
    _clear_where(real, lambda found: found.startswith(f"{_artifact_key(ref)}-"))


def remove_reserved(real: str) -> None:
    """Remove the directory for staging below the destination, unless something is in it."""
    with suppress(OSError):
        os.rmdir(below(real)[0])


def _artifact_key(ref: ArtifactRef) -> str:
    return _hex(digest_of(ref.directory.encode()))[:8]


def _hex(digest: str) -> str:
    return digest.rpartition(":")[2]


def _clear_where(real: str, is_useless: Callable[[str], bool]) -> None:
    """Failures are only logged: whoever downloads now does not need it."""
    for directory, prefix in (beside(real), below(real)):
        named = re.compile(re.escape(prefix) + _KEY)
        with suppress(OSError), _open(directory) as above:
            found = [(name, named.fullmatch(name)) for name in os.listdir(above)]
            for name in (name for name, match in found if match and is_useless(match[1])):
                _clear_dead(above, name)
    remove_reserved(real)


@contextmanager
def _open(directory: str, above: int | None = None) -> Iterator[int]:
    """A descriptor, so that what is cleared is what was looked at, whatever links come and go meanwhile."""
    descriptor = os.open(directory, DIRECTORY, dir_fd=above)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _clear_dead(above: int, name: str) -> None:
    try:
        with _open(name, above) as descriptor:
            facts = os.fstat(descriptor)
            if facts.st_uid != os.geteuid():
                return
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(facts, os.stat(name, dir_fd=above, follow_symlinks=False)):
                shutil.rmtree(name, dir_fd=above)
    except BlockingIOError:
        return  # its owner lives
    except OSError as error:
        _log.info("what a stopped download left in %r is not cleared now: %s", name, error)
