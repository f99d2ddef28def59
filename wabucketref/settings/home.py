"""The directory that holds everything local, and who we are on this machine."""

import errno
import os
import stat
from collections.abc import Mapping
from pathlib import Path

from wabucketref.errors import LocalIOError, NotAuthorised, SettingsError
from wabucketref.model.names import MAX_NAME, check_project


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
        home.mkdir(mode=0o700, exist_ok=True)
        found = home.stat()
    except (FileExistsError, NotADirectoryError) as error:
        raise SettingsError(
            f"home {str(home)!r} ({source}) is not a directory", hint="set WABUCKET_HOME to a directory of yours"
        ) from error
    except PermissionError as error:
        raise _unusable(home, source, "cannot be created") from error
    except OSError as error:
        if error.errno == errno.EROFS:
            raise _unusable(home, source, "lies on a read-only file system") from error
        raise LocalIOError(f"home {str(home)!r} ({source}) cannot be created: {error.strerror}") from error
    _check_usable(home, source, found)
    return home


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


def _unusable(home: Path, source: str, problem: str) -> NotAuthorised:
    return NotAuthorised(
        f"home {str(home)!r} ({source}) {problem}", hint="set WABUCKET_HOME to a directory that you can write"
    )
