"""What a scan found wrong, gathered so that one error names all offenders."""

from wabucketref.errors import NotAuthorised, UsageError, WaBucketError
from wabucketref.model.names import explain_paths

_SHOWN = 20


class Problems:
    """Offending paths by kind; the gravest kind is raised."""

    def __init__(self) -> None:
        self.special: list[tuple[str, str]] = []
        self.links: list[tuple[str, str]] = []
        self.names: list[tuple[str, str]] = []
        self.unreadable: list[str] = []

    def check(self, source: str) -> None:
        """Raise if there is any.

        Raises:
            UsageError: names, links or special files that cannot be uploaded.
            NotAuthorised: files or directories that cannot be read.
        """
        error = self._error(source)
        if error is not None:
            raise error

    def _error(self, source: str) -> WaBucketError | None:
        if self.special:
            return explain_paths(self.special, f"{source!r} has what is neither a file nor a directory")
        if self.links:
            return explain_paths(self.links, f"{source!r} has symbolic links that cannot be followed")
        if self.names:
            return explain_paths(self.names, f"{source!r} has paths that cannot be uploaded")
        if self.unreadable:
            shown = ", ".join(map(repr, sorted(self.unreadable)[:_SHOWN]))
            return NotAuthorised(
                f"{len(self.unreadable)} paths in {source!r} cannot be read: {shown}",
                hint="check the permissions, or leave them out (--exclude)",
            )
        return None


def refuse_special(source: str, kind: str) -> UsageError:
    """The error for a SRC that is a socket, FIFO or device."""
    return UsageError(f"{source!r} is {kind}, neither a file nor a directory", hint="give a file or a directory")
