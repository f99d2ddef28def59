"""What a plugin of each kind registers: an object with ``api_version`` and a way to make the thing.

It may have options: then it is a :class:`Configurable`, and what :meth:`~Configurable.configured` returns is what is
used. It may have ``capabilities``, those of what it opens: they are shown before anything is opened, and the kits in
``wabucketref.testing`` hold both equal.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol, Self

from wabucketref.contracts.storage import Storage
from wabucketref.contracts.tracker import Tracker
from wabucketref.settings import Settings

if TYPE_CHECKING:
    from pydantic import BaseModel

API_VERSION = 1


class Configurable(Protocol):
    """A plugin of any kind with options.

    They are set in the namespace of its entry point's name: ``WABUCKET_NAME_OPTION`` in the environment, the table
    ``[plugins.NAME]`` of a settings file, ``--NAME-OPTION`` on the command line. None can take the place of ours.
    """

    Options: "type[BaseModel] | str"
    """Fields hold text, numbers, truth values, or lists given as such in files; ``SecretStr`` is never shown.

    Where the model is (``"module:name"``) will do, too: then it is imported, and pydantic with it, only when an option
    is given or options are listed; with none given the plugin is used as it is, so none may be required.
    """

    def configured(self, options: Any) -> Self:
        """The same plugin with `options`, an instance of ``Options``. Cheap: nothing is asked of anybody."""


class StorageFactory(Protocol):
    """Registered under entry-point group ``wabucketref.storage``, one entry a scheme (``s3``, ``gs``, ``bucket`` …)."""

    api_version: int

    def open(self, url: str, environ: Mapping[str, str]) -> Storage:
        """The bucket behind `url`. Cheap: nothing is asked of the store yet.

        `environ` is the process's, in which ``WABUCKET_STALL_TIMEOUT`` is always set: the seconds without progress
        after which a request is to fail with ``TransientError`` (``OutcomeUnknown``, if it writes), and
        ``WABUCKET_DATA_PLANE``, for those that have the choice.

        Raises:
            UsageError: the URL is malformed.
            SettingsError: credentials or options in the environment or in files are malformed.
        """


class TrackerFactory(Protocol):
    """Registered under entry-point group ``wabucketref.tracker`` by the tracker's name."""

    api_version: int

    def open(self, settings: Settings) -> Tracker:
        """The tracker, ready to use.

        Raises:
            WaBucketError: it cannot be opened; ``TransientError`` when it may work later.
        """


class MendingFactory(TrackerFactory, Protocol):
    """One whose tracker can be made anew when what it keeps is damaged."""

    def set_damaged_aside(self, settings: Settings) -> str | None:
        """Look for damage; where what was damaged lies now, None when all is well or there is nothing yet.

        Raises:
            WaBucketError: it cannot be looked at or moved.
        """
