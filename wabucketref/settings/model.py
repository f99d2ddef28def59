"""The one typed model of all settings."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, Self

from pydantic_core import ValidationError

from wabucketref.errors import UsageError
from wabucketref.model.redact import database_place, public_url, url_secrets
from wabucketref.settings.bucket import resolve_bucket, resolve_root
from wabucketref.settings.credentials import credentials_source
from wabucketref.settings.fields import ENVIRONMENT, is_plugin_setting, is_secret, plugin_setting
from wabucketref.settings.home import default_home, home_id, make_home, user_name
from wabucketref.settings.origin import BUILT_IN, Origin, shown
from wabucketref.settings.rules import Secret, validator

_SHARED = (
    "mode",
    "catalog",
    "base_url",
    "wandb_dir",
    "concurrency",
    "memory",
    "deadline",
    "stall_timeout",
    "data_plane",
    "executor",
    "finish_timeout",
    "journal_sync",
    "plugins",
    "stat_cache",
    "content_cache",
)


class Settings:
    """Everything that can be set, frozen. Made by :func:`load_settings`, which knows where each value came from.

    What is not given has its default, below; ``rules`` says what each may be.
    """

    project_name: str | None = None
    entity: str | None = None
    bucket: str | None = None
    """As the user wrote it; see :meth:`bucket_url`."""
    storage: str | None = None
    """As the user wrote it; see :attr:`storage_root`."""
    run_name: str | None = None
    job_type: str | None = None
    tracker: str = "auto"
    mode: Literal["online", "offline", "disabled"] = "online"
    home: Path
    catalog: str | None = None
    """Database URL of the embedded tracker; None: SQLite in the home. May hold a password."""
    base_url: str | None = None
    api_key: Secret | None = None
    tags: tuple[str, ...] = ()
    run_id: str | None = None
    run_group: str | None = None
    notes: str | None = None
    wandb_dir: Path | None = None
    concurrency: int = 128
    """Most requests under way at once; transfers find out how many of them are of use."""
    memory: int = 128 << 20
    """Bytes of file content held at once."""
    deadline: float = 600.0
    """Seconds in all for one request with its retries."""
    stall_timeout: float = 60.0
    """Seconds without progress (less than 1 KiB/s) after which a request counts as failed."""
    data_plane: Literal["auto", "native", "fsspec"] = "auto"
    """What carries bytes from and to s3 and gs; ``auto``: the native plane where it can be configured."""
    finish_timeout: float = 3600.0
    """Seconds for a run to finish, transfers under way included."""
    executor: str = "local"
    """By whom the files of transfers are moved: ``local``, this process, or a plugin's name."""
    journal_sync: Literal["full", "normal"] = "full"
    """``full`` survives power loss, ``normal`` only a crash of the process."""
    stat_cache: Literal["on", "off"] = "on"
    """Whether digests of files that did not change are remembered."""
    content_cache: int = 0
    """Bytes of downloaded contents that are kept for later downloads; 0: none."""
    service_idle: float = 0.0
    """Seconds without clients and runs after which a background service ends; 0: never."""
    console: Literal["off", "on"] = "off"
    """Whether an API session records what the process prints."""
    log: Literal["debug", "info", "warning", "error"] = "warning"
    trace: Path | None = None
    """File to which the messages of the protocol are written, for looking at."""
    openlineage_url: str | None = None
    """Server that is told of every run that has ended; None: nobody."""
    openlineage_api_key: Secret | None = None
    openlineage_endpoint: str = "api/v1/lineage"
    """Path of its API."""
    openlineage_namespace: str | None = None
    """Of jobs; None: ENTITY/PROJECT."""

    plugins: Mapping[str, Mapping[str, Any]] = MappingProxyType({})
    """What is given for the options of plugins, by plugin and option; each plugin's own model judges it."""

    _origins: Mapping[str, Origin] = MappingProxyType({})
    _notices: tuple[str, ...] = ()
    _environ: Mapping[str, str] = MappingProxyType({})
    _given: frozenset[str]

    def __init__(self, **given: Any) -> None:
        """Raises ValidationError: a value is none of what its setting may be."""
        values = validator().validate_python(given)
        vars(self).update(values, _given=frozenset(values))
        if "home" not in values:
            vars(self)["home"] = default_home()

    def told(self, origins: Mapping[str, Origin], notices: tuple[str, ...], environ: Mapping[str, str]) -> Self:
        """These, by one who knows where they came from; `environ` tells who the user is."""
        vars(self).update(_origins=origins, _notices=notices, _environ=environ)
        return self

    def changed(self, **given: Any) -> "Settings":
        """A copy in which other values are given, from the same places."""
        known = {name: getattr(self, name) for name in self._given}
        return Settings(**known | given).told(self._origins, self._notices, self._environ)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"settings are frozen: {name} cannot be set")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"settings are frozen: {name} cannot be removed")

    def __repr__(self) -> str:
        given = (f"{name}={shown(name, getattr(self, name))!r}" for name in ENVIRONMENT if name in self._given)
        return f"Settings({', '.join(given)})"

    @property
    def notices(self) -> tuple[str, ...]:
        """What the user should be told about the settings."""
        return self._notices

    def origins(self) -> list[Origin]:
        """Every setting with its value and source."""
        of_plugins = sorted(name for name in self._origins if is_plugin_setting(name))
        return [self.origin(name) for name in (*ENVIRONMENT, *of_plugins)]

    def origin(self, name: str) -> Origin:
        """One setting with its value and source."""
        if name in self._origins:
            return self._origins[name]
        if is_plugin_setting(name):
            _, plugin, option = name.split(".", 2)
            return Origin(name, shown(name, self.plugins.get(plugin, {}).get(option)), f"the plugin {plugin}")
        source = "given in code" if name in self._given else BUILT_IN
        return Origin(name, shown(name, getattr(self, name)), source)

    def home_ready(self) -> Path:
        """The home directory, created (mode 0700) when missing. Raises as ``make_home``."""
        return make_home(self.home, self.origin("home").source)

    def home_id(self, *, keep: bool) -> str:
        """The id of the home directory. Raises as ``home.home_id``."""
        return home_id(self.home, self.origin("home").source, keep=keep)

    @property
    def storage_root(self) -> str:
        """URL under which bare bucket names live. Raises UsageError when malformed."""
        try:
            return resolve_root(self.storage if self.storage is not None else str(self.home / "buckets"))
        except UsageError as error:
            raise self._blamed(error, "home" if self.storage is None else "storage") from error

    def bucket_url(self) -> str:
        """URL of the bucket's root: of :attr:`bucket`, else of the project's name.

        It may hold credentials that the user wrote into it; ``model.redact.public_url`` cuts them.

        Raises:
            UsageError: malformed, naming its source; or neither a bucket nor a project is set.
        """
        name = self.bucket if self.bucket is not None else self.require_project()
        root = self.storage_root
        try:
            return resolve_bucket(name, root)
        except UsageError as error:
            raise self._blamed(error, "bucket" if self.bucket is not None else "project_name") from error

    def require_project(self) -> str:
        """The project's name.

        Raises:
            UsageError: none is set.
        """
        if self.project_name is None:
            raise UsageError("no project is set", hint="give -p/--project-name, or set WANDB_PROJECT")
        return self.project_name

    def resolved_entity(self) -> str:
        """The entity, by default the operating system's name of this user."""
        return self.entity or user_name(self._environ)

    def resolved_tracker(self) -> str:
        """The tracker's name; ``auto`` decided by the mode and by whether W&B has credentials or a server.

        Raises:
            SettingsError: a file in which W&B keeps credentials cannot be parsed.
        """
        if self.tracker != "auto":
            return self.tracker
        if self.mode == "disabled":
            return "disabled"
        if self.base_url is not None or self.api_key is not None or credentials_source(None, self._environ):
            return "wandb"
        return "embedded"

    @property
    def catalog_url(self) -> str:
        """Database URL of the embedded tracker. May hold a password."""
        return self.catalog or f"sqlite:///{self.home / 'catalog.sqlite'}"

    def tracker_place(self) -> str:
        """Name and place of the tracker, without secrets: equal for all who record into the same one."""
        name = self.resolved_tracker()
        place = {"embedded": database_place(self.catalog_url), "wandb": public_url(self.base_url or "")}.get(name, "")
        return f"{name} {place}".rstrip()

    def shared(self) -> str:
        """What a background service needs to act for this process, as JSON. Holds secrets; never to be stored.

        Only what changes how it acts, so that processes that differ in nothing else share a tracker and buckets.
        """
        kept = {name: getattr(self, name) for name in _SHARED if name in self._given}
        found: dict[str, Any] = {name: str(value) if isinstance(value, Path) else value for name, value in kept.items()}
        found |= {"tracker": self.resolved_tracker(), "home": str(self.home)}
        if self.api_key is not None:
            found["api_key"] = self.api_key.get_secret_value()
        if self.bucket is not None and public_url(self.bucket_url()) != self.bucket_url():
            found["bucket"] = self.bucket_url()
        return json.dumps(found, sort_keys=True)

    @classmethod
    def of_shared(cls, text: str) -> "Settings":
        """Those of another process of this user, from :meth:`shared`.

        Raises:
            UsageError: they are not what this release writes.
        """
        try:
            return cls(**validator().validate_json(text))
        except ValidationError as error:
            raise UsageError("the client's settings cannot be read", hint="use one release for both") from error

    def secrets(self) -> tuple[str, ...]:
        """The secret values among the settings, for ``model.redact.redact``."""
        key = tuple(one.get_secret_value() for one in (self.api_key, self.openlineage_api_key) if one)
        urls = (self.bucket, self.storage, self.catalog)
        return (*key, *(secret for url in urls if url for secret in url_secrets(url)), *self._plugin_secrets())

    def _plugin_secrets(self) -> Iterator[str]:
        for plugin, options in self.plugins.items():
            for option, value in options.items():
                if isinstance(value, str) and value and is_secret(plugin_setting(plugin, option)):
                    yield value

    def _blamed(self, error: UsageError, name: str) -> UsageError:
        source = self.origin(name).source
        return UsageError(f"{source}: {error.message}", hint=error.hint)
