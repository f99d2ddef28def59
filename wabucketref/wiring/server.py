"""Concrete objects for ``wabucket serve``: catalog, bucket for files, accounts."""

import os
import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from types import ModuleType
from typing import Final

from wabucketref.contracts.tracker_files import FileReference
from wabucketref.errors import LocalIOError, NotFound, UsageError
from wabucketref.failpoints import install_from_environment
from wabucketref.model.artifact import LoggedArtifact
from wabucketref.model.redact import public_url
from wabucketref.retry import RetryPolicy
from wabucketref.settings import Settings
from wabucketref.settings.bucket import resolve_bucket
from wabucketref.store.references import references
from wabucketref.trackers.embedded.engine import Catalog
from wabucketref.trackers.embedded.kept import default_files_url, note_files_url
from wabucketref.trackers.embedded.migrate import ensure_schema
from wabucketref.wiring import Storages, registries

WILDCARDS: Final = ("0.0.0.0", "::", "[::]")  # noqa: S104
_SECRET_BYTES: Final = 32
_CONNECTIONS: Final = 16


@dataclass(frozen=True, slots=True)
class ServeOptions:
    """What the command line says."""

    host: str = "127.0.0.1"
    port: int = 8080
    dev_users: bool = False
    allow_hosts: Sequence[str] = ()
    files: str | None = None
    """URL of the bucket for files; None: a directory in the home."""
    new_key: str | None = None
    """Make a key for the user of this name."""
    read_only: bool = False
    """The new key may only read."""
    revoke: Sequence[str] = ()
    """Users whose keys are all revoked first."""


@dataclass(frozen=True, slots=True)
class Started:
    """What the user is told once requests are accepted."""

    url: str
    key: str | None
    """Made now, and shown only now."""
    user: str | None


def run_server(
    settings: Settings, options: ServeOptions, ready: Callable[[Started], None], environ: Mapping[str, str]
) -> None:
    """Serve until a signal ends it.

    Raises:
        UsageError: beyond loopback with --dev-users, or without any key; or the extra is not installed.
        Conflict: the port is taken.
        NotFound: a user whose keys shall be revoked has none.
        NotAuthorised, LocalIOError, UpgradeRequired: catalog, home or port cannot be used.
    """
    serving = _load()
    install_from_environment()
    _refuse_open_door(serving, options)
    with ExitStack() as stack:
        home = settings.home_ready()
        catalog = stack.enter_context(closing(Catalog(settings.catalog_url, connections=_CONNECTIONS)))
        ensure_schema(catalog)
        files = files_url(settings, options.files)
        user, key = _let_in(serving, catalog, settings, options)
        sock = stack.enter_context(closing(serving.bind(options.host, options.port)))
        storages = stack.enter_context(closing(Storages(settings, environ, RetryPolicy(), registries()["storage"])))
        site = serving.Site(
            catalog=catalog,
            storage=storages(files),
            accounts=serving.Accounts(catalog, dev_users=options.dev_users),
            links=serving.Links(signing_secret(home)),
            scratch=_scratch(home),
            uploads=serving.Uploads(BucketFiles(storages)),
            options=serving.Options(_hosts(serving, options), options.dev_users),
        )
        note_files_url(home, files)
        started = Started(serving.address_of(sock, options.host), key, user)
        serving.serve(serving.make_app(site), sock, lambda: ready(started))


class BucketFiles:
    """Implements contracts.tracker.ArtifactFiles over whatever bucket an upload lies in. Thread-safe."""

    def __init__(self, storages: Storages) -> None:
        self._storages = storages
        self._lock = Lock()

    def references(self, artifact: LoggedArtifact) -> Sequence[FileReference]:
        """See the contract."""
        with self._lock:
            storage = self._storages(artifact.bucket)
        return references(storage, artifact)


def _load() -> ModuleType:
    """The floor of the server, which needs libraries that not everybody installs.

    Raises:
        UsageError: they are missing.
    """
    try:
        from wabucketref.server import serving
    except ImportError as error:
        if (error.name or "").startswith("wabucketref"):
            raise
        raise UsageError(
            f"the server needs {error.name}, which is not installed", hint="pip install 'wabucketref[server]'"
        ) from error
    return serving


def _refuse_open_door(serving: ModuleType, options: ServeOptions) -> None:
    if options.dev_users and not serving.is_loopback(options.host):
        raise UsageError("--dev-users lets anybody in", hint="it is for loopback only: leave --host out")
    if options.read_only and options.new_key is None:
        raise UsageError("--read-only says what a new key may do", hint="add --new-key NAME")


def _let_in(
    serving: ModuleType, catalog: Catalog, settings: Settings, options: ServeOptions
) -> tuple[str | None, str | None]:
    """User and key made now, if any: the one asked for, or on loopback a first one."""
    with catalog.write() as connection:
        for name in options.revoke:
            if serving.revoke_keys(connection, name) == 0:
                raise NotFound(f"the user {name!r} has no API key")
        if options.new_key is None and (options.dev_users or serving.has_keys(connection)):
            return None, None
        if options.new_key is None and not serving.is_loopback(options.host):
            raise UsageError(
                f"beyond loopback ({options.host}) nobody may come in without an API key, and there is none yet",
                hint="add --new-key NAME to make one for the user NAME",
            )
        user = options.new_key or settings.resolved_entity()
        return user, serving.make_key(connection, user, read_only=options.read_only)


def _hosts(serving: ModuleType, options: ServeOptions) -> frozenset[str]:
    """Names that the server goes by: those of loopback, the one it listens on, and those allowed by hand."""
    own = [] if options.host in WILDCARDS else [options.host]
    found: frozenset[str] = serving.loopback_hosts([*own, *options.allow_hosts])
    return found


def files_url(settings: Settings, files: str | None) -> str:
    """The bucket for files of runs and artifacts.

    Raises:
        UsageError: malformed, or with a secret in it.
    """
    if files is None:
        return default_files_url(settings.home)
    url = resolve_bucket(files, settings.storage_root)
    if public_url(url) != url:
        raise UsageError("--files has a secret in its URL", hint="give credentials by the environment")
    return url


def _scratch(home: Path) -> str:
    """Where uploads under way lie: on the disk of the home, not in a small /tmp."""
    place = home / "cache" / "incoming"
    try:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise LocalIOError(f"{place} cannot be made: {error.strerror}") from error
    return str(place)


def signing_secret(home: Path) -> bytes:
    """The secret that signs links, made once a home; only this user may read it."""
    path = home / "links.key"
    try:
        with suppress(FileExistsError), open(path, "xb", opener=_private) as file:
            file.write(secrets.token_bytes(_SECRET_BYTES))
        found = path.read_bytes()
    except OSError as error:
        raise LocalIOError(f"{path} cannot be made: {error.strerror}") from error
    if len(found) < _SECRET_BYTES:
        raise LocalIOError(f"{path} is cut", hint="delete it; links handed out before then end")
    return found


def _private(name: str, flags: int) -> int:
    return os.open(name, flags, 0o600)
