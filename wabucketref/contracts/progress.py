"""The progress contract: an object passed in, silent by default; never a global."""

from typing import Protocol


class Progress(Protocol):
    """Told by transfers, from any thread; calls are cheap and never raise."""

    def start(self, label: str, files: int | None, bytes: int | None) -> None:
        """A transfer begins; totals are None while unknown and may be told again when known."""

    def advance(self, *, files: int = 0, bytes: int = 0) -> None:
        """So much more is done."""

    def finish(self) -> None:
        """It ended, well or not."""


class SilentProgress:
    """Says nothing."""

    def start(self, label: str, files: int | None, bytes: int | None) -> None: ...

    def advance(self, *, files: int = 0, bytes: int = 0) -> None: ...

    def finish(self) -> None: ...
