"""One run of the command line: what was asked for globally, and how commands reach the floors below."""

import gc
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import click

from wabucketref.cli.document import encode
from wabucketref.cli.streams import Console
from wabucketref.errors import TrackingPending

if TYPE_CHECKING:
    from wabucketref.contracts.progress import Progress
    from wabucketref.operations.workspace import Workspace
    from wabucketref.settings import Settings

Result = TypeVar("Result")
Document = Callable[[], Mapping[str, Any]]
Lines = Callable[[], Iterable[str]]


@dataclass
class Invocation:
    """The object of every click context."""

    console: Console
    json: bool = False
    quiet: bool = False
    verbose: bool = False
    no_progress: bool = False
    arguments: dict[str, Any] = field(default_factory=dict)
    """Settings given as global options, by option name with underscores; None for not given."""
    plugin_arguments: dict[str, dict[str, str]] = field(default_factory=dict)
    """Options of plugins given on the command line, by plugin and option."""
    secrets: tuple[str, ...] = ()
    """Cut from errors and logs; known once the settings are."""
    closing: ExitStack = field(default_factory=ExitStack)
    """What to undo when the command line is done."""
    partial: Mapping[str, Any] | None = None
    """With ``--json``: what is known in spite of an error, printed in the same document as the error."""

    def settings(self) -> "Settings":
        """The settings, after telling the user what they should know about them.

        Raises:
            SettingsError: a bad value, naming its source.
        """
        from wabucketref.cli.logs import logging_to
        from wabucketref.settings import load_settings

        of_plugins = {"plugins": self.plugin_arguments} if self.plugin_arguments else {}
        settings = load_settings(self.arguments | of_plugins)
        self.secrets = settings.secrets()
        level = "debug" if self.verbose else None if self.quiet else settings.log
        self.closing.enter_context(logging_to(self.console, level, self.secrets, verbose=self.verbose))
        for notice in settings.notices:
            self.note(f"warning: {notice}")
        return settings

    @contextmanager
    def workspace(
        self,
        outputs: str | None = None,
        outputs_file: str | None = None,
        *,
        plugins: bool = True,
        mend: bool = False,
    ) -> Iterator["Workspace"]:
        """Everything an operation needs, opened for the block.

        `outputs` and `outputs_file` say how later CI steps are told; without `plugins` only what is built in counts;
        with `mend` a damaged tracker is set aside first.
        """
        from wabucketref.wiring import open_workspace

        echo = None if self.json else self.console.data
        settings, progress = self.settings(), self.progress()
        with open_workspace(
            settings,
            progress=progress,
            echo=echo,
            outputs=outputs,
            outputs_file=outputs_file,
            plugins=plugins,
            mend=mend,
        ) as workspace:
            collect_again()
            yield workspace

    def progress(self) -> "Progress":
        """How transfers show themselves."""
        from wabucketref.cli.progress import progress_for

        return progress_for(self.console, silent=self.quiet or self.no_progress)

    def note(self, text: str) -> None:
        """A line for the user on stderr, not with ``--quiet``."""
        if not self.quiet:
            self.console.say(text)

    def note_empty(self, text: str) -> None:
        """A note that there is nothing to show, for people: an empty document says it already."""
        if not self.json:
            self.note(text)

    def show(self, document: Document, lines: Lines) -> None:
        """The result: the document with ``--json``, else the lines; only what is wanted is made."""
        if self.json:
            self.console.data(encode(document()))
        else:
            self.console.lines(lines())

    def keep(self, document: Document, lines: Lines) -> None:
        """As :meth:`show`, for a result that an error goes with."""
        if self.json:
            self.partial = document()
        else:
            self.console.lines(lines())

    def deliver(
        self,
        call: Callable[[], Result],
        document: Callable[[Result], Mapping[str, Any]],
        lines: Callable[[Result], Iterable[str]],
    ) -> None:
        """Show what `call` returns, also when it is safe in the bucket but its tracking is pending."""
        try:
            result = call()
        except TrackingPending as pending:
            known: Result | None = getattr(pending, "result", None)
            if known is not None:
                found = known
                self.keep(lambda: document(found), lambda: lines(found))
            raise
        self.show(lambda: document(result), lambda: lines(result))


pass_invocation = click.make_pass_decorator(Invocation)


def collect_again() -> None:
    """Undo the pause of the garbage collector that ``__main__`` began; nothing loaded so far is ever walked."""
    if not gc.isenabled():
        gc.freeze()
        gc.enable()
