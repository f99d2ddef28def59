"""The progress bar, drawn by rich. Its own module, because loading rich takes longer than many a transfer."""

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn
from rich.text import Text

from wabucketref.cli.figures import Figures
from wabucketref.cli.render.text import printable


class RichBar:
    """One bar on stderr."""

    def __init__(self) -> None:
        self._progress = Progress(
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.description}"),
            console=Console(stderr=True),
            transient=True,
            redirect_stdout=False,
        )
        self._progress.start()
        self._task = self._progress.add_task("", total=None)

    def update(self, figures: Figures) -> None:
        """Draw the figures."""
        text = Text(printable(str(figures))).markup
        self._progress.update(self._task, description=text, total=figures.bytes_total, completed=figures.bytes)

    def close(self) -> None:
        """Take the bar away."""
        self._progress.stop()
