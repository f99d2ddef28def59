"""The edge to W&B's SDK: imported on first use, set up lean, its exceptions translated."""

import importlib
import logging
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from pydantic import ValidationError

from wabucketref.errors import LocalIOError, NotAuthorised, NotFound, TransientError, UsageError, WaBucketError
from wabucketref.settings import Settings

log = logging.getLogger(__name__)

INIT_SECONDS: Final = 8
"""For the start of a run; with the question before it, less than the 10 s that a start may take."""
QUERY_SECONDS: Final = 8
LOG_SECONDS: Final = 60
"""For the server to acknowledge an artifact's record."""
FINISH_SECONDS: Final = 60.0

_LEAN: Final[Mapping[str, Any]] = {
    "console": "off",
    "disable_code": True,
    "disable_git": True,
    "disable_job_creation": True,
    "save_code": False,
    "silent": True,
    "x_disable_meta": True,
    "x_disable_stats": True,
    "x_disable_machine_info": True,
    "x_disable_viewer": True,
    "x_save_requirements": False,
    "x_skip_transaction_log": True,
    "init_timeout": INIT_SECONDS,
    "finish_timeout": FINISH_SECONDS,
    "finish_timeout_raises": True,
    "x_file_stream_transmit_interval": 2.0,
    "x_graphql_retry_max": 4,
    "x_graphql_retry_wait_min_seconds": 0.5,
    "x_graphql_retry_wait_max_seconds": 2,
    "x_graphql_timeout_seconds": 20,
    "x_file_stream_retry_max": 5,
    "x_file_stream_retry_wait_min_seconds": 0.5,
    "x_file_stream_retry_wait_max_seconds": 2,
    "x_file_stream_timeout_seconds": 20,
    "x_file_transfer_retry_max": 4,
    "x_file_transfer_retry_wait_min_seconds": 0.5,
    "x_file_transfer_retry_wait_max_seconds": 2,
}
"""What a record needs and no more: code, console, system metrics and the git scan stay out, and the retries of the SDK
end long before our deadlines, since the journal keeps what they do not achieve."""

_REFUSED = re.compile(r"\b(401|403)\b|unauthori[sz]ed|permission denied|not logged in|API key|forbidden", re.IGNORECASE)
_ABSENT = re.compile(
    r"\b404\b|not found|does not (contain|exist)|could not find|no such|unable to (fetch|parse 'Artifact)",
    re.IGNORECASE,
)


def load() -> Any:
    """The module ``wandb``.

    Raises:
        LocalIOError: it finds no room for its temporary directory.
        WaBucketError: it is broken.
    """
    try:
        return importlib.import_module("wandb")
    except OSError as error:
        hint = "free space in the directory for temporary files, or set TMPDIR to another"
        raise LocalIOError(f"wandb cannot be imported: {error.strerror or error}", hint=hint) from error
    except ImportError as error:
        raise WaBucketError(f"wandb cannot be imported: {error}", hint="pip install --upgrade wandb") from error


def run_settings(settings: Settings) -> Any:
    """``wandb.Settings`` for a run of ours; what this release of the SDK does not know is left out."""
    wandb = load()
    given: dict[str, Any] = dict(_LEAN) | {"root_dir": str(directory(settings))}
    if settings.base_url is not None:
        given["base_url"] = settings.base_url
    if settings.api_key is not None:
        given["api_key"] = settings.api_key.get_secret_value()
    return wandb.Settings(**{name: value for name, value in given.items() if name in wandb.Settings.model_fields})


@contextmanager
def quiet(wandb: Any) -> Iterator[None]:
    """The SDK prints nothing meanwhile: which key it logs in with it tells even a run that is set to be silent."""
    usual = wandb.setup().settings
    wandb.termsetup(wandb.Settings(silent=True), None)
    try:
        yield
    finally:
        wandb.termsetup(usual, None)


def directory(settings: Settings) -> os.PathLike[str]:
    """Where the SDK keeps its files, made when missing: ours unless the user chose one."""
    found = settings.wandb_dir or settings.home / "cache" / "wandb"
    try:
        found.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LocalIOError(f"cannot make {found}: {error.strerror}", hint="set WANDB_DIR to another place") from error
    return found


def public_api(settings: Settings) -> Any:
    """A ``wandb.Api`` whose questions end in time."""
    wandb = load()
    overrides = {"base_url": settings.base_url} if settings.base_url is not None else {}
    key = settings.api_key.get_secret_value() if settings.api_key is not None else None
    return wandb.Api(overrides=overrides, timeout=QUERY_SECONDS, api_key=key)


@contextmanager
def mapped(what: str) -> Iterator[None]:
    """Translate what the SDK raises in the block; `what` says what was to be done.

    The SDK has tried again by itself, so what it gives up is not tried again at once.
    """
    try:
        yield
    except (WaBucketError, KeyboardInterrupt):
        raise
    except Exception as error:
        log.debug("%s", what, exc_info=True)
        raise translated(error, what) from error


def translated(error: Exception, what: str) -> WaBucketError:
    """Our kind of error for one of the SDK's, by its words: its type says little (an
    ``AuthenticationError`` may be a server that is away)."""
    text = " ".join(str(error).split())[:500] or type(error).__name__
    message = f"{what}: W&B says: {text}"
    if isinstance(error, ValidationError):
        return UsageError(message, hint="check the variables WANDB_... and W&B's settings file")
    if _REFUSED.search(text) and not _is_network(text):
        return NotAuthorised(message, hint="check WANDB_API_KEY and who may write to the entity and project")
    if _ABSENT.search(text) and not _is_network(text):
        return NotFound(message)
    hint = "check that the server can be reached (WANDB_BASE_URL), then run `wabucket sync`"
    return TransientError(message, hint=hint, retryable=False)


def _is_network(text: str) -> bool:
    return bool(re.search(r"dial tcp|connection|timed? ?out|did not respond|giving up|EOF|no such host", text, re.I))
