"""``--include`` and ``--exclude``: gitignore patterns on the path inside the artifact."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from wabucketref.errors import UsageError

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec


class Selection:
    """Which paths of an artifact are meant. Without patterns: all."""

    def __init__(self, include: Sequence[str] = (), exclude: Sequence[str] = ()) -> None:
        self._include = _compiled(include, "--include")
        self._exclude = _compiled(exclude, "--exclude")

    @property
    def active(self) -> bool:
        """Whether there is any pattern."""
        return self._include is not None or self._exclude is not None

    def file(self, path: str) -> bool:
        """Whether the file is meant."""
        if self._include is not None and not self._include.match_file(path):
            return False
        return self._exclude is None or not self._exclude.match_file(path)

    def directory(self, path: str) -> bool:
        """Whether the (empty) directory itself is meant."""
        return self.file(f"{path}/")

    def prunes(self, path: str) -> bool:
        """Whether nothing below the directory can be meant; as in git, no pattern brings it back."""
        return self._exclude is not None and self._exclude.match_file(f"{path}/")

    def check_some(self, found: int, what: str) -> None:
        """Refuse to go on with patterns that match no file.

        Raises:
            UsageError: `found` is 0 and there are patterns.
        """
        if self.active and not found:
            raise UsageError(
                f"nothing matched in {what}", hint="patterns are those of .gitignore, on the path inside the artifact"
            )


def _compiled(patterns: Sequence[str], option: str) -> "GitIgnoreSpec | None":
    if not patterns:
        return None
    from pathspec import GitIgnoreSpec

    for pattern in patterns:
        try:
            GitIgnoreSpec.from_lines([pattern])
        except ValueError as error:
            raise UsageError(
                f"{option} {pattern!r} is not a pattern", hint="patterns are those of .gitignore"
            ) from error
    return GitIgnoreSpec.from_lines(patterns)
