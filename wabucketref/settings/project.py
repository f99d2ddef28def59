"""The project's settings file: ``wabucket.toml``, or ``[tool.wabucket]`` of pyproject.toml, nearest upward."""

import os
import stat
from pathlib import Path
from typing import Final

from wabucketref.errors import SettingsError
from wabucketref.settings.files import parse_layer, read_bytes
from wabucketref.settings.origin import Layer

OWN_FILE: Final = "wabucket.toml"
SHARED_FILE: Final = "pyproject.toml"
TABLE: Final = ("tool", "wabucket")


def project_layer(directory: Path) -> tuple[Layer, Path | None, list[str]]:
    """The nearest project settings from `directory` upward: the values, the file's directory, and notices.

    A file that another user planted in a directory which everybody can write (``/tmp``) is not trusted.

    Raises:
        SettingsError: the nearest file cannot be read or parsed.
    """
    notices: list[str] = []
    for place in (directory, *directory.parents):
        for name in (OWN_FILE, SHARED_FILE):
            path = place / name
            if not os.path.lexists(path):
                continue
            if _planted(path):
                notices.append(f"{path} is ignored: another user put it into a directory that everybody can write")
            elif (layer := _read(path, notices)) is not None:
                return layer, place, notices
    return {}, None, notices


def _read(path: Path, notices: list[str]) -> Layer | None:
    """The layer, or None for a pyproject.toml that says nothing of us."""
    own = path.name == OWN_FILE
    try:
        data = read_bytes(path)
    except OSError as error:
        if own:
            raise SettingsError(
                f"{path} cannot be read: {error.strerror}", hint="settings files are TOML files of at most 1 MiB"
            ) from error
        notices.append(f"{path} cannot be read, so it was not searched for settings: {error.strerror}")
        return None
    if own:
        return parse_layer(path, data, ())
    # Other tools' files are parsed only when they name us: their mistakes are not ours to report.
    if TABLE[1].encode() not in data:
        return None
    return parse_layer(path, data, TABLE) or None


def _planted(path: Path) -> bool:
    place, found = path.parent.stat(), path.lstat()
    return bool(place.st_mode & stat.S_IWOTH) and found.st_uid not in (os.geteuid(), 0)
