"""What a transfer would do, without doing it."""

from dataclasses import dataclass

from wabucketref.model.plan import TransferFigures


@dataclass(frozen=True, slots=True)
class Preview:
    """What a transfer would move at most."""

    files: int
    bytes: int
    paths: tuple[str, ...]
    """In order; those of empty directories end with ``/``."""

    @property
    def figures(self) -> TransferFigures:
        """As if nothing could be reused."""
        return TransferFigures(bytes_moved=self.bytes, files_moved=self.files)
