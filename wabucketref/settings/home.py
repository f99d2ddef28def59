"""The directory that holds everything local, and who we are on this machine."""

import errno
import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from wabucketref.errors import LocalIOError, NotAuthorised, SettingsError
from wabucketref.model.names import MAX_NAME, check_project

_ID = re.compile(rb"[0-9a-f]{32}")
_NO_LINKS: Final = frozenset({errno.EPERM, errno.ENOSYS, errno.EOPNOTSUPP, errno.EMLINK})


def default_home() -> Path:
    """The platform's user-data directory for ``wabucket``."""
    import platformdirs  # only needed without WABUCKET_HOME, and slow to import

    return Path(platformdirs.user_data_dir("wabucket", appauthor=False))


def make_home(home: Path, source: str) -> Path:
    """Create `home` with mode 0700 unless it exists, and check that it can be used. `source` names its origin.

    Raises:
        SettingsError: it, or a parent of it, is not a directory.
        NotAuthorised: it cannot be created or written, or belongs to another user.
        LocalIOError: no space, or another failure of the disk.
    """
    try:
        home.parent.mkdir(parents=True, exist_ok=True)
        if not home.exists():
            home.mkdir(mode=0o700, exist_ok=True)
            _sync(home.parent)  # what is promised to survive power loss lies in it
        found = home.stat()
    except (FileExistsError, NotADirectoryError) as error:
        raise SettingsError(
            f"home {str(home)!r} ({source}) is not a directory", hint="set WABUCKET_HOME to a directory of yours"
        ) from error
    except OSError as error:
        raise _failed(error, home, source, "cannot be created") from error
    _check_usable(home, source, found)
    return home


def home_id(home: Path, source: str, *, keep: bool) -> str:
    """A random id of `home`, made once; it tells our own dead processes from another machine's.

    Unless `keep`, nothing is written: where there is none, another one is made up each time, and nothing is raised.

    Raises:
        SettingsError, NotAuthorised, LocalIOError: as :func:`make_home`, or the id cannot be read or written.
    """
    path, fresh = home / "id", os.urandom(16).hex()
    if keep:
        make_home(home, source)
    try:
        return _known_id(path) or (_written_id(path, fresh) if keep else fresh)
    except OSError as error:
        if not keep:
            return fresh
        raise _failed(error, home, source, "cannot keep its id") from error


def _known_id(path: Path) -> str | None:
    """The id in the file; None when there is none, as when a full disk or a crash left the file empty."""
    try:
        with open(path, "rb") as file:
            found = file.read(100).strip()
    except FileNotFoundError:
        return None
    return found.decode() if _ID.fullmatch(found) else None


def _written_id(path: Path, fresh: str) -> str:
    """`fresh`, or the id of a process that was faster: the file appears with its content, once."""
    part = path.with_name(f"id-{fresh}")
    try:
        part.touch(mode=0o600)
        part.write_text(fresh)
        try:
            os.link(part, path)
        except FileExistsError:
            if _known_id(path) is None:
                part.replace(path)
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return _known_id(path) or fresh


def user_name(environ: Mapping[str, str]) -> str:
    """The operating system's name for this user, made to fit the rules for entities; ``local`` when there is none."""
    for variable in ("LOGNAME", "USER", "USERNAME"):
        if name := environ.get(variable, "").strip():
            return _fit(name)
    try:
        import pwd

        return _fit(pwd.getpwuid(os.getuid()).pw_name)
    except (ImportError, KeyError):  # not POSIX, or a container whose user has no entry
        return "local"


def _fit(name: str) -> str:
    kept = "".join("-" if character in "/\\#?%:" or not character.isprintable() else character for character in name)
    return check_project(kept[:MAX_NAME].strip() or "local", "entity")


def _check_usable(home: Path, source: str, found: os.stat_result) -> None:
    if not stat.S_ISDIR(found.st_mode):
        raise SettingsError(f"home {str(home)!r} ({source}) is not a directory", hint="choose a directory of yours")
    # Root may use anybody's directory; anybody may use root's where the rights allow it (a volume in a container).
    if found.st_uid not in (os.geteuid(), 0) and os.geteuid() != 0:
        raise _unusable(home, source, "belongs to another user")
    if not os.access(home, os.R_OK | os.W_OK | os.X_OK):
        raise _unusable(home, source, "is not writable")


def _sync(directory: Path) -> None:
    """Make a new name in it survive power loss, where the directory may be read."""
    if not os.access(directory, os.R_OK):
        return
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _failed(error: OSError, home: Path, source: str, problem: str) -> NotAuthorised | LocalIOError:
    if error.errno == errno.EROFS:
        return _unusable(home, source, "lies on a read-only file system")
    if error.errno in (errno.EACCES, errno.EPERM):
        return _unusable(home, source, problem)
    return LocalIOError(
        f"home {str(home)!r} ({source}) {problem}: {error.strerror}",
        hint="free space or inodes on its disk, or repair it, then try again",
    )


def _unusable(home: Path, source: str, problem: str) -> NotAuthorised:
    return NotAuthorised(
        f"home {str(home)!r} ({source}) {problem}", hint="set WABUCKET_HOME to a directory that you can write"
    )
