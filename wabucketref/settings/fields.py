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
    "finish_timeout": "WABUCKET_FINISH_TIMEOUT",
    "journal_sync": "WABUCKET_JOURNAL_SYNC",
    "service_idle": "WABUCKET_SERVICE_IDLE",
    "console": "WABUCKET_CONSOLE",
    "log": "WABUCKET_LOG",
    "trace": "WABUCKET_TRACE",
}
"""Setting to variable, in the order in which they are listed."""

KINDS: Final[dict[str, Kind]] = {
    "concurrency": "number",
    "deadline": "number",
    "finish_timeout": "number",
    "memory": "size",
    "service_idle": "number",
    "stall_timeout": "number",
    "tags": "list",
}
"""Settings that are not text."""

SECRETS: Final = frozenset({"api_key"})
PLACES: Final = frozenset({"storage", "bucket"})
"""May hold credentials, wherever they were written."""
PATHS: Final = frozenset({"home", "wandb_dir", "storage", "bucket", "trace"})
"""May be relative paths, which count from the file that holds them or from the working directory."""

ENFORCED: Final = "WABUCKET_ENFORCED"
DEFAULTS: Final = "WABUCKET_DEFAULTS"
OTHER_VARIABLES: Final = frozenset(
    {ENFORCED, DEFAULTS, "WABUCKET_DOTENV", "WABUCKET_OUTPUT_FILE", "WABUCKET_FAILPOINTS"}
)
"""Variables of ours that are not settings."""


def option(name: str) -> str:
    """The option's spelling on the command line: ``--project-name``."""
    return "--" + name.replace("_", "-")
