"""Writing the files that CI systems read."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from wabucketref.errors import LocalIOError, NotAuthorised


@contextlib.contextmanager
def writing(path: Path, variable: str) -> Iterator[None]:
    """Translate the failures of writing `path`, which `variable` names."""
    try:
        yield
    except PermissionError as error:
        raise NotAuthorised(f"{path} ({variable}) cannot be written", hint="the artifact itself is safe") from error
    except OSError as error:
        raise LocalIOError(
            f"{path} ({variable}) cannot be written: {error.strerror}", hint="the artifact itself is safe"
        ) from error


def append(path: Path, text: str, variable: str) -> None:
    """Add `text` at the end of a file that other steps write as well.

    Raises:
        LocalIOError, NotAuthorised: it cannot be written.
    """
    with writing(path, variable), path.open("a", encoding="utf-8") as file:
        file.write(text)


def replace(path: Path, text: str, variable: str) -> None:
    """Put `text` in place of the file's content at once: a reader sees the old or the new.

    Raises:
        LocalIOError, NotAuthorised: it cannot be written.
    """
    with writing(path, variable):
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with open(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
            os.chmod(name, 0o644)  # mkstemp's 0600 would hide it from later steps of other users
            os.replace(name, path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
