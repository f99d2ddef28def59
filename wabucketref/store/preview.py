"""What a transfer would do, without doing it."""

from dataclasses import dataclass

from wabucketref.model.plan import TransferFigures


@dataclass(frozen=True, slots=True)
class Preview:
    """What a transfer would be about, and what of it is surely there already."""

    files: int
    bytes: int
    paths: tuple[str, ...]
    """In order; those of empty directories end with ``/``."""
    files_reused: int = 0
    bytes_reused: int = 0

    @property
    def figures(self) -> TransferFigures:
        """What it would move, at most."""
        return TransferFigures(
            bytes_moved=self.bytes - self.bytes_reused,
            bytes_reused=self.bytes_reused,
            files_moved=self.files - self.files_reused,
            files_reused=self.files_reused,
        )
