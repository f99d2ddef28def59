"""How far a transfer is, in numbers and in words."""

from dataclasses import dataclass

from wabucketref.cli.render.text import duration, size


@dataclass(frozen=True)
class Figures:
    """How far one transfer is."""

    label: str = ""
    files: int = 0
    files_total: int | None = None
    bytes: int = 0
    bytes_total: int | None = None
    seconds: float = 0.0

    @property
    def rate(self) -> float:
        """Bytes a second so far."""
        return self.bytes / self.seconds if self.seconds > 0 else 0.0

    @property
    def remaining(self) -> float | None:
        """Seconds to go at this rate; None when that cannot be said."""
        if self.bytes_total is None or not self.rate:
            return None
        return max(0.0, (self.bytes_total - self.bytes) / self.rate)

    def __str__(self) -> str:
        total_files = "" if self.files_total is None else f" of {self.files_total}"
        total_bytes = "" if self.bytes_total is None else f" of {size(self.bytes_total)}"
        words = [f"{self.files}{total_files} files", f"{size(self.bytes)}{total_bytes}", f"{size(self.rate)}/s"]
        if self.remaining is not None:
            words.append(f"ETA {duration(self.remaining)}")
        return f"{self.label}: {', '.join(words)}"
