"""The one typed model of all settings."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    SecretStr,
    ValidationError,
)

from wabucketref.errors import UsageError
from wabucketref.model.redact import database_place, public_url, url_secrets
from wabucketref.settings import checks
from wabucketref.settings.bucket import resolve_bucket, resolve_root
from wabucketref.settings.credentials import credentials_source
from wabucketref.settings.fields import ENVIRONMENT, is_plugin_setting, is_secret, plugin_setting
from wabucketref.settings.home import default_home, home_id, make_home, user_name
from wabucketref.settings.origin import BUILT_IN, Origin, shown

Line = Annotated[str, Field(max_length=1000), AfterValidator(checks.check_line)]
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
Seconds = Annotated[float, Field(ge=1, le=30 * 86400, allow_inf_nan=False)]


class Settings(BaseModel):
    """Everything that can be set, frozen. Made by :func:`load_settings`, which knows where each value came from."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    project_name: Annotated[str, AfterValidator(checks.check_project_name)] | None = None
    entity: Annotated[str, AfterValidator(checks.check_entity)] | None = None
    bucket: str | None = None
    """As the user wrote it; see :meth:`bucket_url`."""
    storage: str | None = None
    """As the user wrote it; see :attr:`storage_root`."""
    run_name: Line | None = None
    job_type: Line | None = None
    tracker: Annotated[str, AfterValidator(checks.check_tracker)] = "auto"
    mode: Annotated[Literal["online", "offline", "disabled"], BeforeValidator(checks.check_mode)] = "online"
    home: Path = Field(default_factory=default_home)
    catalog: Annotated[str, AfterValidator(checks.check_catalog)] | None = None
    """Database URL of the embedded tracker; None: SQLite in the home. May hold a password."""
    base_url: Annotated[str, AfterValidator(checks.check_base_url)] | None = None
    api_key: SecretStr | None = None
    tags: Annotated[tuple[str, ...], BeforeValidator(checks.split_tags), AfterValidator(checks.check_tags)] = ()
    run_id: Annotated[str, AfterValidator(checks.check_run_id)] | None = None
    run_group: Line | None = None
    notes: Annotated[str, Field(max_length=100_000)] | None = None
    wandb_dir: Path | None = None
    concurrency: Annotated[int, Field(ge=1, le=1024)] = 128
    """Most requests under way at once; transfers find out how many of them are of use."""
    memory: Annotated[int, BeforeValidator(checks.check_memory)] = 128 << 20
    """Bytes of file content held at once."""
    deadline: Seconds = 600.0
    """Seconds in all for one request with its retries."""
    stall_timeout: Annotated[float, Field(ge=0.1, le=3600, allow_inf_nan=False)] = 60.0
    """Seconds without progress (less than 1 KiB/s) after which a request counts as failed."""
    data_plane: Literal["auto", "native", "fsspec"] = "auto"
    """What carries bytes from and to s3 and gs; ``auto``: the native plane where it can be configured."""
    finish_timeout: Seconds = 3600.0
    """Seconds for a run to finish, transfers under way included."""
    executor: Annotated[str, AfterValidator(checks.check_plugin_name)] = "local"
    """By whom the files of transfers are moved: ``local``, this process, or a plugin's name."""
    journal_sync: Literal["full", "normal"] = "full"
    """``full`` survives power loss, ``normal`` only a crash of the process."""
    stat_cache: Literal["on", "off"] = "on"
    """Whether digests of files that did not change are remembered."""
    content_cache: Annotated[int, BeforeValidator(checks.check_size)] = 0
    """Bytes of downloaded contents that are kept for later downloads; 0: none."""
    service_idle: Annotated[float, Field(ge=0, le=366 * 86400, allow_inf_nan=False)] = 0.0
    """Seconds without clients and runs after which a background service ends; 0: never."""
    console: Literal["off", "on"] = "off"
    """Whether an API session records what the process prints."""
    log: Literal["debug", "info", "warning", "error"] = "warning"
    trace: Path | None = None
    """File to which the messages of the protocol are written, for looking at."""
    openlineage_url: Annotated[str, AfterValidator(checks.check_lineage_url)] | None = None
    """Server that is told of every run that has ended; None: nobody."""
    openlineage_api_key: SecretStr | None = None
    openlineage_endpoint: Line = "api/v1/lineage"
    """Path of its API."""
    openlineage_namespace: Line | None = None
    """Of jobs; None: ENTITY/PROJECT."""

    plugins: Mapping[str, Mapping[str, Any]] = Field(default_factory=dict)
    """What is given for the options of plugins, by plugin and option; each plugin's own model judges it."""

    _origins: Mapping[str, Origin] = PrivateAttr(default_factory=dict)
    _notices: tuple[str, ...] = PrivateAttr(default=())
    _environ: Mapping[str, str] = PrivateAttr(default_factory=dict)

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        return ((name, shown(name, getattr(self, name))) for name in ENVIRONMENT if name in self.model_fields_set)

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
        source = "given in code" if name in self.model_fields_set else BUILT_IN
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
        kept = {name: getattr(self, name) for name in _SHARED if name in self.model_fields_set}
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
            return cls.model_validate_json(text)
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
