"""Opening files below a directory descriptor, component by component, so that no symbolic link is ever followed."""

import os
from typing import Final

DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
"""O_NONBLOCK: a FIFO that took a file's place must not block the open."""


def open_directory(root: int, place: str) -> int:
    """A descriptor of the directory `place` (``/``-separated, may be empty) below `root`; the caller closes it.

    Raises:
        OSError: a component is missing, a link, or not a directory.
    """
    current = os.open(".", DIRECTORY, dir_fd=root)
    for part in place.split("/") if place else ():
        try:
            below = os.open(part, DIRECTORY, dir_fd=current)
        finally:
            os.close(current)
        current = below
    return current


def open_file(root: int, place: str, flags: int = READ, mode: int = 0o666) -> int:
    """A descriptor of the file `place` below `root`; the caller closes it.

    Raises:
        OSError: a component is missing, a link, or not a directory; or `flags` forbid it.
    """
    parent, _, name = place.rpartition("/")
    if not parent:
        return os.open(name, flags | os.O_NOFOLLOW, mode, dir_fd=root)
    directory = open_directory(root, parent)
    try:
        return os.open(name, flags | os.O_NOFOLLOW, mode, dir_fd=directory)
    finally:
        os.close(directory)
