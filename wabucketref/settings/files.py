"""Settings files: TOML read with a size limit, each value with its line."""

import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from wabucketref.errors import SettingsError, WaBucketError
from wabucketref.model.nearest import nearest
from wabucketref.settings.fields import ENVIRONMENT, KINDS, PLUGINS, plugin_setting
from wabucketref.settings.origin import Given, Layer

MAX_BYTES: Final = 1 << 20
_TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    "text": (str,),
    "number": (int, float),
    "size": (int, str),
    "list": (list, str),
}
_HEADER = re.compile(r"\s*\[([^\[\]]+)\]\s*(?:#.*)?")
_KEY = re.compile(r"""\s*([A-Za-z0-9_."' -]+?)\s*=""")


def read_layer(path: Path, *, unreadable: type[WaBucketError] = SettingsError) -> Layer:
    """The settings in the TOML file `path`.

    Raises:
        unreadable: it is missing, forbidden, not a regular file, or larger than 1 MiB.
        SettingsError: it is not UTF-8 or TOML, has an unknown key, or a value of another type; with file and line.
    """
    try:
        data = read_bytes(path)
    except OSError as error:
        raise unreadable(
            f"{path} cannot be read: {error.strerror}", hint="settings files are readable TOML files of at most 1 MiB"
        ) from error
    return parse_layer(path, data, ())


def read_bytes(path: Path) -> bytes:
    """The bytes of a regular file of at most 1 MiB; anything else is an OSError. Never waits on a pipe."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        kind = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(kind):
            raise OSError(0, "it is a directory" if stat.S_ISDIR(kind) else "it is not a regular file")
        with open(descriptor, "rb", closefd=False) as file:
            data = file.read(MAX_BYTES + 1)
    finally:
        os.close(descriptor)
    if len(data) > MAX_BYTES:
        raise OSError(0, f"it is larger than {MAX_BYTES} bytes")
    return data


def parse_layer(path: Path, data: bytes, table: tuple[str, ...]) -> Layer:
    """The settings in the table `table` of a TOML document; `path` is for messages.

    Raises:
        SettingsError: as :func:`read_layer`.
    """
    text, document = _parse(path, data)
    found: Any = document
    for part in table:
        found = found.get(part, {}) if isinstance(found, dict) else found
    if not isinstance(found, dict):
        raise SettingsError(f"{path}: {'.'.join(table)} is not a table", hint=f"write [{'.'.join(table)}]")
    layer = {key: _given(path, text, table, key, value) for key, value in found.items() if key != PLUGINS}
    return {**layer, **_of_plugins(path, text, (*table, PLUGINS), found.get(PLUGINS, {}))}


def _of_plugins(path: Path, text: str, table: tuple[str, ...], plugins: Any) -> Layer:
    """Options of plugins, each in a table of its plugin; the plugins judge them when they are used."""
    layer: dict[str, Given] = {}
    if not isinstance(plugins, dict) or not all(isinstance(options, dict) for options in plugins.values()):
        raise SettingsError(f"{path}: {'.'.join(table)} holds a table a plugin", hint=f"write [{'.'.join(table)}.NAME]")
    for plugin, options in plugins.items():
        for option, value in options.items():
            line = line_of(text, (*table, plugin, option))
            layer[plugin_setting(plugin, option)] = Given(value, f"{path}:{line}" if line else str(path))
    return layer


def _given(path: Path, text: str, table: tuple[str, ...], key: str, value: Any) -> Given:
    line = line_of(text, (*table, key))
    source = f"{path}:{line}" if line else str(path)
    if key not in ENVIRONMENT:
        meant = nearest(key, ENVIRONMENT)
        hint = f"did you mean {meant!r}?" if meant else "the known ones are listed by 'wabucket config list'"
        raise SettingsError(f"{source}: unknown setting {key[:80]!r}", hint=hint)
    kind = KINDS.get(key, "text")
    if isinstance(value, bool) or not isinstance(value, _TYPES[kind]):
        raise SettingsError(
            f"{source}: {key} is of the TOML type {type(value).__name__}", hint=f"write a {kind} after the '='"
        )
    return Given(value, source)


def _parse(path: Path, data: bytes) -> tuple[str, dict[str, Any]]:
    import tomllib  # only when there is a file

    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise SettingsError(f"{path}:{line}: not UTF-8", hint="save the file as UTF-8") from error
    try:
        return text, tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        match = re.search(r" \(at line (\d+), column \d+\)$", str(error))
        place, reason = (f"{path}:{match[1]}", str(error)[: match.start()]) if match else (str(path), str(error))
        raise SettingsError(f"{place}: not valid TOML: {reason}", hint='write lines like: bucket = "name"') from error
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"{path}: not valid TOML", hint="a number is too long or a value too deep") from error


def line_of(text: str, key: tuple[str, ...]) -> int | None:
    """The line (from 1) that sets `key`, given with its tables; None when it is written in a way not foreseen here."""
    current: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.fullmatch(line):
            current = _split(header[1])
        elif (match := _KEY.match(line)) and (*current, *_split(match[1])) == key:
            return number
    return None


def _split(dotted: str) -> tuple[str, ...]:
    return tuple(part.strip().strip("\"'") for part in dotted.split("."))
