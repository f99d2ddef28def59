"""The names of the settings: which environment variable carries each, and what a file may hold for it."""

from typing import Final, Literal

Kind = Literal["text", "number", "size", "list"]

ENVIRONMENT: Final[dict[str, str]] = {
    "project_name": "WANDB_PROJECT",
    "entity": "WANDB_ENTITY",
    "bucket": "WABUCKET_BUCKET",
    "storage": "WABUCKET_STORAGE",
    "run_name": "WANDB_NAME",
    "job_type": "WANDB_JOB_TYPE",
    "tracker": "WABUCKET_TRACKER",
    "mode": "WANDB_MODE",
    "home": "WABUCKET_HOME",
    "catalog": "WABUCKET_CATALOG",
    "base_url": "WANDB_BASE_URL",
    "api_key": "WANDB_API_KEY",
    "tags": "WANDB_TAGS",
    "run_id": "WANDB_RUN_ID",
    "run_group": "WANDB_RUN_GROUP",
    "notes": "WANDB_NOTES",
    "wandb_dir": "WANDB_DIR",
    "concurrency": "WABUCKET_CONCURRENCY",
    "memory": "WABUCKET_MEMORY",
    "deadline": "WABUCKET_DEADLINE",
    "stall_timeout": "WABUCKET_STALL_TIMEOUT",
    "data_plane": "WABUCKET_DATA_PLANE",
    "finish_timeout": "WABUCKET_FINISH_TIMEOUT",
    "executor": "WABUCKET_EXECUTOR",
    "journal_sync": "WABUCKET_JOURNAL_SYNC",
    "stat_cache": "WABUCKET_STAT_CACHE",
    "content_cache": "WABUCKET_CONTENT_CACHE",
    "service_idle": "WABUCKET_SERVICE_IDLE",
    "console": "WABUCKET_CONSOLE",
    "log": "WABUCKET_LOG",
    "trace": "WABUCKET_TRACE",
    "openlineage_url": "OPENLINEAGE_URL",
    "openlineage_api_key": "OPENLINEAGE_API_KEY",
    "openlineage_endpoint": "OPENLINEAGE_ENDPOINT",
    "openlineage_namespace": "OPENLINEAGE_NAMESPACE",
}
"""Setting to variable, in the order in which they are listed."""

KINDS: Final[dict[str, Kind]] = {
    "concurrency": "number",
    "content_cache": "size",
    "deadline": "number",
    "finish_timeout": "number",
    "memory": "size",
    "service_idle": "number",
    "stall_timeout": "number",
    "tags": "list",
}
"""Settings that are not text."""

SECRETS: Final = frozenset({"api_key", "openlineage_api_key"})
_SECRET_WORDS: Final = (
    "key",
    "token",
    "secret",
    "password",
    "sas",
    "connection_string",
    "credential",
    "url",
    "signature",
)
PLACES: Final = frozenset({"storage", "bucket", "catalog"})
"""May hold credentials, wherever they were written."""
PATHS: Final = frozenset({"home", "wandb_dir", "storage", "bucket", "trace"})
"""May be relative paths, which count from the file that holds them or from the working directory."""

PLUGINS: Final = "plugins"
"""The table of a settings file with the options of plugins."""

FLAGS: Final = ("help", "json", "no-progress", "quiet", "verbose", "version")
"""Global options that are no settings."""

ENFORCED: Final = "WABUCKET_ENFORCED"
DEFAULTS: Final = "WABUCKET_DEFAULTS"
OTHER_VARIABLES: Final = frozenset(
    {ENFORCED, DEFAULTS, "WABUCKET_DOTENV", "WABUCKET_OUTPUT_FILE", "WABUCKET_KEY_PASSWORD", "WABUCKET_FAILPOINTS"}
)
"""Variables of ours that are not settings."""


def option(name: str) -> str:
    """The option's spelling on the command line: ``--project-name``."""
    if is_plugin_setting(name):
        _, plugin, of_plugin = name.split(".", 2)
        return plugin_option(plugin, of_plugin)
    return "--" + name.replace("_", "-")


def global_options() -> set[str]:
    """The options before the command, in full; those of plugins stand beside them."""
    return {option(name) for name in ENVIRONMENT} | {f"--{flag}" for flag in FLAGS}


def plugin_setting(plugin: str, option: str) -> str:
    """How an option of a plugin is called among the settings: ``plugins.dask.scheduler``."""
    return f"{PLUGINS}.{plugin}.{option}"


def is_plugin_setting(name: str) -> bool:
    return name.startswith(f"{PLUGINS}.")


def plugin_variable(plugin: str, option: str = "") -> str:
    """The environment variable of an option: ``WABUCKET_DASK_SCHEDULER``."""
    return f"WABUCKET_{plugin}_{option}".upper().replace("-", "_")


def plugin_option(plugin: str, option: str) -> str:
    """Its spelling on the command line: ``--dask-scheduler``."""
    return f"--{plugin}-{option}".replace("_", "-")


def is_secret(name: str) -> bool:
    """Whether a value is never shown. What a plugin's options hold is known to the plugin only: their names tell."""
    return name in SECRETS or (is_plugin_setting(name) and any(word in name for word in _SECRET_WORDS))
