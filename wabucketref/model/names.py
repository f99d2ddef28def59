"""Rules for names and paths, checked before any I/O.

Types, names and aliases become path components in the bucket and must stay readable wherever a bucket is copied,
a Windows disk included. Projects and entities follow W&B's rules.
"""

import re
import unicodedata
from typing import Final

from wabucketref.errors import IntegrityError, UsageError, WaBucketError

RESERVED_DIRECTORY: Final = ".wabucket"
MAX_NAME: Final = 128
MAX_COMPONENT_BYTES: Final = 255
MAX_PATH_BYTES: Final = 4096

_ALLOWED = re.compile(r"[A-Za-z0-9_.-]")
_PROJECT_FORBIDDEN = frozenset("/\\#?%:")
_WINDOWS_DEVICES = frozenset(
    ["con", "prn", "aux", "nul", *(f"com{n}" for n in range(1, 10)), *(f"lpt{n}" for n in range(1, 10))]
)
_TEMPORARY = re.compile(r"\.wabucket-(?:lock|tmp-[0-9a-f]{24})")
_VERSION = re.compile(r"v(0|[1-9][0-9]*)")


def is_temporary(name: str) -> bool:
    """Whether a file of this name in a bucket on a local disk is ours and no object."""
    return name.startswith(f"{RESERVED_DIRECTORY}-") and _TEMPORARY.fullmatch(name) is not None


def check_component(value: str, field: str) -> str:
    """Return `value` if it may be a type, name or alias; `field` names it in the error.

    Raises:
        UsageError: with the field, the rule and the offending character by code point.
    """
    if not value:
        raise UsageError(f"{field} is empty", hint=f"give a {field} of 1 to {MAX_NAME} characters of A-Z a-z 0-9 _ . -")
    if len(value) > MAX_NAME:
        raise UsageError(f"{field} has {len(value)} characters", hint=f"at most {MAX_NAME} are allowed")
    for character in value:
        if not _ALLOWED.fullmatch(character):
            raise UsageError(
                f"{field} {value!r} has the character U+{ord(character):04X}",
                hint="allowed are A-Z a-z 0-9 _ . -",
            )
    if value in (".", ".."):
        raise UsageError(f"{field} {value!r} is not a name", hint="it means a directory; choose another")
    if value.lower().startswith(RESERVED_DIRECTORY):
        raise UsageError(f"{field} {value!r} starts with {RESERVED_DIRECTORY}", hint="that prefix is reserved")
    if value.endswith("."):
        raise UsageError(f"{field} {value!r} ends with a dot", hint="Windows disks cannot hold such a name")
    if value.split(".", 1)[0].lower() in _WINDOWS_DEVICES:
        raise UsageError(f"{field} {value!r} is a device name on Windows", hint="choose another name")
    return value


def check_new_alias(value: str) -> str:
    """As :func:`check_component`, for an alias the user wants to create: ``latest`` is reserved."""
    check_component(value, "alias")
    if value == "latest":
        raise UsageError("alias 'latest' is reserved", hint="it always names the newest version; choose another alias")
    return value


def version_number(alias: str) -> int | None:
    """The N of an alias of the form ``vN``, else None."""
    return int(alias[1:]) if _VERSION.fullmatch(alias) else None


def check_project(value: str, field: str = "project") -> str:
    """Return `value` if it may be a project or entity by W&B's rules.

    Raises:
        UsageError: naming the offending character.
    """
    if not value or not value.strip():
        raise UsageError(f"{field} is empty", hint=f"give a {field} of 1 to {MAX_NAME} characters")
    if len(value) > MAX_NAME:
        raise UsageError(f"{field} has {len(value)} characters", hint=f"at most {MAX_NAME} are allowed")
    for character in value:
        if character in _PROJECT_FORBIDDEN or unicodedata.category(character) in ("Cc", "Cs"):
            raise UsageError(
                f"{field} {value!r} has the character U+{ord(character):04X}",
                hint="not allowed are / \\ # ? % : and control characters",
            )
    return value


def path_problem(path: str) -> str | None:
    """What is wrong with `path` as a file path inside an artifact, or None.

    A path is relative, ``/``-separated, NFC, without ``.``, ``..``, empty components, control characters or lone
    surrogates, not below ``.wabucket``, and without the names of our own temporary files. Backslash and colon are data.
    """
    if not path:
        return "is empty"
    if path.startswith("/"):
        return "is absolute"
    for character in path if not path.isprintable() else ():
        category = unicodedata.category(character)
        if category in ("Cc", "Cs"):
            return f"has the character U+{ord(character):04X}"
    encoded = path.encode()
    if len(encoded) > MAX_PATH_BYTES:
        return f"has {len(encoded)} bytes, at most {MAX_PATH_BYTES} are allowed"
    if not unicodedata.is_normalized("NFC", path):
        return "is not in Unicode normal form NFC"
    parts = path.split("/")
    if f"/{RESERVED_DIRECTORY}-" in f"/{path}" and any(map(is_temporary, parts)):
        return "has a name that is kept for temporary files"
    if parts[0].lower() == RESERVED_DIRECTORY:
        return f"lies in {RESERVED_DIRECTORY}, which is reserved"
    for part in parts:
        if part in ("", ".", ".."):
            return f"has the component {part!r}"
        if len(part.encode()) > MAX_COMPONENT_BYTES:
            return f"has a component of more than {MAX_COMPONENT_BYTES} bytes"
    return None


def check_manifest_path(path: str, where: str) -> str:
    """Return `path` if a manifest may list it; `where` names the manifest.

    Windows drive and UNC paths are refused here although backslash is data: a manifest is untrusted.

    Raises:
        IntegrityError: naming the path and the rule.
    """
    problem = path_problem(path)
    if problem is None and (path.startswith("\\") or re.match(r"[A-Za-z]:[\\/]", path)):
        problem = "is absolute on Windows"
    if problem is not None:
        raise IntegrityError(
            f"{where} lists the path {path!r}, which {problem}",
            hint="the manifest was damaged or made by another program; nothing was written",
        )
    return path


def explain_paths(problems: list[tuple[str, str]], what: str, limit: int = 20) -> WaBucketError:
    """One usage error that names up to `limit` offending paths and how many there are."""
    shown = "; ".join(f"{path!r} {problem}" for path, problem in problems[:limit])
    more = f"; and {len(problems) - limit} more" if len(problems) > limit else ""
    return UsageError(f"{what}: {shown}{more}", hint="rename or exclude them (--exclude)")
