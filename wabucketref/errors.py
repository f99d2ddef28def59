"""Every error a user can meet: one hierarchy, each kind with its exit code.

An error says *what* happened to *which thing* (the message), *what to do* (the hint), the exit code of the command
line (``exit_code``), a stable word for scripts (``kind``) and whether trying again may help (``retryable``). Each kind
also derives from the built-in that fits, so ``except FileNotFoundError`` works for callers who know nothing of us.

Foreign exceptions (botocore, gcsfs, aiohttp, OSError, sqlalchemy) are translated once, at the edge that meets them;
nothing above that edge catches them. What they say often quotes URLs, so credentials are cut from those in every
message and hint.
"""

from typing import ClassVar

from wabucketref.masking import mask_urls


class WaBucketError(Exception):
    """Base of all errors of WaBucketRef; on its own: an internal error (exit code 1)."""

    exit_code: ClassVar[int] = 1
    kind: ClassVar[str] = "internal"
    usual_hint: ClassVar[str] = "run it again with -v and report what it prints"
    """For errors that are raised without a hint of their own: nobody is left without one."""
    retryable: bool = False

    def __init__(self, message: str, *, hint: str | None = None, retryable: bool | None = None) -> None:
        self.message = mask_urls(message)
        self.hint = mask_urls(hint or self.usual_hint)
        super().__init__(self.message)
        if retryable is not None:
            self.retryable = retryable

    def __str__(self) -> str:
        return self.message

    def to_dict(self) -> dict[str, object]:
        """The ``error`` object of ``--json``."""
        return {"code": self.exit_code, "kind": self.kind, "message": self.message, "hint": self.hint}


class OutOfMemory(WaBucketError, MemoryError):
    """The process may not have the memory it needs."""

    kind = "memory"

    def __init__(
        self,
        message: str = "there is not enough memory",
        *,
        hint: str | None = "raise the limit of memory, or lower WABUCKET_MEMORY and WABUCKET_CONCURRENCY",
        retryable: bool | None = None,
    ) -> None:
        super().__init__(message, hint=hint, retryable=retryable)


class CatalogDamaged(WaBucketError):
    """The catalog's file is damaged; the bytes in the buckets are safe, and it can be made anew of them."""

    kind = "catalog_damaged"
    usual_hint = "run `wabucket rebuild`: it moves the file aside and makes a new one of what lies in the bucket"


class UsageError(WaBucketError, ValueError):
    """A malformed argument, name or combination of options."""

    exit_code = 2
    kind = "usage"
    usual_hint = "see `wabucket --help`, or --help after the command"


class SettingsError(UsageError):
    """A bad value in a settings source; the message names the file or variable."""

    kind = "configuration"


class UpgradeRequired(UsageError):
    """Data written by a newer release (manifest format, catalog or journal schema)."""

    kind = "upgrade"


class Unsupported(UsageError, NotImplementedError):
    """Something this storage, tracker or object cannot do, refused instead of pretended."""

    kind = "unsupported"


class InvalidValue(UsageError, TypeError):
    """A value that cannot be recorded (config, metrics, metadata); the message names its path."""

    kind = "value"


class NotFound(WaBucketError, FileNotFoundError):
    """Something named does not exist."""

    exit_code = 3
    kind = "not_found"
    usual_hint = "check the name"


class Archived(WaBucketError, FileNotFoundError):
    """An object is in an archive of its store, from which it must be restored before it can be read."""

    exit_code = 3
    kind = "archived"


class UnfinishedUpload(NotFound):
    """The alias has files of an upload that never committed."""

    kind = "unfinished"


class CopiesGone(NotFound):
    """The copies in the home of files that a tracker shall keep are not there any more."""

    kind = "copies_gone"


class LinkSourceNotFound(NotFound, ValueError):
    """The path given to ``link`` does not exist or is not a directory."""

    kind = "link_source"


class NotAuthorised(WaBucketError, PermissionError):
    """Credentials are missing, wrong or too weak; or the local system refused."""

    exit_code = 4
    kind = "not_authorised"
    usual_hint = "check the permissions and the credentials"
    expired: bool = False
    """The credentials were good and are too old: the provider may have new ones."""


class TransientError(WaBucketError, OSError):
    """A failure outside our control that may pass: network, throttling, disk full, source changed while read."""

    exit_code = 5
    kind = "transient"
    usual_hint = "run the same command again"
    retryable = True
    retry_after: float | None = None
    """Seconds the server asked to wait before the next try."""
    unreachable: bool = False
    """No connection came about, so the request never left."""
    unanswered: bool = False
    """No answer came, not even one that says no."""
    exhausted: bool = False
    """The retry policy gave it up: who calls again should wait longer."""
    throttled: bool = False
    """The server asks for fewer requests."""
    damaged: bool = False
    """The server refused the bytes, since they have not the checksum that came with them."""


class TimedOut(TransientError, TimeoutError):
    """A wait or request reached its deadline."""

    kind = "timeout"


class LocalIOError(TransientError):
    """The local system could not do it now: no space, I/O error, too many open files. Not retried by itself."""

    kind = "local_io"
    retryable = False


class NotDurable(LocalIOError):
    """The disk could not sync: what was written since the sync before may be lost, and is to be written anew."""

    kind = "not_durable"


class SourceChanged(TransientError):
    """A source file changed while it was read."""

    kind = "source_changed"
    retryable = False


class ReplacedWhileReading(TransientError):
    """The artifact was replaced or removed while it was being read."""

    kind = "replaced"
    retryable = False


class OutcomeUnknown(TransientError):
    """A write was sent and its answer lost: it may or may not have happened. Read back before trying again."""

    kind = "outcome_unknown"


class WrittenWrong(OutcomeUnknown):
    """A write was answered, and the store has other bytes than were sent: they were damaged on the way."""

    kind = "written_wrong"
    etag: str | None = None
    """Of what this write left there."""


class ServiceStopped(TransientError):
    """The service that ran the operation is gone; the journal has the operation."""

    kind = "service_stopped"
    retryable = False


class Conflict(WaBucketError, FileExistsError):
    """Something is already there, or another writer is at it."""

    exit_code = 6
    kind = "conflict"
    usual_hint = "look at what is there, then try again"


class AlreadyExists(Conflict):
    """A create-only write met an existing object."""

    kind = "exists"


class PreconditionFailed(Conflict):
    """A conditional write met another version of the object."""

    kind = "precondition"


class AliasTaken(Conflict):
    """The alias holds another upload; aliases are immutable."""

    kind = "alias_taken"


class UploadInProgress(Conflict):
    """Another live writer holds the claim on this alias."""

    kind = "claimed"


class IntegrityError(WaBucketError, ValueError):
    """Bytes differ from the manifest, or a manifest is not what it must be."""

    exit_code = 7
    kind = "integrity"
    usual_hint = "the data was damaged, or another program made it"


class NotAsRecorded(IntegrityError):
    """The bucket holds another upload than the tracker knows, or than the reference was pinned to."""

    kind = "not_as_recorded"


class TrackingPending(WaBucketError):
    """The bytes are safe in the bucket but the tracker does not know yet; ``wabucket sync`` finishes it."""

    exit_code = 8
    kind = "tracking_pending"
    usual_hint = "run `wabucket sync`"
    result: object = None
    """What the operation would have returned."""


class Interrupted(WaBucketError):
    """The user pressed Ctrl-C; what is done so far is in the journal."""

    exit_code = 130
    kind = "interrupted"
    usual_hint = "the same command goes on where it stopped"


class TerminationRequested(KeyboardInterrupt):
    """SIGTERM as it travels through the program: like Ctrl-C it passes every handler of errors."""

    exit_code = 143


class Terminated(Interrupted):
    """The process was asked to end (SIGTERM)."""

    exit_code = 143
    kind = "terminated"
